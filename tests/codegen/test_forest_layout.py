"""The compact layout of an audio model's forest gives back the forest, and is as small as it is meant to be."""

import numpy as np
import pytest

from codegen.header.compact import compact, leaf_scores, round_robin
from tests.random_plans import random_plan
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature


def walk_words(nodes, forest, values):
    """Rows of leaf_scores that the words lead to, tree by tree, as the generated C walks."""
    node = leaf = 0
    reached = []
    for size in nodes.sizes.tolist():
        left, at, place = size, node, leaf
        while left:
            word = int(nodes.words[at])
            feature = word & ((1 << nodes.feature_bits) - 1)
            cut = word >> nodes.feature_bits & ((1 << nodes.cut_bits) - 1)
            distance = word >> (nodes.feature_bits + nodes.cut_bits)
            if values[feature] <= nodes.thresholds[nodes.first[feature] + cut]:
                at, left = at + 1, distance - 1
            else:
                at, place, left = at + distance, place + distance, left - distance
        reached.append(int(nodes.leaves[place]))
        node, leaf = node + size, leaf + size + 1
    return reached


def walk_forest(forest, values):
    reached = []
    for at in forest.tree_root.tolist():
        while at >= 0:
            left = values[forest.node_feature[at]] <= forest.node_threshold[at]
            at = int(forest.node_left[at] if left else forest.node_right[at])
        reached.append(~at)
    return reached


@pytest.mark.parametrize("seed", range(5))
def test_words_lead_to_the_leaves_of_the_forest(seed):
    forest = random_plan(seed, vector=bool(seed % 2))[0].forest
    nodes = compact(forest)
    rng = np.random.default_rng(seed)
    for _ in range(50):
        values = rng.choice(np.concatenate([forest.node_threshold, forest.node_threshold + 1]), len(forest.features))
        assert walk_words(nodes, forest, values) == walk_forest(forest, values)


def chosen_values(scores, leaf):
    """A leaf's score as the generated C finds it."""
    number = leaf
    if scores.low is not None:
        number = int(scores.low[leaf])
    if scores.high is not None:
        each, bits = 8 // scores.high_bits, scores.high_bits
        number |= (int(scores.high[leaf // each]) >> leaf % each * bits & ((1 << bits) - 1)) << 8
    return int(scores.values.ravel()[number])


def boosted(trees, leaves, distinct, seed=0):
    """A forest of `trees` balanced trees over 36 features, with so many thresholds and leaf values as kws12 has."""
    rng = np.random.default_rng(seed)
    builder = ForestBuilder(12, [Feature("m", (0, 0, i)) for i in range(36)], 1.0)
    palette = rng.choice(np.arange(-4000, 4000), distinct, replace=False)

    def grow(count):
        if count == 1:
            return builder.leaf(float(rng.choice(palette)))
        number = builder.node()
        left = int(rng.integers(1, count))
        children = grow(left), grow(count - left)
        builder.set_node(number, int(rng.integers(36)), 40 * int(rng.integers(15)), *children)
        return number

    for tree in range(trees):
        builder.tree(grow(leaves), tree % 12)
    builder.stage()
    return builder.finish()


@pytest.mark.parametrize("distinct", [100, 300, 900, 1700])
def test_leaves_keep_their_scores_whichever_way_they_are_written(distinct):
    forest = boosted(216, 8, distinct)
    nodes = compact(forest)
    scores = leaf_scores(forest, nodes.leaves)
    got = [chosen_values(scores, i) for i in range(len(nodes.leaves))]
    assert got == forest.leaf_scores[nodes.leaves, 0].tolist()
    assert (scores.low is None) == (distinct >= 900)


def test_a_node_takes_at_most_five_bytes_leaves_included():
    forest = boosted(216, 8, 540)
    nodes = compact(forest)
    scores = leaf_scores(forest, nodes.leaves)
    tables = [nodes.words, nodes.thresholds, nodes.first, scores.values, scores.low, scores.high]
    assert round_robin(forest) and len(set(nodes.sizes.tolist())) == 1
    assert sum(t.nbytes for t in tables if t is not None) <= 5 * forest.nodes
