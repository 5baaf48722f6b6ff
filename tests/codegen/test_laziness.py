"""The sequence of computations, not only its values."""

import ctypes

import numpy as np
import pytest

from codegen import interpret
from codegen.artifacts import write_code
from codegen.host import FLAGS, compile_c
from codegen.plan import Plan, PlanError
from feature_extractors.graph import Graph
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.requant import fixed_point
from feature_extractors.ops.samples import Samples
from tests.random_plans import deep_plan, random_plan, staged_plan
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature, ForestError

EVENTS = """\
#define HYB_TRACE
#define {P}_IMPLEMENTATION
#include "{p}.h"
static {p}_context ctx;
static int32_t *log_at;
static void note(void *user, int32_t hit, int32_t map, int32_t tile) {{
  (void)user;
  *log_at++ = hit;
  *log_at++ = map;
  *log_at++ = tile;
}}
int32_t record(const int16_t *pcm, int32_t *log);
int32_t record(const int16_t *pcm, int32_t *log) {{
  {p}_init(&ctx);
  ctx.on_request = note;
  log_at = log;
  (void){p}_classify(&ctx, pcm);
  return (int32_t)(log_at - log) / 3;
}}
"""


def c_events(plan, window, folder):
    """(kind, map, tile) of every request of the generated C, in order."""
    write_code(plan, folder)
    (folder / "events.c").write_text(EVENTS.format(p=plan.name, P=plan.name.upper()))
    compile_c([folder / "events.c"], folder / "events.so", [*FLAGS, "-shared", "-fPIC", f"-I{folder}"])
    log = np.zeros(300_000, dtype=np.int32)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (np.ascontiguousarray(window), log)]
    count = ctypes.CDLL(str(folder / "events.so")).record(*pointers)
    names = [m.name for m in plan.maps]
    return [("hit" if h else "compute", names[m], t) for h, m, t in log[: 3 * count].reshape(-1, 3).tolist()]


def chain(threshold=100, samples=16):
    """samples -> 4 averages of 4 samples -> maximum of each half; one tree that looks right only if left is small."""
    graph = Graph()
    graph.add("pcm", Samples(16000, samples))
    multiplier, shift = fixed_point(1 / 4)
    mean = Conv(
        weights=np.ones((1, 4, 1, 1), np.int8), bias=np.zeros(1, np.int32), multiplier=np.array([multiplier], np.int32),
        shift=np.array([shift], np.int32), stride=(4, 1), pad=(0, 0, 0, 0), dtype="int16", fold_bands=False, group=1,
    )  # fmt: skip
    graph.add("avg", mean, ["pcm"])
    graph.add("top", Pool("max", 2, 1, 1), ["avg"])
    builder = ForestBuilder(2, [Feature("top", (0, 0, 0)), Feature("top", (1, 0, 0)), Feature("avg", (0, 0, 0))], 0.01)
    root = builder.node()
    inner = builder.node()
    inner_children = builder.leaf(1.0), builder.leaf(2.0)
    builder.set_node(inner, 1, threshold, *inner_children)
    builder.set_node(root, 0, threshold, inner, builder.leaf(3.0))
    builder.tree(root, 0)
    builder.stage()
    again = builder.node()
    builder.set_node(again, 2, threshold, builder.leaf(0.0), builder.leaf(0.5))
    builder.tree(again, 1)
    builder.stage()
    return Plan("chain", ("a", "b"), graph, builder.finish())


LOUD = np.array([400] * 8 + [0] * 8, np.int16)
QUIET = np.zeros(16, np.int16)


def test_only_the_asked_half_is_computed():
    got = [(e.kind, e.map, e.tile) for e in interpret.trace(chain(), LOUD).events]
    assert got == [
        ("compute", "top", 0), ("compute", "avg", 0), ("compute", "avg", 1),
        ("hit", "avg", 0),
    ]  # fmt: skip


def test_a_node_deeper_asks_for_more_and_memos_are_hit():
    got = [(e.kind, e.map, e.tile) for e in interpret.trace(chain(), QUIET).events]
    assert got == [
        ("compute", "top", 0), ("compute", "avg", 0), ("compute", "avg", 1),
        ("compute", "top", 1), ("compute", "avg", 2), ("compute", "avg", 3),
        ("hit", "avg", 0),
    ]  # fmt: skip


def test_an_exit_leaves_later_features_alone():
    plan = chain()
    early = Plan(plan.name, plan.labels, plan.graph, plan.forest.with_margins([250, 0]))
    traced = interpret.trace(early, LOUD)
    prices = plan.prices
    assert traced.stage == 0
    assert traced.cost == prices.begin + prices.stages[0] + prices.visit + plan.price("top") + 2 * plan.price("avg")
    assert all((e.kind, e.map) != ("hit", "avg") for e in traced.events)


def test_a_stage_computes_its_maps_in_order_and_asks_nobody(tmp_path):
    """The first stage's maps are there when its base is read; `side` is asked for by trees, tile by tile."""
    plan = staged_plan()
    window = np.arange(40, dtype=np.int16)
    expected = [(e.kind, e.map, e.tile) for e in interpret.trace(plan, window).events]
    assert expected == [
        ("compute", "frames", 0), ("compute", "one", 0), ("compute", "pool_one", 0), ("compute", "head_one", 0),
        ("compute", "side", 2),
        ("compute", "two", 0), ("compute", "pool_two", 0), ("compute", "head_two", 0), ("hit", "side", 2),
    ]  # fmt: skip
    assert c_events(plan, window, tmp_path) == expected


@pytest.mark.parametrize("window", [LOUD, QUIET])
def test_c_asks_in_the_same_order(window, tmp_path):
    plan = chain()
    expected = [(e.kind, e.map, e.tile) for e in interpret.trace(plan, window).events]
    assert c_events(plan, window, tmp_path) == expected


@pytest.mark.parametrize("make", [random_plan, deep_plan])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_c_asks_in_the_same_order_on_random_plans(make, seed, tmp_path):
    plan, pcm = make(seed)
    expected = [(e.kind, e.map, e.tile) for e in interpret.trace(plan, pcm[1]).events]
    assert c_events(plan, pcm[1], tmp_path) == expected


def test_a_feature_that_the_graph_lacks_is_named():
    plan = chain()
    builder = ForestBuilder(2, [Feature("gone", (0, 0, 0))], 0.01)
    node = builder.node()
    builder.set_node(node, 0, 1, builder.leaf(0.0), builder.leaf(1.0))
    builder.tree(node, 0)
    builder.stage()
    with pytest.raises(ForestError, match="map gone is not in the graph"):
        Plan("p", ("a", "b"), plan.graph, builder.finish())
    with pytest.raises(PlanError, match="C identifier"):
        Plan("no good", ("a", "b"), plan.graph, plan.forest)
    with pytest.raises(PlanError, match="labels"):
        Plan("p", ("a", "b", "c"), plan.graph, plan.forest)
