"""What things cost, in instructions: a versioned table per core, and the prices of a plan's parts made from it.

The tables are made by benchmarks/calibrate.py with a pinned compiler and are part of the package, so that one model
gives the same figures and the same C on every machine. `hybrid bench` measures; it never writes here.
"""

from codegen.prices.table import CORES, DEFAULT_CORE, PriceError, Table, find_table

__all__ = ["CORES", "DEFAULT_CORE", "PriceError", "Table", "find_table"]
