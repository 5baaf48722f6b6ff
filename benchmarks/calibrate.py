"""Make the price tables: python benchmarks/calibrate.py [--core NAME ...] [--check] [--only OP ...]

Measures the generated kernels and whole decisions on emulated cores, compiled by the `ziglang` wheel, and writes
codegen/prices/<core>.json: the smallest prices that no measurement exceeds. Prints, per kind of work, how far the
prices lie above what was measured on shapes of the presets. With --check nothing is written: the tables that are there
are held to random shapes that they were not fitted to. --only measures some ops and replaces their parts in the tables
that are there, which else stay as they are.

A compiler makes other code of the same kernel in another model: where it serves one shape alone, lengths are constants.
So an envelope needs many models: with three rounds of random ones prices of shapes not seen lay up to 38 % under what
they took, with the default at most a few percent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.calibration.copies import copies
from benchmarks.calibration.envelope import Sample, envelope, ratios
from benchmarks.calibration.kernels import Bench
from benchmarks.calibration.overheads import overheads
from benchmarks.calibration.shapes import Shapes
from codegen.prices.table import CORES, find_table
from codegen.target.cores import Core, find_core
from codegen.target.cross import FLAGS, version
from feature_extractors.ops.base import REGISTRY

FOLDER = Path(__file__).resolve().parents[1] / "codegen" / "prices"
ROUNDS = 40
"""Random cases: this many rounds of one of each kind."""
CHECKED = 10
"""The same, of those that are held out."""
UNIT_CASES = 32
"""Cases that share one translation unit, and with it kernels that know nothing of a single shape."""


def kernels(core: Core, seed: int, rounds: int, only: Sequence[str] = ()) -> list[Sample]:
    """Measurements of the kernels: the ops of one model at a time, random ones together, some of them alone.

    only: names of the ops to measure, all if there are none.
    """
    shapes = Shapes(seed)
    unusual = list(shapes.unusual(rounds))
    together = -(-len(unusual) // UNIT_CASES)
    alone = [[case] for case in [*unusual[: len(unusual) // rounds], *shapes.spectra()]]
    units = [*shapes.usual(), shapes.mixed(), *(unusual[i::together] for i in range(together)), *alone]
    units = [[case for case in unit if not only or case.op.name in only] for unit in units]
    found: list[Sample] = []
    for number, unit in enumerate(unit for unit in units if unit):
        found += Bench(unit, core, seed + number).samples()
    return found


def told(samples: Sequence[Sample], prices: Mapping[str, int]) -> str:
    """Mean and largest overestimate of each op's samples, and the largest underestimate if there is one."""
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    missing = {part for sample in samples for part, runs in sample.work.items() if runs and part not in prices}
    for sample, ratio in zip(samples, ratios(samples, prices), strict=True):
        groups[" ".join(sample.what.split()[:2])].append((100 * (float(ratio) - 1), sample.what))
    lines = [f"  NO PRICE of {', '.join(sorted(missing))}"] if missing else []
    for name, pairs in sorted(groups.items()):
        values = np.array([v for v, _ in pairs])
        over = f"over by mean {values.mean():6.1f} %, most {values.max():6.1f} %"
        lines.append(f"  {name:24} {len(values):5} samples: {over}")
        if values.min() < 0:
            under = int((values < 0).sum())
            lines[-1] += f", UNDER in {under}, by at most {-values.min():.2f} % ({min(pairs)[1]})"
    return "\n".join(lines)


def make(core: Core, rounds: int, version_number: int, reserve: float, only: Sequence[str] = ()) -> None:
    """Measure, fit, write and tell. only: ops whose parts are made anew, all if there are none."""
    start = time.monotonic()
    samples = [*kernels(core, 1, rounds, only), *([] if only else [*overheads(core, 1, 2 * rounds), *copies(core)])]
    prices = envelope(samples, reserve)
    if only:
        others = {part: price for part, price in find_table(core.name).prices.items() if part.split(".")[0] not in only}
        prices = dict(sorted((others | prices).items()))
    print(f"{core.name}: {len(samples)} samples in {time.monotonic() - start:.0f} s")
    print("usual shapes\n" + told([s for s in samples if s.weight == 1], prices), flush=True)
    document = {
        "core": core.name, "version": version_number, "compiler": version("zig"), "flags": " ".join(FLAGS),
        "prices": prices,
    }  # fmt: skip
    (FOLDER / f"{core.name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def check(core: Core, rounds: int, only: Sequence[str] = ()) -> None:
    """Hold the table that is there to shapes that it was not fitted to."""
    table = find_table(core.name)
    samples = [*kernels(core, 2, rounds, only), *([] if only else overheads(core, 2, rounds))]
    held_out = [s for s in samples if s.weight < 1 or s.what.startswith("decision")]
    print(f"{core.name}, version {table.version}: shapes not fitted to\n{told(held_out, table.prices)}", flush=True)


def main() -> None:
    """Make the tables, or check those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", nargs="+", default=list(CORES), choices=CORES)
    parser.add_argument("--version", type=int, help="version of the tables (default: one above those that are there)")
    parser.add_argument("--reserve", type=float, default=0.01, help="share on top for shapes that were not measured")
    parser.add_argument("--check", action="store_true", help="check the tables on other random shapes; write nothing")
    parser.add_argument("--only", nargs="+", default=[], metavar="OP", choices=sorted(REGISTRY), help="these ops alone")
    parser.add_argument("--rounds", type=int, help=f"random models (default: {ROUNDS}, to check {CHECKED})")
    options = parser.parse_args()
    number = options.version or 1 + max(find_table(name).version for name in CORES)
    for name in options.core:
        if options.check:
            check(find_core(name), options.rounds or CHECKED, options.only)
        else:
            make(find_core(name), options.rounds or ROUNDS, number, options.reserve, options.only)


if __name__ == "__main__":
    main()
