"""Make the price tables: python benchmarks/calibrate.py [--core NAME ...] [--check]

Measures the generated kernels and whole decisions on emulated cores, compiled by the `ziglang` wheel, and writes
codegen/prices/<core>.json: the smallest prices that no measurement exceeds. Prints, per kind of work, how far the
prices lie above what was measured, on shapes of the presets and, with --check, on random ones not fitted to.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.calibration.copies import copies
from benchmarks.calibration.envelope import Sample, envelope, ratios
from benchmarks.calibration.kernels import Bench
from benchmarks.calibration.overheads import overheads
from benchmarks.calibration.shapes import Shapes
from codegen.prices.table import CORES
from codegen.target.cores import Core, find_core
from codegen.target.cross import FLAGS, version

FOLDER = Path(__file__).resolve().parents[1] / "codegen" / "prices"
ROUNDS = 10
"""Random cases: this many rounds of one of each kind."""
UNIT_CASES = 32
"""Cases that share one translation unit, and with it kernels that know nothing of a single shape."""


def kernels(core: Core, seed: int, rounds: int) -> list[Sample]:
    """Measurements of the kernels: the ops of one model at a time, random ones together, some of them alone."""
    shapes = Shapes(seed)
    unusual = list(shapes.unusual(rounds))
    together = -(-len(unusual) // UNIT_CASES)
    alone = [[case] for case in [*unusual[: len(unusual) // rounds], *shapes.spectra()]]
    units = [*shapes.usual(), *(unusual[i::together] for i in range(together)), *alone]
    found = []
    for number, unit in enumerate(units):
        found += Bench(unit, core, seed + number).samples()
    return found


def told(samples: Sequence[Sample], prices: dict[str, int]) -> str:
    """Mean and largest overestimate of each op's samples, and the largest underestimate if there is one."""
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for sample, ratio in zip(samples, ratios(samples, prices), strict=True):
        groups[" ".join(sample.what.split()[:2])].append((100 * (float(ratio) - 1), sample.what))
    lines = []
    for name, pairs in sorted(groups.items()):
        values = np.array([v for v, _ in pairs])
        over = f"over by mean {values.mean():6.1f} %, most {values.max():6.1f} %"
        lines.append(f"  {name:24} {len(values):5} samples: {over}")
        if values.min() < 0:
            lines[-1] += f", UNDER by {-values.min():.2f} % ({min(pairs)[1]})"
    return "\n".join(lines)


def main() -> None:
    """Measure, fit, write, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", nargs="+", default=list(CORES), choices=CORES)
    parser.add_argument("--version", type=int, default=1, help="version of the tables; raise it when prices change")
    parser.add_argument("--reserve", type=float, default=0.01, help="share on top for shapes that were not measured")
    parser.add_argument("--check", action="store_true", help="measure other random shapes, too, and tell")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    for name in options.core:
        start, core = time.monotonic(), find_core(name)
        samples = [*kernels(core, 1, options.rounds), *overheads(core, 1, 4 * options.rounds), *copies(core)]
        prices = envelope(samples, options.reserve)
        print(f"{name}: {len(samples)} samples in {time.monotonic() - start:.0f} s")
        print("usual shapes\n" + told([s for s in samples if s.weight == 1], prices))
        if options.check:
            held_out = [*kernels(core, 2, max(1, options.rounds // 3)), *overheads(core, 2, options.rounds)]
            chosen = [s for s in held_out if s.weight < 1 or s.what.startswith("decision")]
            print("shapes not fitted to\n" + told(chosen, prices))
        document = {
            "core": name, "version": options.version, "compiler": version("zig"), "flags": " ".join(FLAGS),
            "prices": prices,
        }  # fmt: skip
        (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
