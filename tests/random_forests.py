"""Small random forests over plain columns: repeated features on a path, equal sides and equal subtrees occur."""

import numpy as np

from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature

FEATURES = 4


def random_forest(seed, vector):
    """A forest of two stages and three classes, and values int64 (60, features) round its thresholds."""
    rng = np.random.default_rng(seed)
    builder = ForestBuilder(3, [Feature("m", (0, 0, i)) for i in range(FEATURES)], 1 / 16)

    def grow(depth):
        if depth == 0 or rng.random() < 0.15:
            return builder.leaf(rng.integers(-3, 4, 3 if vector else 1) / 4 + 1 / 16)
        node = builder.node()
        feature, cut = int(rng.integers(FEATURES)), int(rng.integers(-5, 6))
        left, right = grow(depth - 1), grow(depth - 1)
        builder.set_node(node, feature, cut, left, right)
        return node

    for _ in range(2):
        for tree in range(int(rng.integers(1, 5))):
            builder.tree(grow(int(rng.integers(0, 5))), *([] if vector else [tree % 3]))
        builder.stage()
    forest = builder.finish(rng.normal(size=3))
    return forest, rng.integers(-7, 8, (60, len(forest.features)))
