"""The forest: integer trees in stages, over features named by (map, index).

Nodes are flat arrays. A node sends `x <= threshold` to `left`, everything else to `right`. Children >= 0 are nodes,
children < 0 are leaves, leaf number ~child. Children always come after their parent, so no walk can loop. A tree adds
its leaf's score to one class, or, if its class is VECTOR, a leaf's whole row of scores to all.

A stage may begin with a `base` map of one value per class (a depth head's logits), which is added to the scores before
the stage's trees. A forest of one stage with a base and no trees is a dense head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

VECTOR = -1
NEVER = 2**31 - 1
"""A stage margin that no decision reaches: the stage has no exit."""
FINEST_UNIT = 2.0**-30
MAX_SCORE = 2**30


class ForestError(ValueError):
    """A forest that is inconsistent. The message names tree, node and remedy."""


@dataclass(frozen=True, order=True)
class Feature:
    """One element of a map: (time, band, channel)."""

    map: str
    index: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.map}[{','.join(map(str, self.index))}]"


@dataclass(frozen=True)
class Stage:
    """Trees [first, last); `base` map or None, its values shifted left by `base_shift`; exit if margin >= `margin`.

    class_margins: where given, the margin to reach depends on the class that leads, one number a class; `margin` is
    then the least of them.
    """

    first: int
    last: int
    margin: int = NEVER
    base: str | None = None
    base_shift: int = 0
    class_margins: tuple[int, ...] | None = None

    def needed(self, classes: int) -> np.ndarray:
        """The margin that a decision for each class needs to leave here, int64 (classes,)."""
        return np.asarray(self.class_margins or (self.margin,) * classes, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Forest:
    """All arrays are int32. Scores are in units of `unit` logits."""

    classes: int
    features: tuple[Feature, ...]
    node_feature: np.ndarray
    node_threshold: np.ndarray
    node_left: np.ndarray
    node_right: np.ndarray
    leaf_scores: np.ndarray
    """(leaves, 1) for trees of one class, (leaves, classes) for vector trees."""
    tree_root: np.ndarray
    tree_class: np.ndarray
    bias: np.ndarray
    """Starting score of each class."""
    stages: tuple[Stage, ...]
    unit: float
    lost: dict[str, float] = field(default_factory=dict)
    """What the conversion lost, e.g. {'max_score_error': logits}."""
    prior: int = -1
    """The answer before anything is computed: the most frequent class of the training data. -1 stands for the class
    with the largest bias, and is replaced by it."""
    clip_margin: int = NEVER
    """Where a clip is cut into several windows and decided by the sum of their scores: the margin of that sum at which
    the windows that are left need not be decided."""

    def __post_init__(self) -> None:
        _check(self)
        if self.prior == -1:
            object.__setattr__(self, "prior", int(self.bias.argmax()))

    @property
    def nodes(self) -> int:
        """Number of inner nodes."""
        return len(self.node_feature)

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.tree_root)

    def with_margins(self, margins: Sequence[int | Sequence[int]]) -> Forest:
        """The same forest with other exit margins, one per stage, or one per stage and class; the last always ends."""
        stages = tuple(_with_margin(s, m) for s, m in zip(self.stages, margins, strict=True))
        return replace(self, stages=stages)

    def reachable(self, stage: int) -> np.ndarray:
        """Sorted feature numbers that the trees of one stage can read."""
        return self.read_by(self.stages[stage].first, self.stages[stage].last)

    def read_by(self, first: int, last: int) -> np.ndarray:
        """Sorted feature numbers that trees [first, last) can read."""
        stack = self.tree_root[first:last]
        found: list[np.ndarray] = []
        while len(stack):
            inner = stack[stack >= 0]
            found.append(self.node_feature[inner])
            stack = np.concatenate([self.node_left[inner], self.node_right[inner]])
        return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int32)

    def roots(self, stage: int) -> np.ndarray:
        """Sorted feature numbers that every decision which enters the stage reads."""
        chosen = self.stages[stage]
        roots = self.tree_root[chosen.first : chosen.last]
        return np.unique(self.node_feature[roots[roots >= 0]])


def _with_margin(stage: Stage, margin: int | Sequence[int]) -> Stage:
    if not isinstance(margin, Sequence):
        return replace(stage, margin=int(margin), class_margins=None)
    each = tuple(int(m) for m in margin)
    same = len(set(each)) == 1
    return replace(stage, margin=min(each), class_margins=None if same else each)


def _check(forest: Forest) -> None:
    for name in ("node_feature", "node_threshold", "node_left", "node_right", "tree_root", "tree_class", "bias"):
        array = getattr(forest, name)
        if not isinstance(array, np.ndarray) or array.dtype != np.int32 or array.ndim != 1:
            raise ForestError(f"{name} must be a 1-dimensional int32 array")
    leaves = forest.leaf_scores
    if leaves.dtype != np.int32 or leaves.ndim != 2 or leaves.shape[1] not in (1, forest.classes):
        raise ForestError("leaf_scores must be int32 (leaves, 1) or (leaves, classes)")
    if forest.classes < 2 or forest.bias.shape != (forest.classes,):
        raise ForestError(f"{forest.classes} classes with {len(forest.bias)} biases: a classifier needs two or more")
    if not FINEST_UNIT <= forest.unit <= 1:
        raise ForestError(f"a score unit of {forest.unit} logits is not in {FINEST_UNIT:g}..1: choose 1/1024")
    if not -1 <= forest.prior < forest.classes:
        raise ForestError(f"the prior's class {forest.prior} is not in 0..{forest.classes - 1}")
    if not 0 <= forest.clip_margin <= NEVER:
        raise ForestError(f"the margin of clips {forest.clip_margin} is not in 0..{NEVER}")
    _check_nodes(forest)
    _check_trees(forest)
    _check_stages(forest)


def _check_nodes(forest: Forest) -> None:
    count, leaves = forest.nodes, len(forest.leaf_scores)
    if any(len(a) != count for a in (forest.node_threshold, forest.node_left, forest.node_right)):
        raise ForestError("the node arrays differ in length")
    bad = (forest.node_feature < 0) | (forest.node_feature >= len(forest.features))
    if bad.any():
        node = int(np.argmax(bad))
        raise ForestError(
            f"node {node}: feature {forest.node_feature[node]} is not among the {len(forest.features)} features: refit"
        )
    if (np.abs(forest.node_threshold) > 32768).any() or (forest.node_threshold == 32768).any():
        raise ForestError("a threshold does not fit int16")
    for side in (forest.node_left, forest.node_right):
        own = np.arange(count)
        if ((side >= 0) & ((side <= own) | (side >= count))).any() or ((side < 0) & (~side >= leaves)).any():
            raise ForestError("a node's child does not come after it or is not there: the model is damaged, refit")


def _check_trees(forest: Forest) -> None:
    roots, classes = forest.tree_root, forest.tree_class
    if len(roots) != len(classes):
        raise ForestError("tree_root and tree_class differ in length")
    if ((roots >= forest.nodes) | ((roots < 0) & (~roots >= len(forest.leaf_scores)))).any():
        raise ForestError("a tree's root is not there")
    low = VECTOR if forest.leaf_scores.shape[1] == forest.classes else 0
    if ((classes < low) | (classes >= forest.classes)).any():
        raise ForestError(f"a tree's class is not in {low}..{forest.classes - 1}")
    if forest.leaf_scores.shape[1] > 1 and (classes != VECTOR).any():
        raise ForestError("a forest holds trees of one class or vector trees, not both")
    largest = int(np.abs(forest.leaf_scores.astype(np.int64)).max(initial=0))
    bases = sum(32768 << s.base_shift for s in forest.stages if s.base)
    if largest * forest.trees + int(np.abs(forest.bias.astype(np.int64)).max()) + bases > MAX_SCORE:
        raise ForestError("scores could leave int32: use a coarser score unit")


def _check_stages(forest: Forest) -> None:
    end = 0
    for number, stage in enumerate(forest.stages):
        if stage.first != end or stage.last < stage.first or not 0 <= stage.base_shift <= 15:
            raise ForestError(f"stage {number} does not continue where the one before ended")
        if not 0 <= stage.margin <= NEVER:
            raise ForestError(f"stage {number}: margin {stage.margin} is not in 0..{NEVER}")
        each = stage.class_margins
        if each is not None and (len(each) != forest.classes or min(each) != stage.margin or max(each) > NEVER):
            raise ForestError(f"stage {number}: the margins of its classes are not {forest.classes} from its margin up")
        end = stage.last
    if not forest.stages or end != forest.trees:
        raise ForestError(f"the stages hold {end} of {forest.trees} trees")
