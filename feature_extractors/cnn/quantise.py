"""Integer trunks: how floats become int8 weights, and an ordered list of layers with the exact arithmetic of each.

Weights are int8, symmetric, one scale per output channel (max |w| / 127); activations have one scale per tensor and
zero point 0; biases are int32 in units of (weight scale * input scale). Accumulators are requantised by the one formula
of the project (`feature_extractors.ops.requant`). The scheme is that of Jacob et al. 2018 (arXiv 1712.05877) without
zero points. No torch here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from feature_extractors.cnn.spec import Shape, part_bounds
from feature_extractors.ops.requant import check_accumulator, fixed_point, requantise

LOGMEL = "logmel"
LOGMEL_SCALE = 1 / 256
"""log2 units per step of the int16 log-mel."""
LOGIT_SCALE = 1 / 256
"""Logit units per step of the int16 outputs of every head: saturates beyond +-128."""
WEIGHT_MAX = 127
SEGMENT_SHIFT_MAX = 8
RANGES = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767)}
FLOAT32_EXACT = 2**24


@dataclass(frozen=True, eq=False)
class QuantisedLayer:
    """One map of an integer trunk. Values stand for value * scale; shapes are (time, band, channel).

    kind        inputs        weights (int8)
    conv        one           [out, kernel time, kernel band, in]
    depthwise   one           [channel, kernel time, kernel band]
    pointwise   one           [out, in]
    pool_mean   one           none: sum over each of `parts` parts of the time axis and all bands, >> pool_shift
    pool_max    one           none: maximum over the same
    affine      one or more   [row, all inputs flattened in order]; segment i's dot product is shifted left by
                              segment_shifts[i] before the sum

    bias, multiplier and shift are int32 per output channel:
    y = clamp(round_half_up(acc * multiplier / 2**shift), lo, hi).
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: Shape
    dtype: str
    lo: int
    hi: int
    scale: float
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    multiplier: np.ndarray | None = None
    shift: np.ndarray | None = None
    stride: tuple[int, int] = (1, 1)
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    parts: int = 1
    pool_shift: int = 0
    segment_shifts: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class QuantisedTrunk:
    """An integer trunk: layers in the order of computation. The input is the int16 log-mel [frames, bands]."""

    family: str
    input_shape: Shape
    layers: tuple[QuantisedLayer, ...]
    heads: tuple[str, ...]
    """Layers that hold logits, shallow ones first."""

    def layer(self, name: str) -> QuantisedLayer:
        """The layer of this name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"layer {name!r} is not in the trunk ({', '.join(item.name for item in self.layers)})")

    def forward(
        self, logmel: np.ndarray, keep: tuple[str, ...] = ("affine", "pool_mean", "pool_max")
    ) -> dict[str, np.ndarray]:
        """Integer evaluation of whole clips.

        logmel: int16 [n, frames, bands]. Returns, for every layer of a kind in `keep`, an array [n, *shape] of the
        layer's dtype.
        """
        maps = {LOGMEL: logmel.reshape(len(logmel), *self.input_shape)}
        for layer in self.layers:
            maps[layer.name] = evaluate(layer, [maps[name] for name in layer.inputs])
        kept = {layer.name for layer in self.layers if layer.kind in keep}
        return {name: values for name, values in maps.items() if name in kept}

    def logits(self, logmel: np.ndarray) -> list[np.ndarray]:
        """Integer logits int16 [n, classes] of every head, in order. logmel: int16 [n, frames, bands]."""
        maps = self.forward(logmel, ("affine",))
        return [maps[name][:, 0, 0, :] for name in self.heads]


def pool_name(kind: str, depth: int, parts: int, prefix: str = "") -> str:
    """Name of a pooled map, e.g. mean4 over the whole window and mean4p3 over its thirds."""
    return f"{prefix}{kind}{depth}" + (f"p{parts}" if parts > 1 else "")


# ---- from float to integer -------------------------------------------------------------------------------------------


def quantise_rows(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 weights and float64 scales [out] with weights ~ q * scale. weights: float [out, ...]."""
    flat = np.abs(weights.astype(np.float64)).reshape(len(weights), -1)
    scale = np.maximum(flat.max(axis=1), 1e-8) / WEIGHT_MAX
    column = scale.reshape(-1, *[1] * (weights.ndim - 1))
    return np.clip(np.rint(weights / column), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8), scale


def quantise_segments(weights: np.ndarray, lengths: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Affine weights with one power-of-two shift per segment of inputs.

    weights: float [row, sum of lengths], per integer step of the input. Returns (q int8, row scale float64 [row],
    shifts) with weights[:, segment i] ~ q * 2**shifts[i] * scale. A segment whose weights are large for all rows is
    divided by a power of two, so that small ones keep their bits.
    """
    bounds = np.cumsum((0, *lengths))
    parts = [weights[:, a:b].astype(np.float64) for a, b in itertools.pairwise(bounds)]
    sizes = np.array([np.median(np.abs(part).max(axis=1)) for part in parts])
    relative = np.log2(np.maximum(sizes, 1e-30) / max(sizes.min(), sizes.max() * 2.0**-SEGMENT_SHIFT_MAX, 1e-30))
    shifts = np.clip(np.rint(relative), 0, SEGMENT_SHIFT_MAX).astype(int)
    q, scale = quantise_rows(np.concatenate([p / 2.0**s for p, s in zip(parts, shifts, strict=True)], axis=1))
    return q, scale, tuple(int(s) for s in shifts)


def expand_shifts(shifts: tuple[int, ...], lengths: tuple[int, ...]) -> np.ndarray:
    """2**shift for every input of an affine layer: int64 [sum of lengths]."""
    return np.repeat(2 ** np.array(shifts, np.int64), lengths)


def quantise_bias(bias: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """int32 bias [out] in units of (weight scale * input scale), saturated at half the int32 range."""
    return np.clip(np.rint(bias.astype(np.float64) / unit), -(2**30), 2**30).astype(np.int32)


def multipliers(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(multiplier, shift), int32 [out] each, for accumulator-to-output ratios."""
    pairs = [fixed_point(float(r)) for r in ratio]
    return np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int32)


