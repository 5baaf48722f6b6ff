"""Boosting with a price on every split: trees whose leaves hold a score for each class, grown by gain less cost.

The gain of a split is the second-order one of gradient boosting (Chen and Guestrin 2016, arXiv 1603.02754), summed
over classes, from histograms of at most 255 bins. What it costs is asked of a `Meter` that knows what every row has
computed by then: so a feature is dear for rows that lack it and free for those that have it, split by split.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tree_backends.build import ForestBuilder

MAX_BINS = 63
FLAT = 1e-6


class Meter(Protocol):
    """What splits cost, in units of the loss."""

    def price(self, rows: np.ndarray) -> np.ndarray:
        """Cost of each feature for all of `rows` together, float (features,)."""

    def buy(self, rows: np.ndarray, feature: int) -> None:
        """These rows read the feature now."""


@dataclass(frozen=True, eq=False)
class Binned:
    """Integer features in bins. cuts[f]: rows of bin b have values <= cuts[f][b], and more than cuts[f][b - 1].

    one_hot: sparse (n, features * bins); bins: uint8 (n, features).
    """

    bins: np.ndarray
    cuts: list[np.ndarray]
    one_hot: Any
    width: int

    @property
    def features(self) -> int:
        """Number of features."""
        return self.bins.shape[1]


def binned(values: np.ndarray, most: int = MAX_BINS) -> Binned:
    """Bins of about equally many rows. values: integer (n, features)."""
    from scipy.sparse import csr_matrix

    n, features = values.shape
    bins, cuts = np.zeros((n, features), dtype=np.uint8), []
    for column in range(features):
        own = np.sort(values[:, column])
        ends = np.unique(own)
        if len(ends) > most:
            ends = np.unique(own[np.linspace(0, n - 1, most + 1).astype(int)[1:]])
        cuts.append(ends)
        bins[:, column] = np.searchsorted(ends, values[:, column])
    width = max((len(c) for c in cuts), default=1)
    place = bins.astype(np.int32) + np.arange(features, dtype=np.int32) * width
    ones = np.ones(place.size, dtype=np.float32)
    start = np.arange(n + 1) * features
    return Binned(bins, cuts, csr_matrix((ones, place.ravel(), start), shape=(n, features * width)), width)


@dataclass(frozen=True)
class Growth:
    """How trees grow: leaves at most, rows of a leaf at least, L2 penalty, share of a step taken.

    feature_fraction: share of the features, drawn for each tree, that it may read.
    """

    leaves: int = 8
    min_leaf: int = 20
    lambda_l2: float = 1.0
    learning_rate: float = 0.1
    feature_fraction: float = 1.0
    seed: int = 0


@dataclass(eq=False)
class _Leaf:
    """rows: row numbers; sums: float (features * bins, 2 * classes + 1), slopes, curvatures and rows of each bin."""

    rows: np.ndarray
    sums: np.ndarray


@dataclass(eq=False)
class _Split:
    """A split of a leaf into two. cut: the last bin that goes left."""

    leaf: _Leaf
    feature: int
    cut: int
    sides: tuple[_Leaf, _Leaf]


def softmax(scores: np.ndarray) -> np.ndarray:
    """Class probabilities of logits (n, classes)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def add_rounds(
    builder: ForestBuilder,
    data: Binned,
    columns: np.ndarray,
    target: np.ndarray,
    scores: np.ndarray,
    rounds: int,
    growth: Growth,
    meter: Meter,
) -> np.ndarray:
    """Add `rounds` trees to the builder; returns the scores with them, (n, classes).

    columns: builder feature number of each feature of `data`; target: class probabilities (n, classes); scores: logits
    to boost from.
    """
    classes = target.shape[1]
    random = np.random.default_rng(growth.seed)
    for _ in range(rounds):
        barred = _drawn(random, data.features, growth.feature_fraction)
        p = softmax(scores)
        curve = classes / (classes - 1) * p * (1 - p) + 1e-6  # as in tree_backends.lightgbm
        slope = np.hstack([p - target, curve, np.ones((len(p), 1))]).astype(np.float32)
        scores = scores + _write(builder, data, columns, slope, growth, *_grow(data, slope, growth, meter, barred))
    return scores


def _drawn(random: np.random.Generator, features: int, share: float) -> np.ndarray:
    """Which features a tree may not read, bool (features,)."""
    allowed = random.permutation(features)[: max(1, round(share * features))]
    return ~np.isin(np.arange(features), allowed)


