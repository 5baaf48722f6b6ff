"""Frame energy, zero crossings and the cepstrum against plain numpy and scipy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from feature_extractors.ops.base import OpError, Value
from feature_extractors.ops.dct import dct
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.zero_crossings import ZeroCrossings
from feature_extractors.tiles import whole

RNG = np.random.default_rng(5)
LEVELS = np.array([1, 3, 30, 300, 3000, 32767])[:, None]
PCM = np.concatenate([np.rint(RNG.uniform(-1, 1, (6, 2000)) * LEVELS), np.zeros((1, 2000)), np.full((1, 2000), -32768)])
PCM = PCM.astype(np.int16)
SAMPLES = Value((2000, 1, 1), "int16", -32768, 32767)


def run(op, x: np.ndarray, source: Value) -> np.ndarray:
    return op.evaluate([x], whole(op.out([source]).shape), [source])


def frames(frame: int, hop: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(PCM, frame, axis=1)[:, ::hop].astype(np.int64)


@pytest.mark.parametrize("frame, hop", [(512, 320), (100, 100), (2, 1), (2000, 7)])
def test_energy_is_the_logarithm_of_the_sum_of_squares(frame, hop):
    op = FrameEnergy(frame, hop)
    found = run(op, PCM[:, :, None, None], SAMPLES)[..., 0, 0]
    exact = 256 * np.log2((frames(frame, hop) ** 2).sum(axis=-1) + 1.0)
    assert found.shape == exact.shape and np.abs(found - exact).max() < 0.56
    assert not found[6].any() and (found[7] == op.out([SAMPLES]).hi).all()


@pytest.mark.parametrize("frame, hop", [(512, 320), (100, 100), (2, 1), (2000, 7)])
def test_a_centred_energy_is_that_of_the_samples_less_their_mean(frame, hop):
    op = FrameEnergy(frame, hop, centred=True)
    found = run(op, PCM[:, :, None, None], SAMPLES)[..., 0, 0]
    exact = 256 * np.log2(frames(frame, hop).var(axis=-1) * frame**2 + 1.0)
    assert np.abs(found - exact).max() < 0.56
    assert not found[6:].any() and found.max() <= op.out([SAMPLES]).hi
    moved = run(op, (PCM[1:5] + 1500)[:, :, None, None], SAMPLES)[..., 0, 0]
    np.testing.assert_array_equal(moved, found[1:5])


@pytest.mark.parametrize("frame, hop", [(512, 320), (2, 1), (33, 50)])
def test_zero_crossings_are_sign_changes_inside_the_frame(frame, hop):
    found = run(ZeroCrossings(frame, hop), PCM[:, :, None, None], SAMPLES)[..., 0, 0]
    signs = frames(frame, hop) >= 0
    assert (found == (signs[..., 1:] != signs[..., :-1]).sum(axis=-1)).all()


def test_zero_counts_as_positive():
    x = np.array([0, 5, 0, -1, 0, 0, -3, -4], dtype=np.int16)[None, :, None, None]
    assert run(ZeroCrossings(8, 8), x, Value((8, 1, 1), "int16", -32768, 32767)).item() == 3


def test_loudest_and_wildest_frames_reach_the_stated_ends():
    wild = np.tile(np.array([-32768, 32767], np.int16), 512)[None, :, None, None]
    source = Value((1024, 1, 1), "int16", -32768, 32767)
    crossings = ZeroCrossings(1024, 1)
    assert run(crossings, wild, source).item() == crossings.out([source]).hi == 1023


@pytest.mark.parametrize("op", [FrameEnergy, ZeroCrossings])
def test_illegal_framing_is_refused(op):
    for frame, hop in ((1, 1), (512, 0), (512, -1), (1 << 16, 1), (512.0, 1)):
        with pytest.raises(OpError):
            op(frame, hop)


@pytest.mark.parametrize("bands, coefficients", [(40, 13), (32, 32), (64, 10), (1, 1)])
def test_cepstrum_is_the_orthonormal_dct(bands, coefficients):
    fft = pytest.importorskip("scipy.fft")
    op, source = dct(bands, coefficients), Value((20, bands, 1), "int16", 0, 6313)
    x = RNG.integers(0, 6314, (3, 20, bands, 1))
    x[0] = 6313
    exact = fft.dct(x[..., 0], norm="ortho", axis=-1)[..., :coefficients] / 2
    found = run(op, x, source)[..., 0]
    # Each weight is off by at most half of 2**-15, and so the halved sum by a quarter of that times bands times x.
    assert np.abs(found - exact).max() <= 0.51 + 0.25 * 6313 * bands / 32767 + 1e-4 * np.abs(exact).max()
    out = op.out([source])
    assert out.lo <= found.min() and found.max() <= out.hi < 32767


def test_damaged_cepstrum_tables_are_refused():
    op = dct(40, 13)
    for changes in (
        {"weights": op.weights.astype(np.int32)},
        {"multiplier": op.multiplier[:-1]},
        {"shift": np.zeros(13, np.int32)},
        {"multiplier": -op.multiplier},
        {"weights": np.zeros((13, 0), np.int16)},
    ):
        with pytest.raises(OpError):
            dataclasses.replace(op, **changes)
    with pytest.raises(OpError, match="must be int16"):
        op.out([Value((49, 32, 1), "int16", 0, 6313)])
    heavy = dataclasses.replace(dct(128, 1), weights=np.full((1, 128), -32768, np.int16))
    with pytest.raises(OpError, match="beyond int32"):
        heavy.out([Value((49, 128, 1), "int16", 0, 6313)])
