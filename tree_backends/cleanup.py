"""Cleaning up a forest: what no decision needs is dropped, what hardly any can tell apart is merged.

Lossless for every input: `drop_dead` (nodes whose answer the nodes above have given, nodes with equal sides, features
that no node reads) and `share_subtrees`. Lossy within a stated tolerance: `merge_thresholds` and `cut_leaves`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tree_backends.forest import Forest

LOW, HIGH = -(2**31), 2**31 - 1


class _Trees:
    """Trees rebuilt from their leaves up, equal subtrees once.

    values: (feature, threshold, left, right) of each subtree, or the row of a leaf; a subtree comes after its parts.
    """

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self.values: list[tuple[int, ...]] = []
        self.is_leaf: list[bool] = []
        self._known: dict[tuple[bool, tuple[int, ...]], int] = {}

    def _number(self, leaf: bool, value: tuple[int, ...]) -> int:
        if (leaf, value) not in self._known:
            self._known[leaf, value] = len(self.values)
            self.values.append(value)
            self.is_leaf.append(leaf)
        return self._known[leaf, value]

    def grow(self, root: int, leaf: Callable[[int], tuple[int, ...]]) -> int:
        """The number of a tree of the forest without its dead nodes. leaf: the row of a leaf number.

        No recursion: trees may be chains.
        """
        forest, done = self.forest, list[int]()
        stack: list[tuple[int, dict[int, tuple[int, int]], bool]] = [(root, {}, False)]
        while stack:
            at, ranges, sides_done = stack.pop()
            if at < 0:
                done.append(self._number(True, leaf(~at)))
                continue
            feature, cut = int(forest.node_feature[at]), int(forest.node_threshold[at])
            left, right = int(forest.node_left[at]), int(forest.node_right[at])
            low, high = ranges.get(feature, (LOW, HIGH))
            if sides_done:
                above, below = done.pop(), done.pop()
                done.append(below if below == above else self._number(False, (feature, cut, below, above)))
            elif high <= cut:
                stack.append((left, ranges, False))
            elif low > cut:
                stack.append((right, ranges, False))
            else:
                stack.append((at, ranges, True))
                stack.append((right, ranges | {feature: (max(low, cut + 1), high)}, False))
                stack.append((left, ranges | {feature: (low, min(high, cut))}, False))
        return done[0]


def _rebuilt(forest: Forest, leaf: Callable[[int], tuple[int, ...]]) -> Forest:
    """The forest grown anew without dead nodes; its features are those that some node reads."""
    trees = _Trees(forest)
    nodes: list[tuple[int, int, int, int]] = []
    rows: list[tuple[int, ...]] = []
    pending: list[tuple[int, int]] = []

    def child(number: int) -> int:
        if trees.is_leaf[number]:
            rows.append(trees.values[number])
            return ~(len(rows) - 1)
        nodes.append((0, 0, 0, 0))
        pending.append((number, len(nodes) - 1))
        return len(nodes) - 1

    starts = []
    for root in forest.tree_root.tolist():
        starts.append(child(trees.grow(root, leaf)))
        while pending:
            number, place = pending.pop()
            feature, cut, left, right = trees.values[number]
            nodes[place] = (feature, cut, child(left), child(right))
    return _forest(forest, nodes, rows, starts)


def _shared(forest: Forest, trees: _Trees, roots: list[int]) -> Forest:
    """Every subtree once. Those of the higher number come first: a subtree is numbered after its parts."""
    used, stack = set(roots), list(roots)
    while stack:
        number = stack.pop()
        parts = set() if trees.is_leaf[number] else set(trees.values[number][2:]) - used
        used |= parts
        stack += parts
    inner = sorted((n for n in used if not trees.is_leaf[n]), reverse=True)
    leaves = sorted(n for n in used if trees.is_leaf[n])
    place = {n: i for i, n in enumerate(inner)} | {n: ~i for i, n in enumerate(leaves)}
    nodes = [(v[0], v[1], place[v[2]], place[v[3]]) for v in (trees.values[n] for n in inner)]
    return _forest(forest, nodes, [trees.values[n] for n in leaves], [place[r] for r in roots])


def _forest(
    forest: Forest, nodes: list[tuple[int, int, int, int]], rows: list[tuple[int, ...]], roots: list[int]
) -> Forest:
    table = np.asarray(nodes, dtype=np.int32).reshape(-1, 4)
    used, feature = np.unique(table[:, 0], return_inverse=True)
    return replace(
        forest,
        features=tuple(forest.features[i] for i in used),
        node_feature=feature.astype(np.int32).reshape(-1),
        node_threshold=table[:, 1].copy(), node_left=table[:, 2].copy(), node_right=table[:, 3].copy(),
        leaf_scores=np.asarray(rows, dtype=np.int32).reshape(-1, forest.leaf_scores.shape[1]),
        tree_root=np.asarray(roots, dtype=np.int32),
    )  # fmt: skip


def _rows(forest: Forest) -> Callable[[int], tuple[int, ...]]:
    scores = [tuple(row) for row in forest.leaf_scores.tolist()]
    return lambda leaf: scores[leaf]


def drop_dead(forest: Forest) -> Forest:
    """The same scores with no node that is settled above it, none with equal sides, no feature that no node reads.

    A map that only such a feature named is dropped with it: a plan holds the maps that features and bases close over.
    """
    return _rebuilt(forest, _rows(forest))


def share_subtrees(forest: Forest) -> Forest:
    """The same trees with every equal subtree, and every equal leaf, once: nodes become a directed acyclic graph.

    The C lays trees out in preorder, where a left child is the next node and leaves are counted, so it writes shared
    nodes out again: sharing shortens model files, and flash only in a layout that names its children.
    """
    trees = _Trees(forest)
    return _shared(forest, trees, [trees.grow(root, _rows(forest)) for root in forest.tree_root.tolist()])


def merge_thresholds(forest: Forest, values: np.ndarray, tolerance: float) -> Forest:
    """Thresholds of a feature that lie close together become one: fewer thresholds, shorter nodes.

    values: integer training values (n, features). Close is what training values can hardly tell apart: thresholds are
    joined, in rising order, as long as at most `tolerance` of the rows lie between the lowest and the highest of them;
    all take the one in the middle of the rows. So no node sends more than `tolerance` of the rows to another side
    than before; 0 joins only what no training value separates.
    """
    cuts = forest.node_threshold.copy()
    for feature in range(len(forest.features)):
        own = np.flatnonzero(forest.node_feature == feature)
        table = np.unique(cuts[own])
        ordered = np.sort(values[:, feature])
        rank = np.searchsorted(ordered, table, side="right")  # rows that go left
        first = 0
        for at in range(1, len(table) + 1):
            if at < len(table) and rank[at] - rank[first] <= tolerance * len(values):
                continue
            middle = (rank[first] + rank[at - 1]) / 2
            chosen = table[first + int(np.abs(rank[first:at] - middle).argmin())]
            cuts[own[(cuts[own] >= table[first]) & (cuts[own] <= table[at - 1])]] = chosen
            first = at
    return drop_dead(replace(forest, node_threshold=cuts))


def cut_leaves(forest: Forest, step: int) -> Forest:
    """Leaf scores rounded to multiples of `step`, a power of two of score units; sides that become equal are joined.

    A score moves by at most half a step a tree: `lost` says so, in logits.
    """
    if step < 1 or step & (step - 1):
        raise ValueError(f"step must be a power of two, not {step}")
    half = step // 2
    rounded = [tuple((value + half) // step * step for value in row) for row in forest.leaf_scores.tolist()]
    result = _rebuilt(forest, lambda leaf: rounded[leaf])
    error = max((abs(a - b) for x, y in zip(rounded, forest.leaf_scores.tolist(), strict=True)
                 for a, b in zip(x, y, strict=True)), default=0) * forest.unit  # fmt: skip
    lost = {key: forest.lost.get(key, 0.0) + error * times for key, times in
            (("max_leaf_error", 1), ("max_score_error", forest.trees))}  # fmt: skip
    return replace(result, lost=forest.lost | lost)
