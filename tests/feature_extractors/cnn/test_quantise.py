"""From floats to integers, and their exact evaluation against loops."""

import dataclasses

import numpy as np
import pytest

from feature_extractors.cnn import quantise
from feature_extractors.cnn.quantise import QuantisedLayer
from feature_extractors.cnn.spec import Shape
from feature_extractors.ops.base import OpError
from feature_extractors.ops.requant import requantise


def layer(kind, weights, shape, **more):
    channels = len(weights)
    values = {
        "bias": np.arange(channels, dtype=np.int32) * 100 - 50,
        "multiplier": np.full(channels, 2**30 + 12345, np.int32),
        "shift": np.full(channels, 38, np.int32),
    }
    return QuantisedLayer("it", kind, ("x",), Shape(*shape), "int8", -128, 127, 0.1, weights, **(values | more))


def by_loops(item, x):
    """Accumulators of a padded, strided convolution, written out."""
    (t0, t1), (b0, b1) = item.pads
    padded = np.pad(x.astype(np.int64), ((0, 0), (t0, t1), (b0, b1), (0, 0)))
    acc = np.zeros((len(x), *item.shape), np.int64)
    kt, kb = item.weights.shape[1:3]
    for t, b, c in np.ndindex(*item.shape):
        cut = padded[:, t * item.stride[0] :, b * item.stride[1] :][:, :kt, :kb]
        cut = cut[..., c] if item.kind == "depthwise" else cut
        acc[:, t, b, c] = (cut * item.weights[c].astype(np.int64)).reshape(len(x), -1).sum(1) + item.bias[c]
    return acc


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize(
    ("stride", "pads", "out"), [((1, 1), ((1, 1), (0, 1)), (7, 5)), ((2, 3), ((1, 1), (0, 0)), (4, 2))]
)
def test_convolutions_equal_loops(kind, stride, pads, out):
    rng = np.random.default_rng(0)
    x = rng.integers(-30000, 30000, (3, 7, 5, 4)).astype(np.int16)
    weights = rng.integers(-127, 128, (4, 3, 2) + ((4,) if kind == "conv" else ())).astype(np.int8)
    item = layer(kind, weights, (*out, 4), stride=stride, pads=pads)
    expected = requantise(by_loops(item, x), item.multiplier, item.shift, -128, 127)
    np.testing.assert_array_equal(quantise.evaluate(item, [x]), expected)


def test_an_affine_layer_shifts_each_segment_before_the_sum():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6000, (5, 1, 1, 3)).astype(np.int16), rng.integers(0, 256, (5, 2, 1, 3)).astype(np.int16)
    weights = rng.integers(-127, 128, (4, 9)).astype(np.int8)
    scaling = {"multiplier": np.full(4, 2**30, np.int32), "shift": np.full(4, 33, np.int32)}
    bias = np.arange(4, dtype=np.int32)
    item = layer("affine", weights, (1, 1, 4), bias=bias, **scaling)
    item = dataclasses.replace(item, lo=-32768, hi=32767, dtype="int16", inputs=("a", "b"), segment_shifts=(0, 3))
    wide = weights.astype(np.int64)
    acc = a.reshape(5, -1) @ wide[:, :3].T + 8 * (b.reshape(5, -1) @ wide[:, 3:].T) + np.arange(4)
    np.testing.assert_array_equal(quantise.evaluate(item, [a, b])[:, 0, 0], np.clip((acc + 4) // 8, -32768, 32767))


def test_pools_sum_and_take_maxima_over_parts():
    x = np.random.default_rng(0).integers(0, 256, (2, 7, 3, 4)).astype(np.uint8)
    common = {"shape": Shape(3, 1, 4), "dtype": "int16", "lo": 0, "scale": 1.0, "parts": 3}
    mean = QuantisedLayer("m", "pool_mean", ("x",), hi=32767, pool_shift=2, **common)
    peak = QuantisedLayer("p", "pool_max", ("x",), hi=255, **common)
    sums = np.stack([x[:, a:b].astype(int).sum((1, 2)) for a, b in ((0, 2), (2, 4), (4, 7))], 1)
    np.testing.assert_array_equal(quantise.evaluate(mean, [x])[:, :, 0], (sums + 2) >> 2)
    np.testing.assert_array_equal(quantise.evaluate(peak, [x])[:, 2, 0], x[:, 4:].max((1, 2)))


def test_rows_use_all_of_int8_and_empty_rows_are_zero():
    weights = np.array([[0.5, -1.0, 0.2], [0.0, 0.0, 0.0], [1e-3, 2e-3, 0.0]])
    q, scale = quantise.quantise_rows(weights)
    assert np.abs(q).max(axis=1).tolist() == [127, 0, 127]
    np.testing.assert_allclose(q * scale[:, None], weights, atol=1.0 / 254)


def test_segments_of_other_sizes_keep_their_bits():
    rng = np.random.default_rng(0)
    weights = np.concatenate([rng.normal(0, 0.01, (6, 20)), rng.normal(0, 0.3, (6, 20))], axis=1)
    q, scale, shifts = quantise.quantise_segments(weights, (20, 20))
    assert shifts == (0, 5)
    restored = q * quantise.expand_shifts(shifts, (20, 20)) * scale[:, None]
    assert np.abs(restored - weights)[:, :20].max() < 0.01 / 20
    assert quantise.quantise_segments(np.zeros((2, 4)), (2, 2))[2] == (0, 0)


def test_mean_pools_shift_only_where_int16_would_overflow():
    assert [quantise.mean_pool_shift(n, 255) for n in (1, 128, 129, 256, 600)] == [0, 0, 1, 1, 3]


def test_an_accumulator_that_could_overflow_is_refused():
    quantise.check_layer(layer("conv", np.full((1, 4, 4, 32), 127, np.int8), (1, 1, 1)), [32767], [])
    with pytest.raises(OpError, match="int32"):
        quantise.check_layer(layer("conv", np.full((1, 4, 4, 64), 127, np.int8), (1, 1, 1)), [32767], [])
    with pytest.raises(OpError, match="int32"):
        item = layer("affine", np.full((1, 64), 127, np.int8), (1, 1, 1), segment_shifts=(0, 8))
        quantise.check_layer(item, [32767, 32767], [32, 32])
