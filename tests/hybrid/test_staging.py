import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from feature_extractors.graph import Graph
from hybrid.config import ForestConfig
from hybrid.staging import TreeData, dense_forest, fit_forest, sharpness
from tree_backends.forest import Feature


def test_a_dense_head_is_a_stage_without_trees():
    forest = dense_forest(3, "head", 2, 1 / 1024)
    assert (forest.trees, forest.stages[0].base, forest.stages[0].base_shift) == (0, "head", 2)
    assert forest.bias.tolist() == [0, 0, 0]
    assert pytest.approx(forest.unit) == 1 / 1024


@given(st.floats(0.2, 8.0), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_scores_that_are_too_sure_by_a_factor_are_found_out(factor, draw):
    logits = np.random.default_rng(draw).normal(size=(300, 4)) * 2
    assert sharpness(factor * logits, softmax(logits, axis=1)) == pytest.approx(1 / factor, rel=0.01)


def test_trees_do_not_take_back_that_logits_of_two_depths_add_up():
    """Both depths say everything there is: there is nothing for the second one's trees to say."""
    logits = np.rint(np.random.default_rng(3).normal(size=(4000, 3)) * 60).astype(np.int64)
    unit, heads = 1 / 32, ["head1", "head2"]
    data = TreeData({name: logits.reshape(-1, 1, 1, 3) for name in heads}, softmax(logits * unit, axis=1))
    offered = [[Feature(name, (0, 0, c)) for c in range(3)] for name in heads]
    forest = fit_forest(Graph(), data, heads, ForestConfig(rounds=(6,), unit=unit, threads=1), unit, 0, offered=offered)
    assert len(forest.leaf_scores) and np.abs(forest.leaf_scores).max() * unit < 0.2
