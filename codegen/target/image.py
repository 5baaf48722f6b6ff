"""A linked ELF image: what is loaded where, and which symbol owns which address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from codegen.target.cores import TargetError


@dataclass(frozen=True)
class Symbol:
    """A function or object: address (without the Thumb bit), bytes, and its kind 'STT_FUNC' or 'STT_OBJECT'."""

    name: str
    address: int
    size: int
    kind: str


@dataclass(frozen=True)
class Image:
    """segments: (address, bytes) to load; code: the executable bytes from `code_base`."""

    segments: tuple[tuple[int, bytes], ...]
    symbols: dict[str, Symbol]
    code_base: int
    code: bytes
    data_ranges: tuple[tuple[int, int], ...]
    """[start, end) addresses inside the code that hold data (mapping symbols $d)."""

    @property
    def functions(self) -> list[Symbol]:
        """Functions by address."""
        return sorted((s for s in self.symbols.values() if s.kind == "STT_FUNC"), key=lambda s: s.address)


def read_image(path: Path) -> Image:
    """The image in an ELF file. Raises TargetError for anything else."""
    try:
        with path.open("rb") as stream:
            return _read(ELFFile(stream))
    except (ELFError, OSError, KeyError) as error:
        raise TargetError(f"{path} is no linked ELF file ({error}): build it again") from None


def _read(elf: ELFFile) -> Image:
    loaded = (s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"])
    segments = tuple((s["p_vaddr"], s.data()) for s in loaded)
    text: Any = elf.get_section_by_name(".text")
    table: Any = elf.get_section_by_name(".symtab")
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
    return Image(segments, symbols, base, text.data(), data)
