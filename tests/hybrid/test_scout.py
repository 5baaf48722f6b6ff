"""A scout hears every second frame; who leaves there never computes the others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from codegen import interpret
from codegen.artifacts import write_code
from codegen.host import NativeModel
from codegen.plan import Plan
from feature_extractors.cnn.modules import FloatTrunk, QuantTrunk
from feature_extractors.cnn.quantise import LOGMEL_SCALE
from feature_extractors.cnn.to_graph import add_trunk
from hybrid.candidates import stage_features
from hybrid.config import Config, load_config
from hybrid.errors import HybridError
from hybrid.front_end import LOG_MEL, front_end
from hybrid.trunk import trunk_spec
from tests import recordings
from tree_backends.build import ForestBuilder
from tree_backends.forest import NEVER

SCOUTED = {
    "audio": {"rate": 8000, "window_s": 0.5},
    "front_end": {"frame": 256, "hop": 128, "fmax": 4000, "bands": 16, "placed": 20},
    "trunk": {
        "channels": [8, 8], "kernels": [5, 5], "strides": [2, 1], "band_kernels": [1, 1], "band_strides": [1, 1],
        "heads": [2], "extra_parts": [1],
    },
    "scout": {
        "first": "conv", "channels": [8, 8], "kernels": [1, 5], "strides": [2, 1], "band_kernels": [1, 1],
        "band_strides": [1, 1], "heads": [1, 2], "extra_parts": [1],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(overrides=SCOUTED)


@pytest.fixture(scope="module")
def plan(config):
    """Three classes, a stage a head, a trunk that was never trained."""
    spec, graph = trunk_spec(config), front_end(config)
    rng = np.random.default_rng(3)
    floats = torch.from_numpy(rng.integers(0, 4000, (40, spec.frames, spec.bands)).astype(np.float32)) * LOGMEL_SCALE
    with torch.random.fork_rng():
        torch.manual_seed(5)
        simulated = QuantTrunk(FloatTrunk(spec, 3).eval())
        simulated.calibrate(floats)
    trunk = simulated.export()
    add_trunk(graph, trunk, LOG_MEL, config.trunk.group)
    builder = ForestBuilder(3, [], 1 / 1024)
    for head in trunk.heads:
        builder.stage(head, 2)
    return Plan("scout", ("a", "b", "c"), graph, builder.finish())


@pytest.fixture(scope="module")
def pcm():
    return recordings.clips("digits", 20)[:, :4000]


def leaving(plan, stage):
    """The plan with an exit that everyone takes after a stage."""
    margins = [NEVER] * stage + [0] * (len(plan.forest.stages) - stage)
    return replace(plan, forest=plan.forest.with_margins(margins))


@pytest.mark.parametrize(("stage", "rows"), [(0, set(range(0, 20, 2))), (2, set(range(20)))])
def test_who_leaves_at_the_scout_computes_every_second_frame(plan, pcm, stage, rows):
    for window in pcm[:5]:
        events = interpret.trace(leaving(plan, stage), window).events
        computed = [e.tile for e in events if e.kind == "compute" and e.map == LOG_MEL]
        assert sorted(computed) == sorted(rows)
        assert any(e.map == "depthwise1" for e in events) == (stage == 2)


def test_leaving_at_the_scout_is_cheaper_and_the_c_agrees(plan, pcm, tmp_path):
    costs = []
    for stage in (0, 2):
        own = leaving(plan, stage)
        folder = tmp_path / str(stage)
        folder.mkdir()
        write_code(own, folder)
        expected, found = interpret.run(own, pcm), NativeModel(folder, own.name).run(pcm)
        for name in ("label", "scores", "stage", "margin", "cost"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        costs.append(expected.cost.mean())
    assert costs[0] < 0.6 * costs[1]


def test_features_belong_to_the_first_stage_that_closes_over_them(plan):
    heads = ("scout_head1", "scout_head2", "head2")
    offered = stage_features(plan.graph, ["pooled", "logits", "frame"], heads)
    maps = [{f.map for f in group} for group in offered]
    assert maps[0] >= {"scout_mean1", "scout_head1", "energy"}
    assert maps[1] == {"scout_mean2", "scout_max2", "scout_head2"}
    assert maps[2] == {"mean2", "max2", "head2"}


def test_a_scout_whose_settings_contradict_each_other_is_refused(config):
    with pytest.raises(HybridError, match=r"scout\.kernels has 2 numbers, scout\.channels 3"):
        trunk_spec(replace(config, scout=replace(config.scout, channels=(8, 8, 8))))
