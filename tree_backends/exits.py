"""Exits that change nothing: leave where no tree that is left can change the answer or the exit that it would take.

What trees can still add is bounded for every pair of classes: D[i, j], the most by which class j can gain on class i.
A decision for class i whose margin is at least t + max_j D[i, j] still has a margin of t, and the same class, when
these trees have run (t at least 1: ties go by number). Bases of later stages are computed maps; what they can add is
bounded by their caller, who knows the graph.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tree_backends.forest import NEVER, VECTOR, Forest, Stage


def gains(forest: Forest, first: int, last: int) -> np.ndarray:
    """D for trees [first, last): int64 (classes, classes), no entry below 0, zeros on the diagonal."""
    total = np.zeros((forest.classes, forest.classes), dtype=np.int64)
    for tree in range(first, last):
        rows = forest.leaf_scores[_leaves(forest, int(forest.tree_root[tree]))].astype(np.int64)
        if forest.tree_class[tree] == VECTOR:
            total += (rows[:, None, :] - rows[:, :, None]).max(axis=0)
        else:
            cls = int(forest.tree_class[tree])
            others = np.arange(forest.classes) != cls
            total[others, cls] += int(rows.max())
            total[cls, others] -= int(rows.min())
    total = np.maximum(total, 0)
    np.fill_diagonal(total, 0)
    return total


def _leaves(forest: Forest, root: int) -> list[int]:
    stack, found = [root], []
    while stack:
        at = stack.pop()
        if at < 0:
            found.append(~at)
        else:
            stack += [int(forest.node_left[at]), int(forest.node_right[at])]
    return found


def rounds_of(forest: Forest, number: int) -> list[tuple[int, int]]:
    """The trees of a stage in groups: rounds of a tree for each class where they are that, else single ones."""
    stage, k = forest.stages[number], forest.classes
    classes = forest.tree_class[stage.first : stage.last]
    whole = len(classes) % k == 0 and stage.first % k == 0 and (classes == np.arange(len(classes)) % k).all()
    size = k if whole else 1
    return [(a, a + size) for a in range(stage.first, stage.last, size)]


def order_by_gain(forest: Forest) -> Forest:
    """The same forest with the rounds of each stage in the order of what they can change, most first."""
    order: list[int] = []
    for number in range(len(forest.stages)):
        groups = rounds_of(forest, number)
        weight = [int(gains(forest, a, b).max(axis=1).sum()) for a, b in groups]
        for at in np.argsort(-np.array(weight, dtype=np.int64), kind="stable"):
            order += range(*groups[at])
    return replace(forest, tree_root=forest.tree_root[order], tree_class=forest.tree_class[order])


def split_stages(forest: Forest, every: int) -> Forest:
    """Each stage cut into its base and runs of `every` rounds, with the exits between them that change nothing.

    every: 0 leaves the trees of a stage together, after their base. A stage without a base, or without trees, keeps
    its first part whole. What decisions answer, and the base that they go to, stays as it is.
    """
    result: list[Stage] = []
    for number, stage in enumerate(forest.stages):
        groups = rounds_of(forest, number)
        step = every or len(groups)
        cuts = [stage.first] if stage.base is not None and groups else []
        cuts += [end for _, end in groups[step - 1 : -1 : step]] if groups else []
        last = number + 1 == len(forest.stages)
        needed = np.ones(forest.classes, dtype=np.int64) if last else stage.needed(forest.classes)
        first, base, shift = stage.first, stage.base, stage.base_shift
        for cut in cuts:
            each = np.minimum(np.maximum(needed, 1) + gains(forest, cut, stage.last).max(axis=1), NEVER)
            each = np.where(needed >= NEVER, NEVER, each)
            result.append(_stage(first, cut, base, shift, each))
            first, base, shift = cut, None, 0
        result.append(replace(stage, first=first, base=base, base_shift=shift))
    return replace(forest, stages=tuple(result))


def _stage(first: int, last: int, base: str | None, shift: int, each: np.ndarray) -> Stage:
    margins = tuple(each.tolist())
    same = len(set(margins)) == 1
    return Stage(first, last, min(margins), base, shift, None if same else margins)
