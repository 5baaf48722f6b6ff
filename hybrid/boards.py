"""Well-known boards, and what a model makes of one: memory, time, energy and battery life. Estimates, named so."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hybrid.errors import HybridError

KB = 1024
UNCHECKED = "rounded, not checked against a datasheet"


@dataclass(frozen=True)
class Board:
    """A board of boards.toml; a current is None where it is not known, its source None where it was not checked."""

    name: str
    title: str
    core: str
    clock_mhz: float
    flash_kb: int
    ram_kb: int
    volts: float
    active_ma: float | None = None
    sleep_ua: float | None = None
    active_source: str | None = None
    sleep_source: str | None = None
    stand_in: bool = False

    @property
    def currents(self) -> str:
        """Where the currents come from."""
        known = [(self.active_ma, self.active_source), (self.sleep_ua, self.sleep_source)]
        unchecked = [source is None for current, source in known if current is not None]
        if not unchecked:
            return "currents not known"
        if all(unchecked):
            return f"typical currents of the chip: {UNCHECKED}"
        return "typical currents of the chip" + (f", one of them {UNCHECKED}" if any(unchecked) else ", documented")


@cache
def boards() -> dict[str, Board]:
    """The boards by name."""
    found = tomllib.loads((files("hybrid") / "boards.toml").read_text("utf-8"))
    return {name: Board(name, **entry) for name, entry in found.items()}


def find_board(name: str) -> Board:
    """The board of a name. Raises HybridError naming those there are."""
    try:
        return boards()[name]
    except KeyError:
        raise HybridError(f"board {name!r} is unknown: choose from {', '.join(boards())}") from None


def need(bench: dict[str, Any]) -> tuple[int, int, str]:
    """Bytes of flash and RAM (stack included) that a benched model takes, and how: as a 'stream' or by the 'window'.

    A stream needs its context only, a window the caller's samples as well: the way that takes less RAM counts.
    """
    ram, stream = bench["ram"], bench["stream"]
    whole = ram["context"] + ram["static"] + ram["window"] + bench["stack"]["lazy"]
    ways = [(bench["flash"]["total"], whole, "window")]
    if stream is not None:
        ways.append((stream["flash"], stream["context"] + stream["static"] + stream["stack"], "stream"))
    return min(ways, key=lambda way: way[1])


def on_board(board: Board, bench: dict[str, Any], interval: float, battery_mah: float) -> dict[str, Any]:
    """What a benched model makes of a board: shares of memory, and estimates of time, energy and battery life.

    interval: seconds between decisions; battery_mah: capacity in mAh. Time comes from the cycle estimate where Arm
    publishes timings of the core, else from one cycle an instruction; energy from the currents (see `Board.currents`).
    """
    flash, ram, way = need(bench)
    cycles = bench["cycles"]["lazy"]["likely"] if bench["cycles"] else bench["lazy"]["mean"]
    seconds = cycles / (board.clock_mhz * 1e6)
    duty = seconds / interval
    return {
        "name": board.name,
        "title": board.title,
        "core": board.core,
        "way": way,
        "flash": _memory(flash, board.flash_kb * KB),
        "ram": _memory(ram, board.ram_kb * KB),
        "fits": not over(board, bench),
        "estimate": {
            "what": _what(board, bench),
            "seconds_per_decision": seconds,
            "millijoule_per_decision": _energy(board, seconds),
            "interval_s": interval,
            "duty": duty,
            "keeps_up": duty <= 1,
            **_battery(board, duty, battery_mah),
        },
    }


def _memory(used: int, there: int) -> dict[str, Any]:
    return {"bytes": used, "of": there, "share": used / there}


def over(board: Board, bench: dict[str, Any]) -> list[str]:
    """What of the model does not fit, and by how much; nothing if it fits."""
    found = []
    parts = zip(("flash", "RAM"), need(bench)[:2], (board.flash_kb, board.ram_kb), strict=True)
    for what, used, there in parts:
        if used > there * KB:
            found.append(f"{what} by {(used - there * KB):,} bytes ({used:,} of {there * KB:,})")
    return found


def _what(board: Board, bench: dict[str, Any]) -> str:
    base = "estimated cycles" if bench["cycles"] else "one cycle an instruction assumed"
    core = f"{bench['core']} in place of the board's core, " if board.stand_in else ""
    return f"estimate: {core}{base} at {board.clock_mhz:g} MHz, {board.currents}"


def _energy(board: Board, seconds: float) -> float | None:
    return None if board.active_ma is None else board.active_ma * board.volts * seconds


def _battery(board: Board, duty: float, battery_mah: float) -> dict[str, float | None]:
    """Mean current in mA and battery life in hours; None where a current is not documented or time runs out."""
    if board.active_ma is None or board.sleep_ua is None or duty > 1:
        return {"mean_ma": None, "battery_mah": battery_mah, "battery_hours": None}
    mean = board.active_ma * duty + board.sleep_ua / 1000 * (1 - duty)
    return {"mean_ma": mean, "battery_mah": battery_mah, "battery_hours": battery_mah / mean}


def listing() -> str:
    """The boards as lines for people."""
    width = max(map(len, boards()))
    lines = []
    for name, b in boards().items():
        active = _current(b.active_ma, "mA", b.active_source)
        sleep = _current(b.sleep_ua, "uA", b.sleep_source)
        core = f"as {b.core}" if b.stand_in else b.core
        lines.append(
            f"{name:<{width}}  {core:<16} {b.clock_mhz:>4g} MHz  {b.flash_kb:>5,} kB flash {b.ram_kb:>5,} kB RAM  "
            f"{active:>8} active {sleep:>8} asleep  {b.title}"
        )
    return "\n".join([*lines, f"~ {UNCHECKED}; sources of the others: hybrid/boards.toml"])


def _current(value: float | None, unit: str, source: str | None) -> str:
    return "-" if value is None else f"{'' if source else '~'}{value:g} {unit}"
