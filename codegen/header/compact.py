"""The layout of a forest in flash: about five bytes for a node and its share of the leaves.

Nodes stand in preorder, so the left child is the next node, and a node says how far the right one is: one more than the
nodes on its left. The same number of leaves lies between them, so no child and no leaf is ever named. A node's word
holds its feature, which of the feature's thresholds it compares with, and that distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tree_backends.forest import VECTOR, Forest


@dataclass(frozen=True, eq=False)
class Nodes:
    """words: uint16 or uint32 (nodes,), bits (feature, cut, distance) from the lowest; thresholds by feature.

    first: where a feature's thresholds begin; sizes: nodes of each tree; order: which node of the forest each word is;
    leaves: rows of Forest.leaf_scores in order.
    """

    words: np.ndarray
    feature_bits: int
    cut_bits: int
    thresholds: np.ndarray
    first: np.ndarray
    sizes: np.ndarray
    order: np.ndarray
    leaves: np.ndarray


def compact(forest: Forest) -> Nodes:
    """Lay a forest out, tree after tree."""
    order: list[int] = []
    distances: list[int] = []
    sizes: list[int] = []
    leaves: list[int] = []
    for root in forest.tree_root.tolist():
        before = len(order)
        _preorder(forest, root, order, distances, leaves)
        sizes.append(len(order) - before)
    features = forest.node_feature[order].astype(np.int64)
    values = forest.node_threshold[order].astype(np.int64)
    tables = [np.unique(values[features == f]) for f in range(len(forest.features))]
    cuts = np.zeros(len(order), dtype=np.int64)
    for feature, table in enumerate(tables):
        own = features == feature
        cuts[own] = np.searchsorted(table, values[own])
    bits = [_bits(features), _bits(cuts), _bits(np.array(distances, dtype=np.int64))]
    words = features | cuts << bits[0] | np.array(distances, dtype=np.int64) << (bits[0] + bits[1])
    lengths = [len(t) for t in tables]
    return Nodes(
        words=words.astype(np.uint16 if sum(bits) <= 16 else np.uint32),
        feature_bits=bits[0], cut_bits=bits[1],
        thresholds=np.concatenate([*tables, np.zeros(0, np.int64)]).astype(np.int16),
        first=np.cumsum([0, *lengths])[: len(tables)].astype(np.uint16),
        sizes=np.array(sizes, dtype=np.int64),
        order=np.array(order, dtype=np.int64),
        leaves=np.array(leaves, dtype=np.int64),
    )  # fmt: skip


def _bits(values: np.ndarray) -> int:
    return int(values.max(initial=0)).bit_length()


def _preorder(forest: Forest, root: int, order: list[int], distances: list[int], leaves: list[int]) -> None:
    """Append a tree's nodes and leaves; no recursion: trees may be chains."""
    stack: list[tuple[int, int]] = [(root, -1)]  # (what comes next, the place in `order` whose right side it is)
    while stack:
        at, parent = stack.pop()
        if parent >= 0:
            distances[parent] = len(order) - parent
        if at < 0:
            leaves.append(~at)
            continue
        stack += [(int(forest.node_right[at]), len(order)), (int(forest.node_left[at]), -1)]
        order.append(at)
        distances.append(0)


@dataclass(frozen=True, eq=False)
class Scores:
    """Leaf scores: `values` by leaf, or by the number that `low` and packed `high` bits give. dtype int16 or int32."""

    values: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    high_bits: int


def leaf_scores(forest: Forest, leaves: np.ndarray) -> Scores:
    """The shorter of two ways to write what leaves add: every value, or the distinct ones and each leaf's choice."""
    rows = forest.leaf_scores[leaves]
    kind = np.int16 if np.abs(rows.astype(np.int64)).max(initial=0) <= 32767 else np.int32
    plain = Scores(rows.astype(kind), None, None, 0)
    if rows.shape[1] > 1 or not len(rows):
        return plain
    values, chosen = np.unique(rows[:, 0], return_inverse=True)
    high_bits = next((b for b in (0, 1, 2, 4, 8) if len(values) <= 256 << b), 0)
    size = values.size * kind().itemsize + chosen.size + -(-chosen.size * high_bits // 8)
    if len(values) > 256 << 8 or size >= rows.size * kind().itemsize:
        return plain
    high = _pack(chosen.reshape(-1) >> 8, high_bits) if high_bits else None
    return Scores(values.astype(kind), (chosen.reshape(-1) & 255).astype(np.uint8), high, high_bits)


def _pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Small numbers, 8 / bits in a byte, the first lowest."""
    each = 8 // bits
    padded = np.pad(values, (0, -len(values) % each)).reshape(-1, each)
    return (padded << (np.arange(each) * bits)).sum(axis=1).astype(np.uint8)


def round_robin(forest: Forest) -> bool:
    """Whether trees add to classes in turn: tree t to class t modulo classes."""
    turn = np.arange(forest.trees) % forest.classes
    return forest.trees > 0 and forest.tree_class[0] != VECTOR and bool((forest.tree_class == turn).all())
