"""Windows of frames placed around the sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen import interpret
from codegen.artifacts import write_code
from codegen.host import NativeModel
from codegen.plan import Plan
from feature_extractors.graph import Graph, GraphError
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.base import OpError
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.place import Place, placement
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.requant import fixed_point
from feature_extractors.ops.samples import Samples
from tests import recordings
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature

SAMPLES, FRAME, HOP, PLACED = 8000, 256, 160, 20


def best(energies, frames, times, step, octaves):
    """What the op finds, sum by sum."""
    sound = [max(e - max(energies) + 256 * octaves, 0) for e in energies]
    sums = [sum(sound[first : first + frames]) for first in range(0, times - frames + 1, step)]
    alike = [i for i, found in enumerate(sums) if found == max(sums)]
    return (alike[0] + alike[-1]) // 2 * step


def placed_graph(step=1):
    graph = Graph()
    graph.add("pcm", Samples(8000, SAMPLES))
    energy, place = placement(SAMPLES, FRAME, HOP, PLACED, step)
    graph.add("loudness", energy, ["pcm"])
    graph.add("place", place, ["loudness"])
    graph.add("log_mel", log_mel(8000, FRAME, HOP, 16, 50, 4000, 1e-6, PLACED), ["pcm", "place"])
    graph.add("mean", Pool("mean", 1, 16, 1), ["log_mel"])
    multiplier, shift = fixed_point(0.01)
    rng = np.random.default_rng(0)
    head = Affine(
        weights=(rng.integers(-128, 128, (3, 16)).astype(np.int8),), shifts=(0,), group=3, bias=np.zeros(3, np.int32),
        multiplier=np.full(3, multiplier, np.int32), shift=np.full(3, shift, np.int32),
    )  # fmt: skip
    graph.add("head", head, ["mean"])
    return graph


def placed_plan(step=1):
    graph = placed_graph(step)
    builder = ForestBuilder(3, [Feature("log_mel", (t, b, 0)) for t in (0, 7, 19) for b in (2, 9)], 1 / 64)
    for number in range(6):
        node = builder.node()
        builder.set_node(node, number, 900, builder.leaf(0.5), builder.leaf(-0.5))
        builder.tree(node, number % 3)
    builder.stage("head", 0)
    return Plan("put", ("a", "b", "c"), graph, builder.finish())


def gated_plan(step=1):
    """The same behind a gate: a first stage asks for the loudness alone, and lets only loud windows pass."""
    graph = placed_graph(step)
    graph.add("peak_loudness", Pool("max", 1, 1, 1), ["loudness"])
    builder = ForestBuilder(3, [Feature("peak_loudness", (0, 0, 0))], 1 / 64)
    node = builder.node()
    builder.set_node(node, 0, 5000, builder.leaf(9.0), builder.leaf(0.0))
    builder.tree(node, 0)
    builder.stage()
    builder.stage("head", 0)
    forest = builder.finish().with_margins([64, 0])
    return Plan("put", ("a", "b", "c"), graph, forest)


@given(
    st.lists(st.integers(0, 40) | st.integers(0, 9000), min_size=2, max_size=60), st.data(), st.integers(1, 40)
)
def test_the_window_lies_over_the_most_sound(energies, data, octaves):
    times = data.draw(st.integers(max(1, len(energies) - 3), len(energies)))
    frames, step = data.draw(st.integers(1, times)), data.draw(st.integers(1, times))
    op = Place(frames, times, step, octaves)
    found = int(op.first(np.array([energies]))[0])
    assert found == best(energies, frames, times, step, octaves) and 0 <= found <= op.places * step <= times - frames
    louder = np.array([energies], np.int16) + 700
    assert op.first(louder)[0] == found


def test_a_sound_is_found_and_a_gain_moves_nothing():
    pcm = (np.random.default_rng(1).normal(size=(1, SAMPLES)) * 3).astype(np.int16)
    pcm[0, 5000:5800] += (8000 * np.sin(np.arange(800))).astype(np.int16)
    values = interpret.evaluate_maps(placed_graph(), {"pcm": pcm[:, :, None, None]}, ["place"])["place"].ravel()
    middle = (5400 / HOP) - PLACED / 2
    assert abs(int(values[0]) - middle) <= 1
    louder = interpret.evaluate_maps(placed_graph(), {"pcm": (pcm * 2)[:, :, None, None]}, ["place"])["place"].ravel()
    assert louder[0] == values[0]


def test_silence_is_looked_at_in_the_middle():
    assert Place(20, 49, 1, 10).first(np.zeros((1, 50), np.int64))[0] == 14


def test_placed_frames_are_those_of_the_whole_log_mel():
    pcm = recordings.clips("digits", 12)[:, :SAMPLES]
    graph = placed_graph()
    graph.add("all", log_mel(8000, FRAME, HOP, 16, 50, 4000, 1e-6), ["pcm"])
    found = interpret.evaluate_maps(graph, {"pcm": pcm[:, :, None, None]}, ["place", "log_mel", "all"])
    for first, placed, whole in zip(found["place"].ravel(), found["log_mel"], found["all"], strict=True):
        np.testing.assert_array_equal(placed, whole[first : first + PLACED])
    assert len(np.unique(found["place"])) > 1


@pytest.mark.parametrize("step", [1, 4])
def test_the_c_places_and_decides_as_the_interpreter(tmp_path, step):
    plan = placed_plan(step)
    rng = np.random.default_rng(2)
    noise = [np.clip(rng.normal(size=SAMPLES) * level, -32768, 32767) for level in (0, 1, 300, 40000)]
    pcm = np.concatenate([recordings.clips("digits", 20)[:, :SAMPLES], np.array(noise)]).astype(np.int16)
    write_code(plan, tmp_path)
    native = NativeModel(tmp_path, plan.name)
    expected = interpret.run(plan, pcm)
    for eager in (False, True):
        found = native.run(pcm, eager)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.label, expected.label)
    np.testing.assert_array_equal(native.run(pcm).cost, expected.cost)
    for row in range(0, len(pcm), 6):
        assert interpret.trace(plan, pcm[row]).cost == expected.cost[row]


def test_what_does_not_fit_is_refused():
    graph = Graph()
    graph.add("pcm", Samples(8000, SAMPLES))
    graph.add("loudness", FrameEnergy(80, HOP), ["pcm"])
    graph.add("place", Place(19, 50, 1, 10), ["loudness"])
    with pytest.raises(GraphError, match="are not in 49"):
        graph.add("log_mel", log_mel(8000, FRAME, HOP, 16, 50, 4000, 1e-6, 20), ["pcm", "place"])
    with pytest.raises(GraphError, match="first frame of a placed window"):
        graph.add("log_mel", log_mel(8000, FRAME, HOP, 16, 50, 4000, 1e-6, 20), ["pcm"])
    with pytest.raises(GraphError, match="one int16 energy a frame"):
        graph.add("again", Place(20, 40, 1, 10), ["pcm"])
    with pytest.raises(GraphError, match="50 energies are not 60"):
        graph.add("again", Place(20, 60, 1, 10), ["loudness"])
    with pytest.raises(OpError, match="step"):
        Place(20, 40, 0, 10)
