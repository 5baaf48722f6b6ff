"""Exits that change nothing: the same label and the same base for any values of features and bases."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.random_forests import random_forest
from tree_backends.evaluate import decide, run_trees, stage_scores
from tree_backends.exits import gains, order_by_gain, split_stages
from tree_backends.forest import NEVER


def with_bases(seed, vector):
    """A forest of two stages that start from bases, with margins of any kind, values, and bases by name."""
    forest, values = random_forest(seed, vector)
    rng = np.random.default_rng(seed)
    bases = {name: rng.integers(-20, 21, (len(values), 3)) for name in ("one", "two")}
    stages = tuple(replace(s, base=b, base_shift=1) for s, b in zip(forest.stages, bases, strict=True))
    margins = [[0, 5, NEVER], 8, 0, NEVER][seed % 4]
    return replace(forest, stages=stages).with_margins([margins, 0]), values, bases.__getitem__


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.integers(0, 3))
def test_split_stages_answer_the_same_and_stop_at_the_same_base(seed, vector, every):
    forest, values, base = with_bases(seed, vector)
    split = split_stages(forest, every)
    found, expected = decide(split, values, base), decide(forest, values, base)
    np.testing.assert_array_equal(found.label, expected.label)
    asked = np.cumsum([s.base is not None for s in split.stages])
    np.testing.assert_array_equal(asked[found.stage], expected.stage + 1)
    assert (found.visits <= expected.visits).all() and split.stages[-1].last == forest.trees


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_ordering_changes_no_score_after_a_stage(seed, vector):
    forest, values, base = with_bases(seed, vector)
    ordered = order_by_gain(forest)
    np.testing.assert_array_equal(stage_scores(ordered, values, base), stage_scores(forest, values, base))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_no_class_gains_more_than_its_bound(seed, vector):
    forest, values = random_forest(seed, vector)
    run = run_trees(forest, 0, forest.trees, values, np.zeros((len(values), 3), np.int64)).scores
    bound = gains(forest, 0, forest.trees)
    assert (run[:, None, :] - run[:, :, None] <= bound).all() and not np.diag(bound).any()


def test_a_decision_that_the_trees_cannot_turn_skips_them():
    forest, values, _ = with_bases(1, False)
    high = {"one": np.tile([200, 0, 0], (len(values), 1)), "two": np.zeros((len(values), 3), int)}
    split = split_stages(forest, 0)
    found = decide(split, values, high.__getitem__)
    assert set(found.stage) == {0} and not found.visits.any()
    assert decide(forest, values, high.__getitem__).visits.any()
