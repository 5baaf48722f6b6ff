"""Exits where clips are cut into several windows: one margin for windows and for the sum over them.

A clip is decided by the sum of its windows' scores, and leaves, with windows still to come, as soon as one class leads
that sum by the margin (a sequential test: Wald 1945, Annals of Mathematical Statistics 16). A window leaves a stage by
the same margin.

There are a few dozens of validation clips where there are hundreds of windows. Margins chosen stage by stage fit their
luck, and so does the lowest margin that harms no more clips than allowed: single ones decide where it lies. How the
share of clips harmed falls with the margin is known better than any of its points, so an exponential is put through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hybrid.exits import Chosen
from hybrid.windows import asked, summed
from tree_backends.evaluate import margin
from tree_backends.forest import NEVER

STEP = 0.5
"""Between margins that are tried, in logits."""
MOST = 60.0
"""The highest margin that is tried, in logits."""


@dataclass(frozen=True, eq=False)
class Clips:
    """What clips say of leaving. scores: int64 (stages, n, classes) after each stage; clip: number of each window's
    clip, from 0, ascending; truth: (clips,), or None where an exit is to agree with the whole forest; cost: (stages,),
    of a window that leaves there; unit: of the scores, in logits.
    """

    scores: np.ndarray
    clip: np.ndarray
    truth: np.ndarray | None
    cost: np.ndarray
    unit: float

    @cached_property
    def leads(self) -> np.ndarray:
        """Margin of each window after each stage, (stages, n)."""
        return np.stack([margin(s) for s in self.scores])

    @cached_property
    def whole(self) -> np.ndarray:
        """Labels of clips of which every window is decided to the end, (clips,)."""
        return summed(self.scores[-1], self.clip, np.ones(len(self.clip), dtype=bool)).argmax(axis=1)

    def leave(self, needed: int) -> tuple[float, float]:
        """(mean cost of a window, those left out among them, share of clips harmed) by a margin. Harmed is another
        label than by all windows whole; with truth, a wrong label where that one is right."""
        gone = self.leads >= needed
        gone[-1] = True
        stage = gone.argmax(axis=0)
        scores = self.scores[stage, np.arange(len(stage))]
        among = asked(scores, self.clip, needed)
        label = summed(scores, self.clip, among).argmax(axis=1)
        harmed = label != self.whole
        if self.truth is not None:
            harmed &= self.whole == self.truth
        return float((self.cost[stage] * among).mean()), float(harmed.mean())


def fit_clip_exits(found: Clips, budget: float) -> Chosen:
    """The margin that harms a share of clips of about `budget`; 0: the lowest from which on none of these is harmed."""
    step = max(1, round(STEP / found.unit))
    tried = [*range(step, round(MOST / found.unit) + step, step), NEVER]
    harmed = np.array([found.leave(needed)[1] for needed in tried])
    unharmed = tried[int(np.flatnonzero(harmed).max(initial=-1)) + 1]
    needed = step + _fall(harmed, step, budget) if budget > 0 else unharmed
    stages, _, classes = found.scores.shape
    cost, share = found.leave(needed)
    return Chosen([[needed] * classes] * (stages - 1) + [[0] * classes], "one", 1.0, cost, share, needed)


def _fall(harmed: np.ndarray, step: int, budget: float) -> int:
    """How far above the first margin the share harmed meets the budget, by the exponential that begins where the shares
    `harmed` at margins `step` apart do and has the same area under it."""
    if harmed[0] <= budget:
        return 0
    return round(step * harmed.sum() / harmed[0] * np.log(harmed[0] / budget))
