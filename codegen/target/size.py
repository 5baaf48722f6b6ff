"""Flash of a linked program by symbol: the program minus an empty one, as a user's build would grow by it."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.target.cross import FLASH, FLASH_BYTES
from codegen.target.image import Image, Symbol

REST = "(literals, padding and unnamed)"


@dataclass(frozen=True)
class Size:
    """Bytes of flash, and of each symbol, the largest first; `static_ram`: bytes of variables."""

    flash: int
    static_ram: int
    code: int
    tables: int
    by_symbol: dict[str, int]


def size_of(program: Image, empty: Image) -> Size:
    """What `program` holds beyond `empty`. Objects in RAM take flash only for initial values, which REST holds."""
    flash = program.flash - empty.flash
    found = {}
    for name, symbol in _once(program).items():
        grown = symbol.size - (empty.symbols[name].size if name in empty.symbols else 0)
        if grown > 0 and _in_flash(program, symbol.address):
            found[name] = grown
    code = sum(found[s.name] for s in program.functions if s.name in found)
    named = dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
    rest = flash - sum(found.values())
    if rest:
        named[REST] = rest
    static = program.static_ram - empty.static_ram
    return Size(flash, static, code, sum(found.values()) - code, named)


def _once(image: Image) -> dict[str, Symbol]:
    """Symbols without second names of the same bytes, as runtime libraries have them; the first by name stays."""
    by_place = {(s.address, s.size): s for s in sorted(image.symbols.values(), key=lambda s: s.name, reverse=True)}
    return {s.name: s for s in by_place.values()}


def _in_flash(image: Image, address: int) -> bool:
    return FLASH <= address < FLASH + FLASH_BYTES
