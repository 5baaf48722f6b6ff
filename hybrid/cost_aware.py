"""Trees that know what their features cost: every split pays for the tiles that it makes a decision compute.

A ledger holds for each training row which tiles a decision on it has computed by now. The price of a split is the
marginal one: what the rows that reach it still lack of the feature's closure, in instructions, times `cost_weight`
(nats of loss that a million instructions are worth in a window). Rows that would have left at an exit before pay
nothing: only who stays computes.

Vector trees (`tree_backends.priced`) ask the ledger at every split. LightGBM can hold a price for each feature only
(its cost-effective penalties), so class trees are fitted in passes of few rounds, with prices from the ledger before
each: the mean over the rows, `cegb_penalty_feature_lazy`, which LightGBM counts once for each row that reads a
feature. Its coupled penalty is not used, as version 4.7.0 gives it back when a feature is bought.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybrid.config import ForestConfig
from hybrid.marginal import Market
from tree_backends.build import ForestBuilder
from tree_backends.evaluate import run_trees
from tree_backends.lightgbm import add_booster, fit_rounds
from tree_backends.priced import Growth, add_rounds, binned

PASS = 2
"""Rounds of class trees between two looks at the ledger."""
MILLION = 1e6


class Ledger:
    """Which tiles each training row's decision has computed; what features still cost. A meter of splits.

    weight: nats of loss that a million instructions are worth; active: bool (n,), rows whose decision goes on.
    """

    def __init__(self, market: Market, rows: int, weight: float) -> None:
        self.market, self.weight = market, weight
        self.had = np.zeros((rows, len(market.price)), dtype=bool)
        self.active = np.ones(rows, dtype=bool)

    def enter(self, stages: int) -> None:
        """All decisions that go on enter this many stages."""
        self.had[self.active] |= self.market.entered(stages)

    def leave(self, rows: np.ndarray) -> None:
        """Decisions of these rows, bool (n,), are made: they compute no more, and pay for nothing."""
        self.active &= ~rows

    def price(self, rows: np.ndarray) -> np.ndarray:
        """Nats that it costs to read each feature on all of `rows`, float (features,)."""
        staying = rows[self.active[rows]]
        return self.weight / MILLION * len(staying) * self._mean(staying)

    def _mean(self, rows: np.ndarray) -> np.ndarray:
        """Mean instructions of a visit that reads each feature, over rows."""
        if not len(rows):
            return np.zeros(len(self.market.features), dtype=np.float32)
        return self.market.marginal(self.had[rows].mean(axis=0)) + self.market.visit

    def penalties(self) -> np.ndarray:
        """Nats for each feature and training row that reads it, by the mean over rows: what LightGBM can be told."""
        staying = np.flatnonzero(self.active)
        return self.weight / MILLION * len(staying) / len(self.active) * self._mean(staying)

    def buy(self, rows: np.ndarray, feature: int) -> None:
        """Rows read a feature."""
        self.had[rows] |= self.market.closure[feature]

    def note(self, reads: np.ndarray) -> None:
        """All rows read features: (n, features), nonzero where read."""
        self.had |= self.market.bought(reads)


def provisional_exit(scores: np.ndarray, target: np.ndarray, loss: float) -> np.ndarray:
    """Rows whose margin is high enough that of all rows with such margins at most a share `loss` is wrong, bool (n,).

    Real exits are chosen on validation windows when the forest is done; this says beforehand about who will stay.
    """
    top = np.sort(scores, axis=1)
    margin = top[:, -1] - top[:, -2]
    order = np.argsort(-margin, kind="stable")
    wrong = np.cumsum((scores.argmax(axis=1) != target.argmax(axis=1))[order])
    good = np.flatnonzero(wrong <= loss * len(scores))
    gone = np.zeros(len(scores), dtype=bool)
    gone[order[: good[-1] + 1 if len(good) else 0]] = True
    return gone


def add_vector_trees(
    builder: ForestBuilder,
    values: np.ndarray,
    target: np.ndarray,
    scores: np.ndarray,
    rounds: int,
    config: ForestConfig,
    seed: int,
    ledger: Ledger,
) -> np.ndarray:
    """Add a tree a round, whose leaves score all classes, on the first features of the market; returns the scores.

    values: integer (n, features); target: class probabilities (n, classes); scores: logits (n, classes) so far.
    """
    growth = Growth(
        config.leaves, config.min_leaf, config.lambda_l2, config.learning_rate, config.feature_fraction, seed
    )
    offered = np.arange(values.shape[1])
    return add_rounds(builder, binned(values), offered, target, scores, rounds, growth, _First(ledger, len(offered)))


class _First:
    """A ledger that shows the first features only."""

    def __init__(self, ledger: Ledger, features: int) -> None:
        self._ledger, self._features = ledger, features

    def price(self, rows: np.ndarray) -> np.ndarray:
        return self._ledger.price(rows)[: self._features]

    def buy(self, rows: np.ndarray, feature: int) -> None:
        self._ledger.buy(rows, feature)


def add_class_trees(
    builder: ForestBuilder,
    values: np.ndarray,
    target: np.ndarray,
    scores: np.ndarray,
    rounds: int,
    params: dict[str, Any],
    seed: int,
    ledger: Ledger,
) -> np.ndarray:
    """Add LightGBM's trees, one a class and round, in passes of `PASS` rounds; returns the scores (n, classes)."""
    offered = np.arange(values.shape[1])
    for start in range(0, rounds, PASS):
        penalties = ledger.penalties()[: len(offered)].astype(float).tolist()
        priced = params | {"cegb_tradeoff": 1.0, "cegb_penalty_feature_lazy": penalties}
        booster = fit_rounds(values, target, scores, min(PASS, rounds - start), priced, seed + start)
        add_booster(builder, booster, offered)
        ledger.note(_reads(booster, values, len(ledger.market.features), target.shape[1]))
        scores = scores + booster.predict(values.astype(np.float32), raw_score=True)
    return scores


def _reads(booster: Any, values: np.ndarray, features: int, classes: int) -> np.ndarray:
    """Which features a booster reads on each row, int8 (n, features)."""
    from tree_backends.forest import Feature

    names = [Feature("column", (i, 0, 0)) for i in range(values.shape[1])]
    alone = ForestBuilder(classes, names, 2.0**-10)
    add_booster(alone, booster, np.arange(values.shape[1]))
    alone.stage()
    forest = alone.finish()
    used = [f.index[0] for f in forest.features]
    found = run_trees(forest, 0, forest.trees, values[:, used], np.zeros((len(values), classes)))
    reads = np.zeros((len(values), features), dtype=np.int8)
    reads[:, used] = found.reads > 0
    return reads
