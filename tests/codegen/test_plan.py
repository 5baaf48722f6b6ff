import numpy as np
import pytest

from codegen.interpret import run, run_within
from codegen.plan import Plan, PlanError
from feature_extractors.graph import Graph
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.samples import Samples
from tests.random_plans import Draw, deep_plan, random_plan, staged_plan
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature, ForestError


def plan_on(graph, feature):
    builder = ForestBuilder(2, [feature], 0.01)
    node = builder.node()
    builder.set_node(node, 0, 1, builder.leaf(0.0), builder.leaf(1.0))
    builder.tree(node, 0)
    builder.stage()
    return Plan("p", ("a", "b"), graph, builder.finish())


def test_more_tiles_than_the_c_can_number_are_refused():
    graph = Graph()
    graph.add("pcm", Samples(16000, 70_000))
    same = Conv(
        weights=np.ones((1, 1, 1, 1), np.int8), stride=(1, 1), pad=(0, 0, 0, 0), dtype="int16", fold_bands=False,
        group=1, **Draw(0).scaling(1, 0.1),
    )  # fmt: skip
    graph.add("fine", same, ["pcm"])
    with pytest.raises(PlanError, match="70000 tiles, more than 65535"):
        plan_on(graph, Feature("fine", (0, 0, 0)))


@pytest.mark.parametrize("decide", [run, lambda plan, pcm: run_within(plan, pcm, 10**6)])
def test_a_forest_that_reads_no_map_is_told(decide):
    graph = Graph()
    graph.add("pcm", Samples(16000, 100))
    builder = ForestBuilder(2, [], 0.01)
    builder.tree(builder.leaf(1.0), 0)
    builder.stage()
    plan = Plan("empty", ("a", "b"), graph, builder.finish())
    with pytest.raises(PlanError, match="model empty: no tree has a split and no stage a base map"):
        decide(plan, np.zeros((3, 100), np.int16))


def test_trees_never_read_raw_samples():
    graph = Graph()
    graph.add("pcm", Samples(16000, 100))
    with pytest.raises(ForestError, match="raw sample"):
        plan_on(graph, Feature("pcm", (0, 0, 0)))


@pytest.mark.parametrize("make", [random_plan, deep_plan])
@pytest.mark.parametrize("seed", range(6))
def test_a_decision_computes_what_its_reads_close_over_and_nothing_else(make, seed):
    """The plan's tiles against a plain walk over the tiles of the ops: a map made one tile is computed whole anyway."""
    plan, pcm = make(seed)
    results = run(plan, pcm)
    inputs = {m.name: plan.graph.tile_inputs(m.name) for m in plan.maps}
    for i in range(len(pcm)):
        pairs = zip(plan.forest.features, results.reads[i], strict=True)
        asked = [(f.map, plan.graph[f.map].grid.tile_of(f.index)) for f, n in pairs if n]
        bases = [s.base for s in plan.forest.stages[: results.stage[i] + 1] if s.base]
        asked += [(b, t) for b in bases for t in range(plan.graph[b].grid.size)]
        found = set()
        while asked:
            name, tile = asked.pop()
            if (name, tile) in found or name not in inputs:
                continue
            found.add((name, tile))
            asked += inputs[name][tile]
        for item in plan.maps:
            wanted = {int(t) for n, t in found if n == item.name}
            if plan.grids[item.name].size == 1:
                assert len(wanted) in (0, item.grid.size)
                wanted = {0} if wanted else set()
            assert set(np.flatnonzero(results.computed[item.name][i]).tolist()) == wanted


def test_random_plans_have_maps_of_every_kind():
    """Scheduled, on demand by tile, on demand as a whole, and scheduled maps that read maps on demand."""
    kinds = set()
    for make, seed in [(m, s) for m in (random_plan, deep_plan) for s in range(6)]:
        plan, _ = make(seed)
        for item in plan.maps:
            whole = plan.grids[item.name].size < item.grid.size
            kinds.add(("on demand" if plan.on_demand(item.name) else "scheduled", whole))
            if item.name in plan.scheduled and any(plan.on_demand(i) for i in item.inputs):
                kinds.add("scheduled reads on demand")
    assert kinds >= {("on demand", True), ("on demand", False), ("scheduled", True), "scheduled reads on demand"}


def test_what_a_base_closes_over_is_computed_whole_and_what_trees_ask_for_first_is_not():
    plan = staged_plan()
    assert plan.scheduled == {
        "frames": 0,
        "one": 0,
        "pool_one": 0,
        "head_one": 0,
        "two": 2,
        "pool_two": 2,
        "head_two": 2,
    }
    assert plan.grids["side"].size == 4 and plan.on_demand("side")
    assert [(s.stage, s.map) for s in plan.steps] == [
        (0, "frames"), (0, "one"), (0, "pool_one"), (0, "head_one"), (0, None), (1, None),
        (2, "two"), (2, "pool_two"), (2, "head_two"), (2, None),
    ]  # fmt: skip


def test_reachable_work_grows_with_the_stages():
    plan, _ = random_plan(1)
    spent = [plan.bound(s + 1) for s in range(len(plan.forest.stages))]
    assert spent == sorted(spent) and spent[-1] == plan.cost_max
