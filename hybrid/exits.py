"""Choosing where decisions may leave: one margin, or one by stage, or by class, for the least expected cost.

After QWYC (Wang et al., arXiv 1806.11202), made multiclass: a stage's exit is a margin that the leading class must
have, and all exits share one budget of decisions that leaving early may harm. Margins by stage and by class are found
greedily (most saved for each decision harmed), then each is chosen anew given the others until nothing changes. These
are many numbers for few windows, so which way is taken, and how much of the budget may be spent, is decided by
cross-fitting: on windows that the margins were not chosen on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tree_backends.evaluate import margin
from tree_backends.forest import NEVER, Forest

SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Parts of the budget that are tried."""
WAYS = ("one", "shared", "by class")
"""Margins: one for all stages, one for each stage that the classes share, one for each stage and class."""
TRIED = 200
"""Values of a margin for all stages that are tried."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What windows say of leaving. Arrays (stages, n): margins and labels after each stage; harm, bool; cost.

    Leaving with `harm` counts against the budget; cost is that of a decision which leaves there. Fields of bool or
    number; the last stage harms nobody.
    """

    margins: np.ndarray
    labels: np.ndarray
    harm: np.ndarray
    cost: np.ndarray
    classes: int

    def of(self, rows: np.ndarray) -> Evidence:
        """Some of the windows."""
        harm, cost = self.harm[:, rows], self.cost[:, rows]
        return Evidence(self.margins[:, rows], self.labels[:, rows], harm, cost, self.classes)

    @property
    def windows(self) -> int:
        """Number of windows."""
        return self.margins.shape[1]

    def stage(self, margins: Sequence[Sequence[int]]) -> np.ndarray:
        """The stage after which each window leaves, (n,)."""
        needed = np.array(margins, dtype=np.int64)
        gone = self.margins >= np.take_along_axis(needed, self.labels, axis=1)
        gone[-1] = True
        return gone.argmax(axis=0)

    def judge(self, margins: Sequence[Sequence[int]]) -> tuple[float, int]:
        """(mean cost, windows harmed)."""
        first = self.stage(margins), np.arange(self.windows)
        return float(self.cost[first].mean()), int(self.harm[first].sum())


def evidence(scores: np.ndarray, cost: np.ndarray, truth: np.ndarray | None = None) -> Evidence:
    """scores: int64 (stages, n, classes) after each stage; cost: (stages,) or (stages, n).

    Harm is another label than after the last stage; with truth, (n,), a wrong label where that one is right. Windows
    that leaving early happens to put right are not set off against these: on a few hundred validation windows that
    balance is mostly luck, and the loss on new recordings would be larger than asked for.
    """
    labels = scores.argmax(axis=2)
    harm = labels != labels[-1] if truth is None else (labels[-1] == truth) & (labels != truth)
    spent = np.broadcast_to(cost[:, None] if cost.ndim == 1 else cost, labels.shape)
    return Evidence(np.stack([margin(s) for s in scores]), labels, harm, spent, scores.shape[2])


def choose_exits(found: Evidence, allowed: int, way: str) -> list[list[int]]:
    """Margins (stages, classes) for the least mean cost while at most `allowed` windows are harmed; way: of WAYS."""
    return _one_margin(found, allowed) if way == "one" else _by_stage(found, allowed, way == "by class")


def _one_margin(found: Evidence, allowed: int) -> list[list[int]]:
    """The same margin for every stage; of equals the highest."""
    stages, classes = len(found.margins), found.classes
    early = found.margins[: max(1, stages - 1)]
    values = np.unique(np.quantile(early, np.linspace(0, 1, TRIED), method="higher"))[::-1].tolist()
    tried = [[[int(value)] * classes] * (stages - 1) + [[0] * classes] for value in [NEVER, *values]]
    judged = [found.judge(margins) for margins in tried]
    return tried[min((i for i, (_, harmed) in enumerate(judged) if harmed <= allowed), key=lambda i: judged[i][0])]


def _by_stage(found: Evidence, allowed: int, by_class: bool) -> list[list[int]]:
    """A margin for each stage, or each stage and class."""
    stages = len(found.margins)
    groups = [[c] for c in range(found.classes)] if by_class else [list(range(found.classes))]
    needed = np.full((stages, found.classes), NEVER, dtype=np.int64)
    needed[-1] = 0
    places = [(s, group) for s in range(stages - 1) for group in groups]
    while True:
        moves = [(_best(found, needed, s, g, allowed, ratio=True), s, g) for s, g in places]
        (gain, margin_), s, g = max(moves, key=lambda move: move[0][0], default=((0.0, NEVER), 0, []))
        if gain <= 0:
            break
        needed[s, g] = margin_
    improved = True
    while improved:
        improved = False
        for s, g in places:
            trial = needed.copy()
            trial[s, g] = NEVER
            trial[s, g] = _best(found, trial, s, g, allowed, ratio=False)[1]
            if found.judge(trial.tolist())[0] < found.judge(needed.tolist())[0] - 1e-9:
                needed, improved = trial, True
    return [row.tolist() for row in needed]


