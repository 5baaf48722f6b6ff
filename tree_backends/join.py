"""One forest behind another: the stages of the first, then those of the second, over the features of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tree_backends.forest import VECTOR, Forest, ForestError


def joined(first: Forest, second: Forest) -> Forest:
    """`first` and then `second`: decisions that do not leave in `first` have its scores added to those of `second`.

    Biases, prior and what the conversion lost are the second's; those of the first must be 0. Trees of the first are
    of one class; where the second's are vector trees, their leaves become rows. Raises ForestError for forests that do
    not fit together.
    """
    if (first.classes, first.unit) != (second.classes, second.unit):
        raise ForestError("forests of other classes or score units cannot be joined")
    if first.bias.any() or (first.tree_class == VECTOR).any():
        raise ForestError("the first of two joined forests must have no bias and trees of one class each")
    features = tuple(dict.fromkeys(first.features + second.features))
    number = {f: i for i, f in enumerate(features)}
    own = np.array([number[f] for f in first.features], dtype=np.int32)
    rest = np.array([number[f] for f in second.features], dtype=np.int32)
    vector = bool((second.tree_class == VECTOR).any())
    leaves = _rows(first) if vector else first.leaf_scores
    classes = np.full(first.trees, VECTOR, dtype=np.int32) if vector else first.tree_class

    def moved(children: np.ndarray) -> np.ndarray:
        """Node and leaf numbers of the second forest behind those of the first."""
        return np.where(children >= 0, children + first.nodes, children - len(leaves)).astype(np.int32)

    return replace(
        second,
        features=features,
        node_feature=np.concatenate([own[first.node_feature], rest[second.node_feature]]),
        node_threshold=np.concatenate([first.node_threshold, second.node_threshold]),
        node_left=np.concatenate([first.node_left, moved(second.node_left)]),
        node_right=np.concatenate([first.node_right, moved(second.node_right)]),
        leaf_scores=np.concatenate([leaves, second.leaf_scores]) if second.trees else leaves,
        tree_root=np.concatenate([first.tree_root, moved(second.tree_root)]),
        tree_class=np.concatenate([classes, second.tree_class]),
        stages=(
            *first.stages,
            *(replace(s, first=s.first + first.trees, last=s.last + first.trees) for s in second.stages),
        ),
    )


def _rows(forest: Forest) -> np.ndarray:
    """Leaf scores as rows of all classes, int32 (leaves, classes). A leaf belongs to one tree."""
    rows = np.zeros((len(forest.leaf_scores), forest.classes), dtype=np.int32)
    for tree, cls in enumerate(forest.tree_class.tolist()):
        own = leaves_of(forest, tree)
        rows[own, cls] = forest.leaf_scores[own, 0]
    return rows


def leaves_of(forest: Forest, tree: int) -> np.ndarray:
    """The leaf numbers of a tree, int64."""
    stack, found = [int(forest.tree_root[tree])], list[int]()
    while stack:
        at = stack.pop()
        if at < 0:
            found.append(~at)
        else:
            stack += [int(forest.node_left[at]), int(forest.node_right[at])]
    return np.array(found, dtype=np.int64)
