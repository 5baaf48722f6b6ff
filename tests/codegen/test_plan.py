import numpy as np
import pytest

from codegen.interpret import run
from codegen.plan import Plan, PlanError
from feature_extractors.graph import Graph
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.samples import Samples
from tests.random_plans import Draw, random_plan
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


def test_trees_never_read_raw_samples():
    graph = Graph()
    graph.add("pcm", Samples(16000, 100))
    with pytest.raises(ForestError, match="raw sample"):
        plan_on(graph, Feature("pcm", (0, 0, 0)))


@pytest.mark.parametrize("seed", range(4))
def test_the_union_of_tiles_is_what_the_reads_close_over(seed):
    """Batch closure against a plain walk over tile_inputs."""
    plan, pcm = random_plan(seed)
    results = run(plan, pcm)
    inputs = {m.name: plan.graph.tile_inputs(m.name) for m in plan.maps}
    for i in range(len(pcm)):
        triples = zip(plan.forest.features, plan.feature_tiles, results.reads[i], strict=True)
        asked = [(f.map, t) for f, t, n in triples if n]
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
            computed = set(np.flatnonzero(results.computed[item.name][i]).tolist())
            assert computed == {int(t) for n, t in found if n == item.name}


def test_reachable_work_grows_with_the_stages():
    plan, _ = random_plan(1)
    spent = [int(plan.macs(plan.reachable(s + 1))) for s in range(len(plan.forest.stages))]
    assert spent == sorted(spent) and spent[-1] == plan.cost_max