def mean_pool_shift(positions: int, hi: int) -> int:
    """Right shift that keeps the rounded sum of `positions` values in 0..hi within int16."""
    shift = 0
    while (positions * hi + (1 << shift >> 1)) >> shift > RANGES["int16"][1]:
        shift += 1
    return shift


# ---- exact evaluation ------------------------------------------------------------------------------------------------


def evaluate(layer: QuantisedLayer, inputs: list[np.ndarray]) -> np.ndarray:
    """Exact integer evaluation of one layer. inputs: integer [n, time, band, channel]; returns [n, *shape]."""
    if layer.kind in ("pool_mean", "pool_max"):
        return _pool(layer, inputs[0])
    if layer.kind == "affine":
        acc = _affine(layer, inputs)
    elif layer.kind == "pointwise":
        acc = _matmul(inputs[0], layer.weights, layer.bias)
    else:
        acc = _convolve(layer, inputs[0])
    return requantise(acc, layer.multiplier, layer.shift, layer.lo, layer.hi).astype(layer.dtype)


def check_layer(layer: QuantisedLayer, magnitudes: list[int], lengths: list[int]) -> None:
    """Raise OpError unless the accumulator of a weighted layer stays in int32.

    magnitudes, lengths: per input, the largest absolute value and the number of values of a clip (affine only).
    """
    flat = layer.weights.reshape(len(layer.weights), -1).astype(np.int64)
    if layer.kind != "affine":
        check_accumulator(flat, layer.bias, magnitudes[0])
        return
    # one bound per segment: fold shift and magnitude into the weights, for inputs of magnitude 1
    growth = expand_shifts(layer.segment_shifts, tuple(lengths)) * np.repeat(magnitudes, lengths)
    check_accumulator(flat * growth, layer.bias, 1)


def _pool(layer: QuantisedLayer, x: np.ndarray) -> np.ndarray:
    """Sum (shifted, rounded) or maximum over parts of the time axis and all bands."""
    parts = [x[:, a:b].astype(np.int64) for a, b in part_bounds(x.shape[1], layer.parts)]
    if layer.kind == "pool_max":
        return np.stack([p.max(axis=(1, 2)) for p in parts], axis=1)[:, :, None].astype(layer.dtype)
    half = 1 << layer.pool_shift >> 1
    sums = np.stack([p.sum(axis=(1, 2)) for p in parts], axis=1)[:, :, None]
    return ((sums + half) >> layer.pool_shift).astype(layer.dtype)


def _matmul(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """int64 x @ weights.T + bias through floating-point BLAS, in a width in which every partial sum is exact."""
    worst = np.abs(weights.astype(np.int64)).sum(axis=1).max() * max(abs(int(x.min())), abs(int(x.max())))
    kind = np.float32 if worst < FLOAT32_EXACT else np.float64
    return (x.astype(kind) @ weights.T.astype(kind)).astype(np.int64) + bias


def _convolve(layer: QuantisedLayer, x: np.ndarray) -> np.ndarray:
    """int64 accumulators of a conv or depthwise layer, one tap after another."""
    (t0, t1), (b0, b1) = layer.pads
    padded = np.pad(x, ((0, 0), (t0, t1), (b0, b1), (0, 0)))
    acc = np.zeros((len(x), *layer.shape), np.int64)
    no_bias = np.zeros_like(layer.bias)
    for i in range(layer.weights.shape[1]):
        for j in range(layer.weights.shape[2]):
            tap, weights = _shifted(padded, i, j, layer), layer.weights[:, i, j]
            acc += _matmul(tap, weights, no_bias) if layer.kind == "conv" else tap.astype(np.int32) * weights
    return acc + layer.bias


def _shifted(padded: np.ndarray, i: int, j: int, layer: QuantisedLayer) -> np.ndarray:
    """The input values under tap (i, j) of every output position."""
    last = [k + (n - 1) * s + 1 for k, n, s in zip((i, j), layer.shape[:2], layer.stride, strict=True)]
    return padded[:, i : last[0] : layer.stride[0], j : last[1] : layer.stride[1]]


def _affine(layer: QuantisedLayer, inputs: list[np.ndarray]) -> np.ndarray:
    """int64 accumulators [n, 1, 1, rows]: shifted dot products of the segments, plus bias."""
    acc, start = 0, 0
    for x, shift in zip(inputs, layer.segment_shifts, strict=True):
        flat = x.reshape(len(x), -1)
        weights = layer.weights[:, start : start + flat.shape[1]]
        acc = acc + (_matmul(flat, weights, np.zeros(len(weights), np.int64)) << shift)
        start += flat.shape[1]
    return (acc + layer.bias)[:, None, None, :]
