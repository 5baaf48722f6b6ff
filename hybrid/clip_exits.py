"""Exits where clips are cut into several windows: one margin for windows and for the sum over them.

A clip is decided by the sum of its windows' scores, and leaves, with windows still to come, as soon as one class leads
that sum by the clip margin (a sequential test: Wald 1945, Annals of Mathematical Statistics 16). A window leaves a
stage by a share of that margin, as later windows can still outvote it.

All hangs on one number and a share: there are a few dozens of validation clips where there are hundreds of windows, and
margins chosen stage by stage on these fit their luck. What is harmed is counted in clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hybrid.exits import SHARES, Chosen, Trial, affordable, cheapest, fold_of
from hybrid.windows import asked, summed
from tree_backends.evaluate import margin
from tree_backends.forest import NEVER

WINDOW_SHARES = (1.0, 0.75, 0.5)
"""Parts of the clip margin that are tried for windows."""
STEP = 0.5
"""Between margins that are tried, in logits."""


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
        return self._sums(self.scores[-1], NEVER).argmax(axis=1)

    @cached_property
    def tried(self) -> list[int]:
        """Clip margins to try, ascending, NEVER last."""
        most = int(self.leads.max()) * int(np.bincount(self.clip).max())
        step = max(1, round(STEP / self.unit))
        return [*range(step, min(most, 200 * step) + step, step), NEVER]

    def _sums(self, scores: np.ndarray, clip_margin: int) -> np.ndarray:
        return summed(scores, self.clip, asked(scores, self.clip, clip_margin))

    def leave(self, share: float, clip_margin: int) -> tuple[np.ndarray, np.ndarray]:
        """(cost, harmed) of each clip. Harmed is another label than by all windows whole; with truth, a wrong label
        where that one is right."""
        gone = self.leads >= window_margin(share, clip_margin)
        gone[-1] = True
        stage = gone.argmax(axis=0)
        scores = self.scores[stage, np.arange(len(stage))]
        among = asked(scores, self.clip, clip_margin)
        label = summed(scores, self.clip, among).argmax(axis=1)
        cost = np.bincount(self.clip, weights=self.cost[stage] * among)
        harmed = label != self.whole
        return cost, harmed if self.truth is None else harmed & (self.whole == self.truth)


def window_margin(share: float, clip_margin: int) -> int:
    """The margin of windows that goes with one of clips."""
    return NEVER if clip_margin >= NEVER else int(np.ceil(share * clip_margin))


def fit_clip_exits(found: Clips, budget: float, folds: int = 5, seed: int = 0, copies: int = 1) -> Chosen:
    """Margins for a share of clips harmed of at most `budget`, as far as cross-fitting can tell.

    copies: the windows are so many copies of the same clips, one copy after the other; all of a clip are in one fold.
    """
    tables = {share: _Table(found, share) for share in WINDOW_SHARES}
    clips = int(found.clip.max()) + 1
    number = fold_of(clips // copies, copies, folds, seed)
    best = cheapest(
        (
            Trial(share, part, *table.cross_fitted(budget * part, number))
            for share, table in tables.items()
            for part in SHARES
        ),
        budget,
    )
    chosen = tables[best.way].choose(np.arange(clips), budget * best.share)
    clip_margin = found.tried[chosen]
    stages, classes = len(found.scores), found.scores.shape[2]
    each = [window_margin(best.way, clip_margin)] * (stages - 1) + [0]
    windows = len(found.clip) / clips
    return Chosen(
        [[m] * classes for m in each], "one", best.share, best.cost / windows, best.harmed, clip_margin
    )


class _Table:
    """What every margin tried costs each clip and harms of it: (margins, clips)."""

    def __init__(self, found: Clips, share: float) -> None:
        rows = [found.leave(share, each) for each in found.tried]
        self.cost, self.harmed = (np.stack(part) for part in zip(*rows, strict=True))

    def choose(self, clips: np.ndarray, budget: float) -> int:
        """The number of the margin that costs some clips least and harms no more of them than the budget; of equals the
        highest."""
        keeps = self.harmed[:, clips].sum(axis=1) <= affordable(budget, len(clips))
        cost = np.where(keeps, self.cost[:, clips].sum(axis=1), np.inf)
        return int(np.flatnonzero(cost == cost.min())[-1])

    def cross_fitted(self, budget: float, folds: np.ndarray) -> tuple[float, float]:
        """(mean cost, share harmed) of clips that the margin was not chosen on. folds: number of each clip's fold."""
        cost, harmed = 0.0, 0
        for fold in np.unique(folds):
            own, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            at = self.choose(rest, budget)
            cost, harmed = cost + float(self.cost[at, own].sum()), harmed + int(self.harmed[at, own].sum())
        return cost / len(folds), harmed / len(folds)
