"""What a fuzzer run says: executions, and inputs that a program did not stand."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

SLOW = 20.0
"""Seconds that no execution may take."""


class Finding(Exception):
    """Something that must never be: the message says what."""


@dataclass
class Outcome:
    """Of one target: seconds, executions by how they ended, and findings, each with what repeats it."""

    target: str
    seconds: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for people."""
        ways = ", ".join(f"{count:,} {way}" for way, count in sorted(self.ended.items()))
        return f"{self.target}: {self.seconds:.0f} s, {self.ended.total():,} executions ({ways}), {self.say()}"

    def say(self) -> str:
        return f"{len(self.findings)} findings" if self.findings else "no finding"


def repeat(
    target: str, execute: Callable[[np.random.Generator], str], seed: int, seconds: float, runs: int | None,
    first: int = 0,
) -> Outcome:  # fmt: skip
    """Execute until the time is over, or `runs` times. Execution n draws from the generator of (seed, n) alone.

    execute: says how it ended; whatever it raises is a finding.
    """
    outcome, begun, number = Outcome(target), time.monotonic(), first
    while time.monotonic() - begun < seconds and (runs is None or number < first + runs):
        started = time.monotonic()
        try:
            outcome.ended[execute(np.random.default_rng([seed, number]))] += 1
            if time.monotonic() - started > SLOW:
                raise Finding(f"took {time.monotonic() - started:.0f} s")
        except Exception as error:
            outcome.ended["failed"] += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
            again = f"--target {target} --seed {seed} --first {number} --runs 1"
            outcome.findings.append(f"{type(error).__name__} at {where}: {error} (repeat: {again})")
        number += 1
    outcome.seconds = time.monotonic() - begun
    return outcome
