"""Trees as a user's library trained them: float thresholds and leaves, missing values, categorical splits.

The forest of an audio model (forest.py) holds integers over a feature graph. An ensemble holds what LightGBM or
scikit-learn decided on plain columns of numbers, exactly as they compare them, so that a code generator can prove what
it keeps. Nodes are flat arrays in preorder: children come after their parent, children < 0 are leaves, number ~child.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tree_backends.forest import VECTOR, ForestError

TASKS = ("binary", "multiclass", "regression", "votes")
NONE, ZERO, NAN = 0, 1, 2
"""What counts as missing at a node: nothing (a NaN is read as 0), zeros and NaN, or NaN."""
NUMERIC = -1
TINY = float(np.float32(1e-35))
"""LightGBM reads every value of at most this magnitude as 0."""
MAX_DEPTH = 200
MAX_CATEGORY = 2**24
ARRAYS = {
    "feature": np.int32, "threshold": np.float64, "missing": np.uint8, "default_left": np.bool_, "categories": np.int32,
    "left": np.int32, "right": np.int32, "values": np.float64, "roots": np.int32, "outputs": np.int32,
    "bias": np.float64,
}  # fmt: skip
NODES = ("feature", "threshold", "missing", "default_left", "categories", "left", "right")


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees over named columns of numbers. Raises ForestError, naming tree or node, for anything inconsistent.

    task: 'binary' and 'multiclass' add leaf scores (logits); 'regression' adds values; 'votes' takes the mean of the
    leaves' class probabilities.
    """

    source: str
    task: str
    feature_names: tuple[str, ...]
    labels: tuple[str, ...]
    feature: np.ndarray
    threshold: np.ndarray
    missing: np.ndarray
    default_left: np.ndarray
    categories: np.ndarray
    """Number of the node's category set (members go left), or NUMERIC."""
    left: np.ndarray
    right: np.ndarray
    values: np.ndarray
    """(leaves, 1), or (leaves, classes) for 'votes'."""
    roots: np.ndarray
    outputs: np.ndarray
    """Score column of each tree; VECTOR for 'votes'."""
    bias: np.ndarray
    category_sets: tuple[tuple[int, ...], ...] = ()
    counts: np.ndarray | None = None
    """'votes': training rows of each class in each leaf, int64, where `values` is exactly their quotient."""
    sigmoid: float = 1.0
    """binary: probability = 1 / (1 + exp(-sigmoid * score))."""
    one_versus_all: bool = False
    """multiclass: every class has a sigmoid of its own instead of a share of a softmax."""
    tie_is_positive: bool = False
    """binary: whether a score of exactly 0 is the second label."""
    tiny_is_zero: bool = False
    lost: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_arrays(self)
        _check_nodes(self)
        _check_task(self)
        object.__setattr__(self, "depth", _depth(self))

    depth: int = 0
    """Most nodes on a path from a root."""

    @property
    def nodes(self) -> int:
        """Number of inner nodes."""
        return len(self.feature)

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    def used(self) -> list[int]:
        """Sorted numbers of the features that some node reads."""
        return np.unique(self.feature).tolist()

    def leaf_numbers(self, x: np.ndarray) -> np.ndarray:
        """The leaf that each row reaches in each tree. x: float (n, features) -> int64 (n, trees)."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.feature_names):
            raise ForestError(f"rows must have {len(self.feature_names)} features, not shape {x.shape}")
        if self.tiny_is_zero:
            x = np.where(np.abs(x) <= TINY, 0.0, x)
        at = np.tile(self.roots.astype(np.int64), (len(x), 1))
        rows = np.broadcast_to(np.arange(len(x))[:, None], at.shape)
        while (inner := at >= 0).any():
            node, row = at[inner], rows[inner]
            goes = self._goes_left(node, x[row, self.feature[node]])
            at[inner] = np.where(goes, self.left[node], self.right[node])
        return ~at

    def _goes_left(self, node: np.ndarray, x: np.ndarray) -> np.ndarray:
        missing, nan = self.missing[node], np.isnan(x)
        value = np.where(nan & (missing != NAN), 0.0, x)
        gone = ((missing == NAN) & nan) | ((missing == ZERO) & (np.abs(value) <= TINY))
        with np.errstate(invalid="ignore"):
            numeric = np.where(gone, self.default_left[node], value <= self.threshold[node])
        of_set = self.categories[node]
        for number in np.unique(of_set[of_set != NUMERIC]):
            chosen = of_set == number
            whole = np.where(np.isfinite(x[chosen]) & (np.abs(x[chosen]) < 2**31), np.trunc(x[chosen]), -1)
            numeric[chosen] = np.isin(whole, self.category_sets[number])
        return numeric

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Raw scores, values, or mean class probabilities: float64 (n, outputs)."""
        leaves = self.leaf_numbers(x)
        total = np.tile(self.bias, (len(leaves), 1))
        if self.task == "votes":
            for tree in range(self.trees):  # one after the other: the sum must round as scikit-learn's
                total += self.values[leaves[:, tree]]
            return total / self.trees
        for tree, output in enumerate(self.outputs):
            total[:, output] += self.values[leaves[:, tree], 0]
        return total

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Class numbers from scores (n, outputs); a tie goes as in the library that trained the model."""
        if self.task == "binary":
            return (scores[:, 0] >= 0 if self.tie_is_positive else scores[:, 0] > 0).astype(np.int64)
        return scores.argmax(axis=1)


def _check_arrays(ensemble: Ensemble) -> None:
    for name, dtype in ARRAYS.items():
        array = getattr(ensemble, name)
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != (2 if name == "values" else 1):
            raise ForestError(f"{name} must be an array of {np.dtype(dtype).name}")
    if len({len(getattr(ensemble, name)) for name in NODES}) != 1:
        raise ForestError("the node arrays differ in length")
    if not len(ensemble.roots) or len(ensemble.roots) != len(ensemble.outputs):
        raise ForestError("the model has no trees: train it first")
    if not np.isfinite(ensemble.values).all() or not np.isfinite(ensemble.bias).all():
        raise ForestError("a leaf's value is not a finite number: the model is damaged, train it again")
    if np.isnan(ensemble.threshold).any():
        raise ForestError("a threshold is not a number: the model is damaged, train it again")


def _check_nodes(e: Ensemble) -> None:
    count, leaves = e.nodes, len(e.values)
    bad = (e.feature < 0) | (e.feature >= len(e.feature_names))
    if bad.any():
        node = int(np.argmax(bad))
        raise ForestError(f"node {node} reads feature {e.feature[node]}, the model has {len(e.feature_names)}")
    own = np.arange(count)
    for side in (e.left, e.right):
        if ((side >= 0) & ((side <= own) | (side >= count))).any() or ((side < 0) & (~side >= leaves)).any():
            raise ForestError("a node's child does not come after it or is not there: the model is damaged")
    children = np.concatenate([e.left, e.right, e.roots])
    if len(np.unique(children)) != len(children):
        raise ForestError("two nodes share a child: the model is damaged")
    if ((e.roots >= count) | ((e.roots < 0) & (~e.roots >= leaves))).any():
        raise ForestError("a tree's root is not there: the model is damaged")
    if (e.missing > NAN).any() or ((e.categories < NUMERIC) | (e.categories >= len(e.category_sets))).any():
        raise ForestError("a node's kind is unknown: the model is damaged")
    if any(not 0 <= c < MAX_CATEGORY for members in e.category_sets for c in members):
        raise ForestError(f"a category is not in 0..{MAX_CATEGORY - 1}: number the categories from 0")


def _check_task(e: Ensemble) -> None:
    outputs = {"binary": 1, "regression": 1}.get(e.task, len(e.labels))
    width = len(e.labels) if e.task == "votes" else 1
    if (
        e.task not in TASKS
        or (e.task != "regression" and len(e.labels) < 2)
        or (e.task == "binary" and len(e.labels) != 2)
    ):
        raise ForestError(f"a {e.task} model of {len(e.labels)} classes cannot be compiled")
    if e.values.shape[1] != width or len(e.bias) != outputs:
        raise ForestError(f"a {e.task} model needs {width} values a leaf and {outputs} starting scores")
    low = VECTOR if e.task == "votes" else 0
    if ((e.outputs < low) | (e.outputs >= (0 if e.task == "votes" else outputs))).any():
        raise ForestError("a tree adds to a class that is not there: the model is damaged")
    if len(set(e.feature_names)) != len(e.feature_names):
        raise ForestError("two features have the same name: rename one and train again")
    if not 1e-6 <= e.sigmoid <= 1e6:
        raise ForestError(f"the sigmoid's slope {e.sigmoid} is not usable: train with another one")


def _depth(e: Ensemble) -> int:
    at, depth = e.roots[e.roots >= 0], 0
    while len(at):
        depth += 1
        if depth > MAX_DEPTH:
            raise ForestError(f"a tree is deeper than {MAX_DEPTH} nodes: train with max_depth={MAX_DEPTH} or less")
        below = np.concatenate([e.left[at], e.right[at]])
        at = below[below >= 0]
    return depth
