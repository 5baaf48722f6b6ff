import numpy as np
import pytest

from feature_extractors.graph import Graph, GraphError, make_op, parameters
from feature_extractors.ops.base import REGISTRY
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.samples import Samples
from tests.random_plans import Draw, random_graph


def conv(channels=4, **changes):
    draw = Draw(1)
    fields = {
        "weights": draw.weights(channels, 3, 1, 1), "stride": (2, 1), "pad": (1, 1, 0, 0), "dtype": "uint8",
        "fold_bands": False, "group": 2, **draw.scaling(channels, 1e-3), **changes,
    }  # fmt: skip
    return Conv(**fields)


def source():
    graph = Graph()
    graph.add("pcm", Samples(16000, 100))
    return graph


def test_adding_an_equal_map_returns_the_one_there():
    graph = source()
    assert graph.add("first", conv(), ["pcm"]) == "first"
    assert graph.add("second", conv(), ["pcm"]) == "first"
    assert len(graph) == 2


def test_shapes_are_derived():
    graph = source()
    graph.add("c", conv(), ["pcm"])
    graph.add("m", Pool("mean", 5, 1, 4), ["c"])
    assert graph["c"].value.shape == (50, 1, 4)
    assert graph["m"].value.shape == (5, 1, 4)
    assert (graph["m"].value.lo, graph["m"].value.hi) == (0, 2550)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": 9}, "group"),
        ({"pad": (3, 1, 0, 0)}, "pad"),
        ({"dtype": "int32"}, "dtype"),
        ({"bias": np.zeros(3, np.int32)}, "biases"),
        ({"bias": np.full(4, 2**31 - 1, np.int32)}, "beyond int32"),
        ({"weights": np.zeros((4, 3, 1, 2), np.int8)}, "channels"),
        ({"weights": np.zeros((4, 3, 1, 1), np.int16)}, "int8"),
        ({"shift": np.zeros(4, np.int32)}, "shifts"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_with_a_reason(changes, message):
    graph = source()
    with pytest.raises((GraphError, ValueError), match=message):
        graph.add("c", conv(**changes), ["pcm"])


def test_unknown_maps_ops_and_fields_are_refused():
    graph = source()
    with pytest.raises(GraphError, match="not in the graph"):
        graph.add("c", conv(), ["nothing"])
    with pytest.raises(GraphError, match="unknown"):
        make_op("exec", {})
    with pytest.raises(GraphError, match="takes"):
        make_op("pool", {"kind": "mean"})
    with pytest.raises(GraphError, match="identifier"):
        graph.add("Bad name", conv(), ["pcm"])


def test_every_op_round_trips_through_its_parameters():
    for item in random_graph(Draw(3)):
        again = make_op(item.op.name, parameters(item.op))
        assert type(again) is type(item.op) and REGISTRY[item.op.name] is type(again)


@pytest.mark.parametrize("seed", range(5))
def test_a_tile_read_only_inside_its_rule_equals_the_whole_map(seed):
    """Poison everything outside the boxes that the rules name: the tile must not notice."""
    from codegen.interpret import evaluate_maps, source_map
    from feature_extractors.tiles import reads

    draw = Draw(seed)
    graph, pcm = random_graph(draw), draw.pcm(2)
    names = [m.name for m in graph if m.op.family != "source"]
    maps = evaluate_maps(graph, source_map(graph, pcm), names) | source_map(graph, pcm)
    for name in names:
        item = graph[name]
        for tile in range(item.grid.size):
            box, inputs = item.grid.box(tile), []
            for source_name, rule in zip(item.inputs, item.rules, strict=True):
                seen = np.full(maps[source_name].shape, 10**6, dtype=np.int64)
                part = (slice(None), *(slice(a, b) for a, b in reads(rule, box, graph[source_name].value.shape)))
                seen[part] = maps[source_name][part]
                inputs.append(seen)
            got = item.op.evaluate(inputs, box, [graph[i].value for i in item.inputs])
            np.testing.assert_array_equal(got, maps[name][(slice(None), *(slice(a, b) for a, b in box))])
