"""A linked ELF image: what is loaded where, and which symbol owns which address."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from codegen.target.cores import TargetError

ALLOCATED, WRITABLE = 2, 1


@dataclass(frozen=True)
class Symbol:
    """A function or object: address (without the Thumb bit), bytes, and its kind 'STT_FUNC' or 'STT_OBJECT'."""

    name: str
    address: int
    size: int
    kind: str


@dataclass(frozen=True)
class Section:
    """Bytes of an allocated section, and whether they lie in flash (an initial value, too) and in RAM."""

    name: str
    size: int
    in_flash: bool
    in_ram: bool


@dataclass(frozen=True)
class Image:
    """segments: (address, bytes) to load; code: the executable bytes from `code_base`."""

    segments: tuple[tuple[int, bytes], ...]
    symbols: dict[str, Symbol]
    code_base: int
    code: bytes
    data_ranges: tuple[tuple[int, int], ...]
    """[start, end) addresses inside the code that hold data (mapping symbols $d)."""
    sections: tuple[Section, ...] = field(default=())

    @cached_property
    def functions(self) -> list[Symbol]:
        """Functions by address."""
        return sorted((s for s in self.symbols.values() if s.kind == "STT_FUNC"), key=lambda s: s.address)

    @property
    def flash(self) -> int:
        """Bytes of code, constants and initial values."""
        return sum(s.size for s in self.sections if s.in_flash)

    @property
    def static_ram(self) -> int:
        """Bytes of variables."""
        return sum(s.size for s in self.sections if s.in_ram)

    def variants(self, function: str) -> list[Symbol]:
        """The function and its copies that a compiler made under names like `function.constprop.0`."""
        return [s for s in self.functions if s.name == function or s.name.startswith(f"{function}.")]

    def place(self, address: int) -> str:
        """`function+offset` of an address in the code, or the address."""
        for symbol in self.functions:
            if symbol.address <= address < symbol.address + max(symbol.size, 2):
                return f"{symbol.name}+{address - symbol.address:#x}"
        return f"{address:#x}"


def read_image(path: Path) -> Image:
    """The image in an ELF file. Raises TargetError for anything else."""
    try:
        with path.open("rb") as stream:
            return _read(ELFFile(stream))
    except (ELFError, ConstructError, OSError, KeyError, ValueError, AttributeError, struct.error) as error:
        reason = str(error) or type(error).__name__
        raise TargetError(f"{path} is no linked ELF file ({reason}): build it again") from None


def _read(elf: ELFFile) -> Image:
    loaded = (s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"])
    segments = tuple((s["p_vaddr"], s.data()) for s in loaded)
    text: Any = elf.get_section_by_name(".text")
    table: Any = elf.get_section_by_name(".symtab")
    if elf["e_machine"] != "EM_ARM" or not segments or text is None or table is None:
        raise ELFError("it has no Arm code or no symbols")
    symbols, marks = {}, []
    for entry in table.iter_symbols():
        kind, section = entry["st_info"]["type"], entry["st_shndx"]
        if entry.name.startswith(("$t", "$d", "$a")):
            marks.append((entry["st_value"], entry.name[1]))
        elif kind in ("STT_FUNC", "STT_OBJECT") and isinstance(section, int):
            address = entry["st_value"] & ~1 if kind == "STT_FUNC" else entry["st_value"]
            symbols[entry.name] = Symbol(entry.name, address, entry["st_size"], kind)
    base, end = text["sh_addr"], text["sh_addr"] + text["sh_size"]
    marks = sorted(m for m in marks if base <= m[0] < end)
    stops = [address for address, _ in marks[1:]] + [end]
    data = tuple((address, stop) for (address, kind), stop in zip(marks, stops, strict=True) if kind == "d")
    sections = (_section(s) for s in elf.iter_sections() if s["sh_flags"] & ALLOCATED and s["sh_size"])
    return Image(segments, symbols, base, text.data(), data, tuple(sections))


def _section(section: Any) -> Section:
    stored = section["sh_type"] != "SHT_NOBITS"
    return Section(section.name, section["sh_size"], stored, bool(section["sh_flags"] & WRITABLE))
