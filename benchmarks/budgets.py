"""Decisions inside a budget on an emulated core: python benchmarks/budgets.py MODEL DATA [--budgets 50] [--windows 4]

For each of so many budgets, from the answer that computes nothing to the bound, so many test windows are decided by the
generated C; prints the most instructions executed beside the budget, and accuracy by the interpreter over all windows.
Exits with 1 if any decision executed more than its budget.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.cleanup import windows_of
from codegen.anytime import Anytime
from codegen.target.device_within import DeviceWithin
from hybrid import anytime
from hybrid.training import window_maps


def main() -> int:
    """Decide, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--budgets", type=int, default=50)
    parser.add_argument("--windows", type=int, default=4, help="windows decided on the core at each budget")
    parser.add_argument("--compiler", default="zig")
    options = parser.parse_args()
    plan, splits = windows_of(options.model, options.data, 0)
    how, test = Anytime(plan), splits["test"]
    wanted = {f.map for f in plan.forest.features} | {s.base for s in plan.forest.stages if s.base}
    maps = {s: window_maps(plan.graph, splits[s].pcm, sorted(wanted)) for s in ("validation", "test")}
    steps = {s: anytime.run(plan, own) for s, own in maps.items()}
    over = 0
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        device = DeviceWithin(plan, Path(scratch), options.compiler)
        print(f"{plan.core}, {options.compiler}: budgets {how.answer:,} .. {how.most:,}; prior {plan.forest.prior}")
        even = np.linspace(how.answer, how.most, options.budgets).astype(int).tolist()
        for number, budget in enumerate(even):
            rows = [(number * options.windows + i) % len(test.pcm) for i in range(options.windows)]
            ran = [device.run(test.pcm[row], budget) for row in rows]
            inside = {s: p.inside(budget) for s, p in steps.items()}
            for row, (_, *found) in zip(rows, ran, strict=True):
                expected = [int(getattr(inside["test"], f)[row]) for f in ("label", "stage", "cost")]
                assert found == expected, (row, budget, found, expected)
            most = max(spent for spent, *_ in ran)
            over += most > budget
            right = " / ".join(f"{100 * (one.label == splits[s].truth).mean():5.2f}" for s, one in inside.items())
            print(f"{budget:>10,}  executed at most {most:>10,}  accuracy {right}", flush=True)
    print(f"{over} of {len(even)} budgets exceeded")
    return int(over > 0)


if __name__ == "__main__":
    sys.exit(main())
