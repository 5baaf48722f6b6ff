"""One forest behind another decides as both in turn."""

import numpy as np
import pytest

from tree_backends.build import ForestBuilder
from tree_backends.evaluate import stage_scores
from tree_backends.forest import NEVER, Feature, Forest, ForestError
from tree_backends.join import joined, leaves_of

RNG = np.random.default_rng(4)
SHARED = Feature("x", (0, 0, 0))


def forest(names: str, vector: bool = False, trees: int = 4) -> Forest:
    """Stumps of three classes on the given features, two stages, some of bare leaves."""
    features = [Feature(name, (0, 0, 0)) for name in names]
    builder = ForestBuilder(3, features, 1 / 64)
    for number in range(trees):
        sides = [builder.leaf(RNG.normal(size=3 if vector else 1)) for _ in range(2)] if number != 1 else []
        root = builder.node() if sides else builder.leaf(RNG.normal(size=3 if vector else 1))
        if sides:
            builder.set_node(root, number % len(features), int(RNG.integers(-50, 50)), *sides)
        builder.tree(root, *([] if vector else [number % 3]))
        if number == 1:
            builder.stage()
    builder.stage()
    return builder.finish(None)


def columns(whole: Forest, part: Forest, values: np.ndarray) -> np.ndarray:
    return values[:, [whole.features.index(f) for f in part.features]]


@pytest.mark.parametrize("vector", [False, True])
def test_scores_add_up_stage_by_stage(vector):
    first, second = forest("xy"), forest("zx", vector)
    both = joined(first, second)
    assert both.features.count(SHARED) == 1 and both.nodes == first.nodes + second.nodes
    values = RNG.integers(-60, 60, (300, len(both.features)))
    base = lambda name: np.zeros((300, 3))  # noqa: E731
    one = stage_scores(first, columns(both, first, values), base)
    two = stage_scores(second, columns(both, second, values), base)
    np.testing.assert_array_equal(stage_scores(both, values, base), np.concatenate([one, one[-1] + two]))


def test_margins_bases_and_bias_of_the_second_stay():
    second = forest("zx").with_margins([[3, 4, NEVER], 0])
    both = joined(forest("xy"), second)
    assert both.stages[2].class_margins == (3, 4, NEVER) and both.stages[3].margin == 0
    assert both.prior == second.prior and both.unit == second.unit


def test_a_forest_without_trees_may_come_second():
    builder = ForestBuilder(3, [], 1 / 64)
    builder.stage("head", 2)
    both = joined(forest("xy"), builder.finish())
    assert both.trees == 4 and both.stages[-1].base == "head" and both.stages[-1].first == 4


def test_what_does_not_fit_is_refused():
    two_classes = ForestBuilder(2, [], 1 / 64)
    two_classes.stage("head")
    with pytest.raises(ForestError, match="classes"):
        joined(two_classes.finish(), forest("x"))
    with pytest.raises(ForestError, match="one class each"):
        joined(forest("x", vector=True), forest("x"))


def test_leaves_of_a_tree_are_its_own():
    found = [set(leaves_of(forest("xy"), tree).tolist()) for tree in range(4)]
    assert [len(own) for own in found] == [2, 1, 2, 2] and len(set().union(*found)) == 7
