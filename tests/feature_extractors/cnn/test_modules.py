"""The simulated arithmetic is the integer arithmetic."""

import numpy as np
import pytest
import torch

from feature_extractors.cnn.modules import FloatTrunk, QuantTrunk
from feature_extractors.cnn.quantise import LOGIT_SCALE, LOGMEL_SCALE
from feature_extractors.cnn.spec import Block, TrunkSpec

TIME = TrunkSpec(
    "time",
    49,
    16,
    (Block(12, (9, 1), (2, 1)), Block(10, (5, 1), depthwise_relu=True), Block(14, (7, 1), (2, 1))),
    (2, 3),
    (1, 3),
)
EVEN = TrunkSpec("time", 50, 8, (Block(8, (4, 1), (2, 1), "conv"), Block(8, (6, 1), (3, 1))), (1, 2))
DSCNN = TrunkSpec(
    "dscnn",
    60,
    20,
    (Block(8, (10, 4), (1, 2), "conv"), Block(6, (3, 3), depthwise_relu=True), Block(9, (3, 3))),
    (1, 3),
)


SCOUTED = TrunkSpec(
    "time",
    49,
    16,
    (Block(12, (9, 1), (2, 1)), Block(10, (5, 1))),
    (2,),
    scout=TrunkSpec("time", 49, 16, (Block(8, (1, 1), (2, 1), "conv"), Block(8, (5, 1))), (1, 2), prefix="scout_"),
)


def trained_like(spec, seed=0, gains=None):
    """A trunk with lively batch-norm statistics, folded and calibrated, and int16 log-mels to feed it."""
    torch.manual_seed(seed)
    trunk, rng = FloatTrunk(spec, 5, gains is not None), np.random.default_rng(seed)
    logmel = np.clip(rng.normal(1200, 1500, (24, spec.frames, spec.bands)), 0, 6000).astype(np.int16)
    floats = torch.from_numpy(logmel.astype(np.float32)) * LOGMEL_SCALE
    for _ in range(20):
        trunk(floats)
    for parameter in trunk.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    if gains is not None:
        trunk.band_gains.data[:] = torch.tensor(gains)
    trunk.eval()
    simulated = QuantTrunk(trunk)
    simulated.calibrate(floats)
    return trunk, simulated, logmel, floats


@pytest.mark.parametrize("spec", [TIME, EVEN, DSCNN, SCOUTED], ids=["time", "even kernels", "dscnn", "scout"])
def test_in_double_precision_the_simulation_equals_the_integers_bit_for_bit(spec):
    _, simulated, logmel, floats = trained_like(spec)
    integers = simulated.export().logits(logmel)
    with torch.no_grad():
        simulation = simulated.double()(floats.double())
    for ours, theirs in zip(integers, simulation, strict=True):
        np.testing.assert_array_equal(ours, np.rint(theirs.numpy() / LOGIT_SCALE))


@pytest.mark.parametrize("spec", [TIME, EVEN, DSCNN], ids=["time", "even kernels", "dscnn"])
def test_every_map_of_the_simulation_equals_the_integer_map(spec):
    _, simulated, logmel, floats = trained_like(spec, seed=1)
    exact = simulated.export().forward(logmel, ("conv", "pointwise"))
    with torch.no_grad():
        for depth, x, step in simulated.double()._depths(floats.double()):
            name = next(n for n in (f"pointwise{depth}", f"conv{depth}") if n in exact)
            np.testing.assert_array_equal(exact[name], np.rint(x.permute(0, 2, 3, 1).numpy() / step))


def test_single_precision_seldom_differs_and_never_by_much():
    _, simulated, logmel, floats = trained_like(TIME)
    integers = simulated.export().logits(logmel)
    with torch.no_grad():
        simulation = simulated(floats)
    for ours, theirs in zip(integers, simulation, strict=True):
        assert np.abs(ours * LOGIT_SCALE - theirs.numpy()).max() < 0.1


@pytest.mark.parametrize("spec", [TIME, EVEN, DSCNN], ids=["time", "even kernels", "dscnn"])
def test_integer_logits_follow_the_float_logits(spec):
    trunk, simulated, logmel, floats = trained_like(spec)
    with torch.no_grad():
        reference = trunk(floats)
    for ours, theirs in zip(simulated.export().logits(logmel), reference, strict=True):
        error = ours * LOGIT_SCALE - theirs.numpy()
        assert np.sqrt((error**2).mean()) < 0.15 * theirs.numpy().std() + 0.02