def _grow(
    data: Binned, slope: np.ndarray, growth: Growth, meter: Meter, barred: np.ndarray
) -> tuple[list[_Split], list[_Leaf]]:
    """The splits of one tree, the most worthwhile first, and its leaves."""

    def best(leaf: _Leaf) -> tuple[float, int, int]:
        return _best(data, leaf, growth, np.where(barred, np.inf, meter.price(leaf.rows)))

    everyone = np.arange(len(slope))
    root = _Leaf(everyone, _sums(data, everyone, slope))
    order = itertools.count()
    queue = [(-np.inf, next(order), root)]
    splits: list[_Split] = []
    leaves: list[_Leaf] = []
    while queue and len(splits) + 1 < growth.leaves:
        _, _, leaf = heapq.heappop(queue)
        gain, feature, cut = best(leaf)  # found anew: what was bought meanwhile costs no more
        if gain <= 0:
            leaves.append(leaf)
        elif queue and gain < -queue[0][0] - FLAT:
            heapq.heappush(queue, (-gain, next(order), leaf))
        else:
            meter.buy(leaf.rows, feature)
            splits.append(_Split(leaf, feature, cut, _divide(data, leaf, slope, feature, cut)))
            for side in splits[-1].sides:
                heapq.heappush(queue, (-best(side)[0], next(order), side))
    return splits, leaves + [entry[2] for entry in queue]


def _sums(data: Binned, rows: np.ndarray, slope: np.ndarray) -> np.ndarray:
    own = data.one_hot if len(rows) == data.one_hot.shape[0] else data.one_hot[rows]
    return np.asarray(own.T @ slope[rows])


def _best(data: Binned, leaf: _Leaf, growth: Growth, price: np.ndarray) -> tuple[float, int, int]:
    """(gain less price, feature, cut) of a leaf's best split; gain 0 where none pays. price: (features,)."""
    classes = (leaf.sums.shape[1] - 1) // 2
    left = leaf.sums.reshape(data.features, data.width, -1).cumsum(axis=1)
    whole = left[:, -1:, :]
    right = whole - left

    def score(part: np.ndarray) -> np.ndarray:
        return np.asarray((part[..., :classes] ** 2 / (part[..., classes:-1] + growth.lambda_l2)).sum(axis=-1))

    gain = 0.5 * (score(left) + score(right) - score(whole))
    enough = (left[..., -1] >= growth.min_leaf) & (right[..., -1] >= growth.min_leaf)
    gain = np.where(enough, gain, -np.inf) - price[:, None]
    best = int(gain.argmax()) if gain.size else 0
    if not gain.size or not gain.flat[best] > FLAT:
        return 0.0, 0, 0
    return float(gain.flat[best]), best // data.width, best % data.width


def _divide(data: Binned, leaf: _Leaf, slope: np.ndarray, feature: int, cut: int) -> tuple[_Leaf, _Leaf]:
    """The two sides of a split; the sums of the larger one are what is left of the whole."""
    goes = data.bins[leaf.rows, feature] <= cut
    left, right = leaf.rows[goes], leaf.rows[~goes]
    few = _sums(data, left if len(left) <= len(right) else right, slope)
    both = (few, leaf.sums - few) if len(left) <= len(right) else (leaf.sums - few, few)
    return _Leaf(left, both[0]), _Leaf(right, both[1])


def _write(
    builder: ForestBuilder,
    data: Binned,
    columns: np.ndarray,
    slope: np.ndarray,
    growth: Growth,
    splits: list[_Split],
    leaves: list[_Leaf],
) -> np.ndarray:
    """Put the tree into the builder; returns what it adds to the scores of each row, (n, classes)."""
    classes = (slope.shape[1] - 1) // 2
    added = np.zeros((len(slope), classes))
    numbers = {id(split.leaf): builder.node() for split in splits}  # a parent is split before its children
    for leaf in leaves:
        total = slope[leaf.rows].sum(axis=0, dtype=np.float64)
        step = -growth.learning_rate * total[:classes] / (total[classes:-1] + growth.lambda_l2)
        numbers[id(leaf)] = builder.leaf(step)
        added[leaf.rows] = step
    for split in splits:
        left, right = (numbers[id(side)] for side in split.sides)
        threshold = int(data.cuts[split.feature][split.cut])
        builder.set_node(numbers[id(split.leaf)], int(columns[split.feature]), threshold, left, right)
    builder.tree(numbers[id(splits[0].leaf)] if splits else numbers[id(leaves[0])])
    return added
