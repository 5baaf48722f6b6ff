"""Running a forest on feature values: the reference that interpreter and C follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tree_backends.forest import VECTOR, Forest


@dataclass(frozen=True)
class StageRun:
    """One stage over a batch. scores: int64 (n, classes) after the stage; reads: int32 (n, features); visits: (n,).

    node_visits: int64 (nodes,), how often the batch passed each node.
    """

    scores: np.ndarray
    reads: np.ndarray
    visits: np.ndarray
    node_visits: np.ndarray


def run_stage(forest: Forest, stage: int, values: np.ndarray, base: np.ndarray | None, before: np.ndarray) -> StageRun:
    """Add one stage to the scores `before` (n, classes).

    values: integer (n, features); base: integer (n, classes) values of the stage's base map, or None.
    `reads` counts how often each feature was asked for, `visits` the inner nodes passed.
    """
    chosen = forest.stages[stage]
    scores = before.astype(np.int64)
    if base is not None:
        scores = scores + (base.astype(np.int64) << chosen.base_shift)
    return run_trees(forest, chosen.first, chosen.last, values, scores)


def run_trees(forest: Forest, first: int, last: int, values: np.ndarray, before: np.ndarray) -> StageRun:
    """Add trees [first, last) to the scores `before` (n, classes)."""
    n = len(values)
    scores = before.astype(np.int64).copy()
    reads = np.zeros((n, len(forest.features)), dtype=np.int32)
    passed = np.zeros(forest.nodes, dtype=np.int64)
    roots = forest.tree_root[first:last]
    if not len(roots):
        return StageRun(scores, reads, np.zeros(n, dtype=np.int64), passed)
    leaf = _walk(forest, np.tile(roots, (n, 1)), values, reads, passed)
    gained = forest.leaf_scores[leaf].astype(np.int64)
    classes = forest.tree_class[first:last]
    if classes[0] == VECTOR:
        scores += gained.sum(axis=1)
    else:
        for cls in np.unique(classes):
            scores[:, cls] += gained[:, classes == cls, 0].sum(axis=1)
    return StageRun(scores, reads, reads.sum(axis=1, dtype=np.int64), passed)


def _walk(forest: Forest, at: np.ndarray, values: np.ndarray, reads: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Leaf numbers (n, trees) from starting nodes `at`; counts feature reads and nodes passed."""
    rows = np.broadcast_to(np.arange(len(values))[:, None], at.shape)
    while (inner := at >= 0).any():
        node, row = at[inner], rows[inner]
        feature = forest.node_feature[node]
        np.add.at(reads, (row, feature), 1)
        passed += np.bincount(node, minlength=forest.nodes)
        left = values[row, feature] <= forest.node_threshold[node]
        at = at.copy()
        at[inner] = np.where(left, forest.node_left[node], forest.node_right[node])
    return ~at


def leaves_after(forest: Forest, stage: int, scores: np.ndarray) -> np.ndarray:
    """Which decisions leave after a stage; scores: (n, classes) -> bool (n,). After the last stage all do."""
    if stage + 1 == len(forest.stages):
        return np.ones(len(scores), dtype=bool)
    return margin(scores) >= forest.stages[stage].needed(forest.classes)[scores.argmax(axis=1)]


def margin(scores: np.ndarray) -> np.ndarray:
    """Best minus second best score, (n, classes) -> (n,)."""
    top = np.partition(scores, -2, axis=1)
    return top[:, -1] - top[:, -2]


@dataclass(frozen=True)
class Decisions:
    """label, stage, margin, visits: (n,); scores: (n, classes); reads: (n, features) over the stages entered.

    node_visits: int64 (nodes,), how often the batch passed each node.
    """

    label: np.ndarray
    stage: np.ndarray
    margin: np.ndarray
    scores: np.ndarray
    visits: np.ndarray
    reads: np.ndarray
    node_visits: np.ndarray


def decide(forest: Forest, values: np.ndarray, base: Callable[[str], np.ndarray]) -> Decisions:
    """Run the stages with their exits. `base(map)` gives the (n, classes) values of a base map.

    A tie goes to the class with the lowest number.
    """
    n = len(values)
    scores = np.tile(forest.bias.astype(np.int64), (n, 1))
    visits, stage_of = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    reads = np.zeros((n, len(forest.features)), dtype=np.int32)
    passed = np.zeros(forest.nodes, dtype=np.int64)
    active = np.arange(n)
    for number, stage in enumerate(forest.stages):
        logits = base(stage.base)[active] if stage.base else None
        run = run_stage(forest, number, values[active], logits, scores[active])
        scores[active], stage_of[active] = run.scores, number
        visits[active] += run.visits
        reads[active] += run.reads
        passed += run.node_visits
        active = active[~leaves_after(forest, number, run.scores)]
        if not len(active):
            break
    return Decisions(scores.argmax(axis=1), stage_of, margin(scores), scores, visits, reads, passed)


@dataclass(frozen=True)
class Split:
    """Which decisions a node divides: rows, their numbers; left, bool, which of them go left."""

    tree: int
    node: int
    rows: np.ndarray
    left: np.ndarray


def splits(forest: Forest, values: np.ndarray, stage: np.ndarray) -> Iterator[Split]:
    """Every node of every tree with the decisions that pass it, a parent before its children.

    values: integer (n, features); stage: (n,) stage after which each decision left. Nodes that none passes come too.
    """
    for number, chosen in enumerate(forest.stages):
        entered = np.flatnonzero(stage >= number)
        for tree in range(chosen.first, chosen.last):
            stack = [(int(forest.tree_root[tree]), entered)]
            while stack:
                node, rows = stack.pop()
                if node < 0:
                    continue
                left = values[rows, forest.node_feature[node]] <= forest.node_threshold[node]
                yield Split(tree, node, rows, left)
                stack += [(int(forest.node_right[node]), rows[~left]), (int(forest.node_left[node]), rows[left])]


def leaves(forest: Forest, values: np.ndarray, tree: int) -> np.ndarray:
    """The leaf that each row reaches in one tree, int64 (n,)."""
    unused = np.zeros((len(values), len(forest.features)), dtype=np.int32)
    start = np.full((len(values), 1), forest.tree_root[tree])
    return _walk(forest, start, values, unused, np.zeros(forest.nodes, dtype=np.int64))[:, 0]


def stage_scores(forest: Forest, values: np.ndarray, base: Callable[[str], np.ndarray]) -> np.ndarray:
    """Scores after every stage as if no decision left early: int64 (stages, n, classes)."""
    scores = np.tile(forest.bias.astype(np.int64), (len(values), 1))
    result = []
    for number, stage in enumerate(forest.stages):
        scores = run_stage(forest, number, values, base(stage.base) if stage.base else None, scores).scores
        result.append(scores)
    return np.stack(result)