def _best(
    found: Evidence, needed: np.ndarray, stage: int, group: Sequence[int], allowed: int, ratio: bool
) -> tuple[float, int]:
    """(gain, margin) of the best lower margin of a group at a stage; gain 0 where none helps.

    ratio: gain is cost saved per window harmed, and all that harms nobody comes first; else it is cost saved.
    """
    first = found.stage(needed.tolist())
    spent = int(found.harm[first, np.arange(found.windows)].sum())
    rows = np.flatnonzero((first > stage) & np.isin(found.labels[stage], group))
    rows = rows[np.argsort(-found.margins[stage, rows], kind="stable")]
    if not len(rows):
        return 0.0, NEVER
    saved = np.cumsum(found.cost[first[rows], rows] - found.cost[stage, rows])
    harmed = np.cumsum(found.harm[stage, rows].astype(int) - found.harm[first[rows], rows].astype(int))
    values = found.margins[stage, rows]
    ends = np.append(values[1:] != values[:-1], True) & (spent + harmed <= allowed) & (saved > 0)
    if not ends.any():
        return 0.0, NEVER
    gain = np.where(harmed <= 0, saved * (1 + found.windows), saved / np.maximum(harmed, 1)) if ratio else saved
    at = int(np.flatnonzero(ends)[gain[ends].argmax()])
    return float(gain[at]), int(values[at])


@dataclass(frozen=True)
class Chosen:
    """margins (stages, classes); way: one of WAYS; share: of the budget that was given out.

    cost, harmed: mean cost and share of windows harmed, by cross-fitting.
    """

    margins: list[list[int]]
    way: str
    share: float
    cost: float
    harmed: float
    clip: int = NEVER
    """Margin of the sum over a clip's windows at which the rest of them are not decided."""

    def on(self, forest: Forest) -> Forest:
        """The forest with these margins."""
        return replace(forest.with_margins(self.margins), clip_margin=self.clip)


@dataclass(frozen=True)
class Trial:
    """What cross-fitting says of a way to choose exits with a share of the budget: mean cost, share harmed."""

    way: str
    share: float
    cost: float
    harmed: float


def cheapest(trials: Iterable[Trial], budget: float) -> Trial:
    """The cheapest that harms no more than the budget, earlier ones where others save next to nothing; if none keeps to
    it, the first of them that gives out nothing of it."""
    best: Trial | None = None
    for trial in trials:
        keeps = trial.harmed <= budget or (best is None and trial.share == 0)
        if keeps and (best is None or best.harmed > budget >= trial.harmed or trial.cost < best.cost * (1 - 1e-3)):
            best = trial
    assert best is not None
    return best


def cross_fitted(
    found: Evidence, budget: float, way: str, share: float, folds: np.ndarray
) -> tuple[float, float]:
    """(mean cost, share harmed) on windows that the margins were not chosen on. folds: number of each window's fold."""
    cost, harmed = 0.0, 0
    for fold in np.unique(folds):
        own, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        margins = choose_exits(found.of(rest), _affordable(budget * share, len(rest)), way)
        mean, hurt = found.of(own).judge(margins)
        cost, harmed = cost + mean * len(own), harmed + hurt
    return cost / found.windows, harmed / found.windows


def fit_exits(
    found: Evidence, budget: float, way: str = "best", folds: int = 5, seed: int = 0, copies: int = 1
) -> Chosen:
    """Margins for a share of decisions harmed of at most `budget`, as far as cross-fitting can tell.

    way: one of WAYS, or the "best" of them by cross-fitting. copies: the windows are so many copies of the same clips,
    one copy after the other; all of a clip are in one fold. Where no part of the budget keeps to it on unseen windows,
    the margins are those that harm no window at all.
    """
    clips = found.windows // copies
    number = np.tile(np.random.default_rng(seed).permutation(clips) % max(2, min(folds, clips)), copies)
    best = cheapest(
        (
            Trial(each, share, *cross_fitted(found, budget, each, share, number))
            for each in (WAYS if way == "best" else (way,))
            for share in SHARES
        ),
        budget,
    )
    margins = choose_exits(found, _affordable(budget * best.share, found.windows), best.way)
    return Chosen(margins, best.way, best.share, best.cost, best.harmed)


def _affordable(budget: float, windows: int) -> int:
    """How many of so many windows may be harmed."""
    return int(np.floor(budget * windows + 1e-9))
