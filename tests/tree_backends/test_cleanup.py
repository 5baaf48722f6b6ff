"""Clean-up: what is lossless changes no score for any values, what is lossy stays inside what it says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.header.compact import compact
from tests.random_forests import random_forest
from tree_backends.build import ForestBuilder
from tree_backends.cleanup import cut_leaves, drop_dead, merge_thresholds, share_subtrees
from tree_backends.evaluate import stage_scores
from tree_backends.forest import Feature


def scores_of(forest, values, features):
    """Scores after each stage; `values` are of `features`, of which the forest may have dropped some."""
    columns = [features.index(f) for f in forest.features]
    return stage_scores(forest, values[:, columns], None)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_dropping_and_sharing_change_no_score(seed, vector):
    forest, values = random_forest(seed, vector)
    expected = scores_of(forest, values, forest.features)
    for clean in (drop_dead(forest), share_subtrees(forest), drop_dead(share_subtrees(forest))):
        np.testing.assert_array_equal(scores_of(clean, values, forest.features), expected)
        assert (clean.trees, clean.stages) == (forest.trees, forest.stages)
        assert clean.nodes <= forest.nodes and set(clean.node_feature.tolist()) == set(range(len(clean.features)))
    again = drop_dead(drop_dead(forest))
    assert again.nodes == drop_dead(forest).nodes


def one_tree(build):
    builder = ForestBuilder(2, [Feature("m", (0, 0, i)) for i in range(2)], 1.0)
    builder.tree(build(builder), 0)
    builder.stage()
    return builder.finish()


def node(builder, feature, cut, left, right):
    number = builder.node()
    builder.set_node(number, feature, cut, left(builder), right(builder))
    return number


def leaf(value):
    return lambda builder: builder.leaf(value)


def test_a_node_that_the_nodes_above_have_settled_goes():
    forest = one_tree(
        lambda b: node(b, 0, 5, lambda b: node(b, 0, 7, leaf(1.0), leaf(9.0)),
                       lambda b: node(b, 0, 5, leaf(8.0), lambda b: node(b, 0, 6, leaf(2.0), leaf(3.0))))
    )  # fmt: skip
    clean = drop_dead(forest)
    assert (forest.nodes, clean.nodes) == (4, 2)
    assert sorted(clean.leaf_scores[:, 0].tolist()) == [1, 2, 3]


def test_a_node_with_equal_sides_goes_and_so_does_its_feature():
    same = [lambda b: node(b, 0, 3, leaf(1.0), leaf(2.0))] * 2
    forest = one_tree(lambda b: node(b, 1, 0, *same))
    clean = drop_dead(forest)
    assert (clean.nodes, [str(f) for f in clean.features]) == (1, ["m[0,0,0]"])


def test_equal_subtrees_are_shared_in_the_model_and_written_out_in_c():
    same = [lambda b: node(b, 0, 3, leaf(1.0), leaf(2.0))] * 2
    forest = one_tree(lambda b: node(b, 1, 0, same[0], lambda b: node(b, 1, 9, same[1], leaf(7.0))))
    shared = share_subtrees(forest)
    assert (forest.nodes, shared.nodes, len(shared.leaf_scores)) == (4, 3, 3)
    assert len(compact(shared).words) == len(compact(forest).words) == 4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.01, 0.1]))
def test_merged_thresholds_send_no_more_rows_elsewhere_than_stated(seed, tolerance):
    forest, values = random_forest(seed, False)
    merged = merge_thresholds(forest, values, tolerance)
    assert sum(_cuts(merged)) <= sum(_cuts(forest))
    columns = [forest.features.index(f) for f in merged.features]
    for feature, column in enumerate(columns):
        for cut in np.unique(merged.node_threshold[merged.node_feature == feature]):
            own = np.unique(forest.node_threshold[forest.node_feature == column])
            moved = [((values[:, column] <= cut) != (values[:, column] <= before)).mean() for before in own]
            assert min(moved) == 0  # a threshold is one that was there
    if tolerance == 0:
        np.testing.assert_array_equal(
            scores_of(merged, values, forest.features), scores_of(forest, values, forest.features)
        )


def _cuts(forest):
    return [len(np.unique(forest.node_threshold[forest.node_feature == f])) for f in range(len(forest.features))]


def test_thresholds_are_joined_as_far_as_the_tolerance_reaches_and_no_further():
    builder = ForestBuilder(2, [Feature("m", (0, 0, 0))], 1.0)
    for cut in (10, 11, 12, 50):
        builder.tree(node(builder, 0, cut, leaf(1.0), leaf(float(cut))), 0)
    builder.stage()
    forest, values = builder.finish(), np.arange(100)[:, None]
    assert np.unique(merge_thresholds(forest, values, 0.02).node_threshold).tolist() == [11, 50]
    assert np.unique(merge_thresholds(forest, values, 0.01).node_threshold).tolist() in ([10, 12, 50], [11, 12, 50])
    assert np.unique(merge_thresholds(forest, values, 0.0).node_threshold).tolist() == [10, 11, 12, 50]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 16]), st.booleans())
def test_cut_leaves_move_no_score_further_than_they_say(seed, step, vector):
    forest, values = random_forest(seed, vector)
    cut = cut_leaves(forest, step)
    moved = np.abs(scores_of(cut, values, forest.features) - scores_of(forest, values, forest.features)).max()
    extra = cut.lost["max_score_error"] - forest.lost["max_score_error"]
    assert moved * forest.unit <= extra + 1e-9 <= (step // 2) * forest.trees * forest.unit + 1e-9
    assert not (cut.leaf_scores % step).any() and cut.nodes <= forest.nodes
    assert replace(cut, lost=forest.lost).nodes == cut.nodes


def test_a_step_that_is_no_power_of_two_is_refused():
    with pytest.raises(ValueError, match="power of two"):
        cut_leaves(random_forest(0, False)[0], 3)
