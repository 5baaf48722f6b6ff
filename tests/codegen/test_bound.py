"""`cost_max` and `cost_min` bound every decision: every leaf and every order of requests, forced on small plans."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.artifacts import write_code
from codegen.host import NativeModel
from codegen.interpret import Lazy, decide_lazily, run
from codegen.plan import Plan
from codegen.prices.prices import tree_depths
from tests.random_plans import Draw, deep_plan, random_graph, random_plan
from tree_backends.build import ForestBuilder
from tree_backends.forest import NEVER, Feature


class Forced(Lazy):
    """A decision in which every feature has the value that it is given, whatever the maps would hold."""

    def __init__(self, plan, values):
        super().__init__(plan, {plan.source.name: np.zeros((1, *plan.source.value.shape), np.int64)})
        self.forced = values
        for name, shape in ((m.name, m.value.shape) for m in plan.maps):
            self.values[name] = np.zeros((1, *shape), np.int64)

    def feature(self, number):
        super().feature(number)
        return self.forced[number]

    def compute(self, item, box):
        pass


def answers(forest):
    """For each feature, one value between each two neighbours of its thresholds, and one beyond either end."""
    found = []
    for number in range(len(forest.features)):
        thresholds = sorted(set(forest.node_threshold[forest.node_feature == number].tolist()))
        found.append([*thresholds, thresholds[-1] + 1])
    return found


def forced_costs(plan):
    """Costs of decisions under every answer that features can give, whether or not an input gives it."""
    return [decide_lazily(Forced(plan, values)).cost for values in itertools.product(*answers(plan.forest))]


FEATURES = (Feature("pw", (1, 0, 0)), Feature("pw", (9, 0, 1)), Feature("peak", (0, 0, 1)), Feature("head", (0, 0, 1)))


def chain(builder, numbers, side):
    """A tree whose nodes lie on one path; each other child is a leaf."""
    nodes = [builder.node() for _ in numbers]
    for place, (node, number) in enumerate(zip(nodes, numbers, strict=True)):
        leaf = builder.leaf(0.1 * place)
        below = nodes[place + 1] if place + 1 < len(nodes) else builder.leaf(-0.1)
        builder.set_node(node, number, 3, *((leaf, below) if side else (below, leaf)))
    return nodes[0]


def small_plan(trees, base=None, stages=1):
    """trees: (feature numbers on the path, side that the path takes) of each tree; the trees of each stage in turn."""
    builder = ForestBuilder(3, FEATURES, 0.01)
    for first in range(0, len(trees), len(trees) // stages):
        for numbers, side in trees[first : first + len(trees) // stages]:
            builder.tree(chain(builder, numbers, side), 0)
        builder.stage(base if first == 0 else None)
    forest = builder.finish()
    margins = [NEVER] * (stages - 1) + [0]
    return Plan("small", ("a", "b", "c"), random_graph(Draw(4)), forest.with_margins(margins))


@pytest.mark.parametrize("base", [None, "head"])
@pytest.mark.parametrize("order", itertools.permutations([((0, 1), 1), ((2,), 0), ((1, 3), 1)]))
def test_no_leaf_and_no_order_of_requests_costs_more_and_one_reaches_the_bound(order, base):
    plan = small_plan(list(order), base)
    spent = forced_costs(plan)
    assert max(spent) == plan.cost_max
    assert min(spent) >= plan.cost_min


def test_paths_that_exclude_each_other_stay_below_the_bound():
    plan = small_plan([((0, 1), 1), ((0, 2), 0)])
    spent = forced_costs(plan)
    assert plan.cost_min <= min(spent) and max(spent) < plan.cost_max


def test_the_cheapest_decision_reaches_the_lower_bound():
    plan = small_plan([((0, 1), 1), ((2, 3), 0)])
    assert min(forced_costs(plan)) == plan.cost_min


def test_each_stage_has_its_bound():
    plan = small_plan([((0,), 1), ((1, 2), 1), ((3,), 0)], stages=3)
    bounds = [plan.bound(n + 1) for n in range(3)]
    assert bounds == sorted(set(bounds)) and bounds[-1] == plan.cost_max
    for stages in range(1, 4):
        cut = plan.forest.with_margins([0 if n + 1 == stages else NEVER for n in range(3)])
        spent = forced_costs(Plan(plan.name, plan.labels, plan.graph, cut))
        assert max(spent) == bounds[stages - 1]


def walk_depths(forest, at):
    """(fewest, most) nodes below and with child `at`, by walking every path."""
    if at < 0:
        return 0, 0
    sides = [walk_depths(forest, int(child[at])) for child in (forest.node_left, forest.node_right)]
    return 1 + min(s[0] for s in sides), 1 + max(s[1] for s in sides)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), make=st.sampled_from([random_plan, deep_plan]), data=st.data())
def test_random_plans_keep_their_bounds_under_any_answers(seed, make, data):
    plan, _ = make(seed)
    fewest, most = tree_depths(plan.forest)
    roots = plan.forest.tree_root.tolist()
    assert [(int(a), int(b)) for a, b in zip(fewest, most, strict=True)] == [walk_depths(plan.forest, r) for r in roots]
    for _ in range(3):
        values = [data.draw(st.sampled_from(options)) for options in answers(plan.forest)]
        decided = decide_lazily(Forced(plan, values))
        assert plan.cost_min <= decided.cost <= plan.bound(decided.stage + 1) <= plan.cost_max


@pytest.mark.parametrize("make", [random_plan, deep_plan])
def test_the_counter_of_the_c_never_leaves_the_bounds(make, tmp_path):
    """Lazy and eager, on noise of every level and on squares at full scale."""
    plan, _ = make(11)
    pcm = np.concatenate([Draw(seed).pcm(60) for seed in range(3)])
    write_code(plan, tmp_path)
    native, expected = NativeModel(tmp_path, plan.name), run(plan, pcm)
    lazy, eager = native.run(pcm).cost, native.run(pcm, eager=True).cost
    np.testing.assert_array_equal(lazy, expected.cost)
    np.testing.assert_array_equal(eager, expected.eager_cost)
    assert plan.cost_min <= lazy.min() and lazy.max() <= plan.cost_max and eager.max() <= plan.cost_eager_max
