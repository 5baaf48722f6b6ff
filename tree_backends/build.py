"""Building a forest tree by tree, with leaf scores rounded to one integer unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tree_backends.forest import VECTOR, Feature, Forest, Stage


class ForestBuilder:
    """Collects trees with float leaves; `finish` rounds them and says what that lost."""

    def __init__(self, classes: int, features: Sequence[Feature], unit: float) -> None:
        self.classes, self.unit = classes, unit
        self._features = list(features)
        self._nodes: list[tuple[int, int, int, int]] = []
        self._leaves: list[np.ndarray] = []
        self._roots: list[int] = []
        self._tree_classes: list[int] = []
        self._stages: list[Stage] = []
        self._closed = 0
        """Leaves of the stages that are closed."""

    def node(self) -> int:
        """Reserve an inner node (children come after it) and return its number."""
        self._nodes.append((0, 0, 0, 0))
        return len(self._nodes) - 1

    def set_node(self, number: int, feature: int, threshold: int, left: int, right: int) -> None:
        """Fill a reserved node. Children are node numbers or ~leaf numbers."""
        self._nodes[number] = (feature, threshold, left, right)

    def leaf(self, scores: np.ndarray | float) -> int:
        """Add a leaf of score(s) in logits; returns ~leaf number."""
        self._leaves.append(np.atleast_1d(np.asarray(scores, dtype=np.float64)))
        return ~(len(self._leaves) - 1)

    def scale(self, factor: float) -> None:
        """Multiply the scores of the leaves since the last stage."""
        self._leaves[self._closed :] = [factor * scores for scores in self._leaves[self._closed :]]

    def tree(self, root: int, cls: int = VECTOR) -> None:
        """Finish a tree."""
        self._roots.append(root)
        self._tree_classes.append(cls)

    def stage(self, base: str | None = None, base_shift: int = 0) -> None:
        """Close a stage: all trees since the last call belong to it."""
        first = self._stages[-1].last if self._stages else 0
        self._stages.append(Stage(first, len(self._roots), base=base, base_shift=base_shift))
        self._closed = len(self._leaves)

    def finish(self, bias: np.ndarray | None = None, prior: int = -1) -> Forest:
        """The forest, with only the features that some node reads. bias: logits (classes,); prior: see Forest."""
        nodes = np.asarray(self._nodes, dtype=np.int32).reshape(-1, 4)
        used, node_feature = np.unique(nodes[:, 0], return_inverse=True)
        exact = np.stack(self._leaves) if self._leaves else np.zeros((0, 1))
        start = np.zeros(self.classes) if bias is None else np.asarray(bias, dtype=np.float64)
        leaves, rounded = np.rint(exact / self.unit), np.rint(start / self.unit)
        error = np.abs(leaves * self.unit - exact).max(initial=0.0)
        return Forest(
            classes=self.classes,
            features=tuple(self._features[i] for i in used),
            node_feature=node_feature.astype(np.int32).reshape(-1),
            node_threshold=nodes[:, 1].copy(),
            node_left=nodes[:, 2].copy(),
            node_right=nodes[:, 3].copy(),
            leaf_scores=leaves.astype(np.int32),
            tree_root=np.asarray(self._roots, dtype=np.int32),
            tree_class=np.asarray(self._tree_classes, dtype=np.int32),
            bias=rounded.astype(np.int32),
            stages=tuple(self._stages),
            unit=self.unit,
            prior=prior,
            lost={"max_leaf_error": float(error), "max_score_error": float(error * len(self._roots))},
        )