@pytest.mark.parametrize("spec", [TIME, SCOUTED], ids=["time", "scout"])
def test_gradients_reach_every_parameter_of_the_simulation(spec):
    _, simulated, _, floats = trained_like(spec)
    simulated.train()
    sum(logits.square().mean() for logits in simulated(floats)).backward()
    for name, parameter in simulated.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_scout_comes_first_under_names_of_its_own():
    trunk = trained_like(SCOUTED)[1].export()
    assert trunk.heads == ("scout_head1", "scout_head2", "head2")
    names = [layer.name for layer in trunk.layers]
    assert len(names) == len(set(names))
    with pytest.raises(ValueError, match="names of scout and trunk"):
        TrunkSpec("time", 49, 16, SCOUTED.blocks, (2,), scout=TrunkSpec("time", 49, 16, SCOUTED.blocks, (2,)))
    with pytest.raises(ValueError, match="the scout sees"):
        TrunkSpec("time", 48, 16, SCOUTED.blocks, (2,), scout=SCOUTED.scout)


def test_outputs_stay_in_their_types_on_the_loudest_and_the_emptiest_log_mel():
    _, simulated, logmel, _ = trained_like(DSCNN)
    extremes = np.stack([np.full_like(logmel[0], 32767), np.zeros_like(logmel[0])])
    trunk = simulated.export()
    for layer in trunk.layers:
        values = trunk.forward(extremes, (layer.kind,))[layer.name]
        assert values.dtype == np.dtype(layer.dtype)
        assert layer.lo <= values.min() and values.max() <= layer.hi
        assert values.shape[1:] == tuple(layer.shape)


GAINS = {"time": [1.0, 0.0, -0.5, 2.0] * 4, "even kernels": [0.01, 1.0, 0.0, 1.0] * 2}


@pytest.mark.parametrize("spec", [TIME, EVEN], ids=["time", "even kernels"])
def test_gains_of_bands_become_part_of_the_first_convolution(spec):
    """As exact as without them, for bands of gain 0 as well, and near the float trunk with its gains."""
    trunk, simulated, logmel, floats = trained_like(spec, gains=GAINS["time" if spec is TIME else "even kernels"])
    integers = simulated.export().logits(logmel)
    with torch.no_grad():
        reference, simulation = trunk(floats), simulated.double()(floats.double())
    for ours, theirs, wanted in zip(integers, simulation, reference, strict=True):
        np.testing.assert_array_equal(ours, np.rint(theirs.numpy() / LOGIT_SCALE))
        error = ours * LOGIT_SCALE - wanted.numpy()
        assert np.sqrt((error**2).mean()) < 0.15 * wanted.numpy().std() + 0.02


@pytest.mark.parametrize("spec", [TIME, EVEN], ids=["time", "even kernels"])
def test_a_band_of_gain_zero_is_not_heard(spec):
    gains = GAINS["time" if spec is TIME else "even kernels"]
    trunk, simulated, logmel, floats = trained_like(spec, gains=gains)
    silent = [band for band, gain in enumerate(gains) if gain == 0]
    changed = logmel.copy()
    changed[..., silent] = 6000
    exported = simulated.export()
    for before, after in zip(exported.logits(logmel), exported.logits(changed), strict=True):
        np.testing.assert_array_equal(before, after)
    strengths = trunk.band_strengths(floats)
    assert strengths.max() == 1 and not strengths[silent].any()


def test_the_penalty_is_one_where_all_bands_are_heard_alike_and_falls_as_they_fade():
    trunk = FloatTrunk(EVEN, 5, True)
    with torch.no_grad():
        trunk.band_gains[:] = 1
        trunk.blocks[0].spatial.weight[:] = 1
    assert float(trunk.band_penalty().detach()) == pytest.approx(1)
    trunk.band_gains.data[:6] = 0
    assert float(trunk.band_penalty().detach()) == pytest.approx(0.5)
    trunk.blocks[0].spatial.weight.data[3] *= 70  # the scale of a channel means nothing behind a batch norm
    assert float(trunk.band_penalty().detach()) == pytest.approx(0.5)


def test_what_batch_norm_or_weights_behind_a_gain_undo_does_not_make_a_band_heard_more():
    trunk, _, _, floats = trained_like(TIME, gains=[1.0] * 16)
    before, first = trunk.band_strengths(floats), trunk.blocks[0]
    first.pointwise.weight.data[3] *= 50
    trunk.band_gains.data[5] /= 10
    first.spatial.weight.data[5] *= 10
    np.testing.assert_allclose(trunk.band_strengths(floats), before, rtol=1e-4)
    trunk.band_gains.data[5] /= 10
    assert trunk.band_strengths(floats)[5] < 0.3 * before[5]


def test_gains_are_refused_where_the_first_block_cannot_take_them_up():
    with pytest.raises(ValueError, match="family 'time'"):
        FloatTrunk(DSCNN, 5, True)
