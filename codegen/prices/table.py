"""A core's price table: how many instructions one run of each part of the generated C takes at most."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")
DEFAULT_CORE = "cortex-m4"
UNIT = 1000
"""Prices are whole thousandths of an instruction: sums of them are exact, so every machine gets the same figures."""


class PriceError(ValueError):
    """A core without a table, or work that its table does not price."""


@dataclass(frozen=True)
class Table:
    """core: its name; version: raised when the prices change; compiler, flags: what the prices were measured with."""

    core: str
    version: int
    compiler: str
    flags: str
    prices: Mapping[str, int]
    """Name of a part, "kernel.part" -> thousandths of an instruction for one run of it."""

    def price(self, work: Mapping[str, int]) -> int:
        """Instructions that `work` (part -> runs) takes at most. Raises PriceError for a part without a price."""
        try:
            total = sum(self.prices[part] * runs for part, runs in work.items() if runs)
        except KeyError as missing:
            raise PriceError(
                f"the price table of {self.core} has no price of {missing}: run benchmarks/calibrate.py"
            ) from None
        return -(-total // UNIT)


@functools.cache
def find_table(core: str) -> Table:
    """The table of a core. Raises PriceError naming the cores there are."""
    if core not in CORES:
        raise PriceError(f"core {core!r} is unknown: choose from {', '.join(CORES)}")
    entry = json.loads((files("codegen.prices") / f"{core}.json").read_text("utf-8"))
    return Table(**entry)
