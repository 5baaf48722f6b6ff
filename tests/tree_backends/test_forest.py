import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tree_backends.build import ForestBuilder
from tree_backends.evaluate import decide, stage_scores
from tree_backends.forest import Feature, Forest, ForestError, Stage
from tree_backends.lightgbm import add_booster, fit_rounds


def features(count):
    return [Feature("m", (0, 0, i)) for i in range(count)]


def small_forest():
    builder = ForestBuilder(2, features(2), 1 / 16)
    node = builder.node()
    builder.set_node(node, 1, 5, builder.leaf(1.0), builder.leaf(-1.03))
    builder.tree(node, 0)
    builder.stage()
    return builder.finish()


def test_x_equal_to_the_threshold_goes_left():
    forest = small_forest()
    assert [f.index[2] for f in forest.features] == [1]
    got = decide(forest, np.array([[5], [6]]), None)
    assert got.scores.tolist() == [[16, 0], [-16, 0]]
    assert got.label.tolist() == [0, 1]


def test_what_rounding_lost_is_told():
    assert small_forest().lost["max_leaf_error"] == pytest.approx(0.03)


def test_ties_go_to_the_lowest_class():
    builder = ForestBuilder(3, [], 1.0)
    builder.tree(builder.leaf(2.0), 2)
    builder.tree(builder.leaf(2.0), 1)
    builder.stage()
    assert decide(builder.finish(), np.zeros((1, 0)), None).label.tolist() == [1]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("node_left", [0], "child"),
        ("node_left", [5], "child"),
        ("node_right", [-9], "child"),
        ("node_feature", [3], "refit"),
        ("node_threshold", [40000], "int16"),
        ("tree_root", [7], "root"),
        ("tree_class", [2], "class"),
        ("leaf_scores", [[2**31 - 1], [0]], "score unit"),
        ("bias", [0], "biases"),
    ],
)
def test_inconsistent_forests_are_refused(field, value, message):
    good = small_forest()
    fields = {f: getattr(good, f) for f in good.__dataclass_fields__}
    fields[field] = np.array(value, dtype=np.int32)
    with pytest.raises(ForestError, match=message):
        Forest(**fields)


def test_stages_must_hold_all_trees():
    good = small_forest()
    fields = {f: getattr(good, f) for f in good.__dataclass_fields__}
    with pytest.raises(ForestError, match="0 of 1 trees"):
        Forest(**{**fields, "stages": (Stage(0, 0),)})


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_a_booster_becomes_the_same_scores_up_to_rounding(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-500, 500, (300, 5))
    target = rng.dirichlet([0.3] * 3, 300)
    booster = fit_rounds(values, target, np.zeros((300, 3)), 4, {"num_leaves": 7, "num_threads": 1}, 0)
    builder = ForestBuilder(3, features(5), 1 / 4096)
    add_booster(builder, booster, np.arange(5))
    builder.stage()
    forest = builder.finish()
    # Thresholds and their neighbours are where a wrong rounding would show.
    probes = np.clip(np.concatenate([forest.node_threshold + d for d in (-1, 0, 1)]), -32768, 32767)
    drawn = rng.choice(probes, (200, 5)) if len(probes) else values[:200]
    columns = [f.index[2] for f in forest.features]
    got = stage_scores(forest, drawn[:, columns], None)[-1] / 4096
    np.testing.assert_allclose(got, booster.predict(drawn.astype(float), raw_score=True), atol=12 / 4096)


def test_the_class_with_all_the_weight_wins():
    rng = np.random.default_rng(0)
    values = rng.integers(-100, 100, (400, 3))
    truth = (values[:, 0] > 10).astype(int)
    booster = fit_rounds(values, np.eye(2)[truth], np.zeros((400, 2)), 20, {"num_threads": 1}, 0)
    assert (booster.predict(values.astype(float), raw_score=True).argmax(axis=1) == truth).mean() > 0.99
