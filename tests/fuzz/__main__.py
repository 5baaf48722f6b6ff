"""Fuzz what reads input from outside: python -m tests.fuzz [--minutes N] [--target NAME ...] [--seed S]

Targets: model-file (hostile and damaged model folders), lightgbm-text and ensemble-file (trained trees), push (streams
of generated C: libFuzzer with address and undefined-behaviour sanitizers where clang is there, and C against Python).
The minutes are shared evenly. Exit code 1 if something was found; each finding says how to repeat it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np

from tests.fuzz.finding import Outcome, repeat
from tests.fuzz.model_file import ModelFiles
from tests.fuzz.push import fuzz_push
from tests.fuzz.trees import Files, Texts

EXECUTORS: dict[str, Callable[[], Callable[[np.random.Generator], str]]] = {
    "model-file": ModelFiles,
    "lightgbm-text": Texts,
    "ensemble-file": Files,
}
TARGETS = (*EXECUTORS, "push")


def fuzz(target: str, seed: int, seconds: float, runs: int | None = None, first: int = 0) -> Outcome:
    """Fuzz one target for so long, or `runs` executions from number `first` on."""
    if target == "push":
        return fuzz_push(seed, seconds, runs)
    return repeat(target, EXECUTORS[target](), seed, seconds, runs, first)


def main() -> int:
    """Fuzz, and tell what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, help="at most so many executions of each target")
    parser.add_argument("--first", type=int, default=0, help="number of the first execution, not for push")
    options = parser.parse_args()
    found = 0
    for target in options.target:
        seconds = 60 * options.minutes / len(options.target)
        outcome = fuzz(target, options.seed, seconds, options.runs, options.first)
        print(outcome.line(), flush=True)
        for text in outcome.findings:
            print(f"  {text}")
        found += len(outcome.findings)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
