"""Mel-frequency cepstrum: the orthonormal DCT-II over the bands of a log-mel map.

    acc[k] = sum over bands of weight[k, b] * x[b]         weight: Q15 of the orthonormal DCT-II
    y = requantise(acc)                                    (feature_extractors.ops.requant)

Coefficient 0 is the mean times sqrt(bands), which int16 does not hold for loud frames: hence the scale of `dct`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import DTYPES, Cost, Op, OpError, Value, check_array, check_int, parts, register
from feature_extractors.ops.requant import check_accumulator, check_requant, fixed_point, requantise
from feature_extractors.tiles import CHANNEL, TIME, All, Box, Rule, Shape, Sliding

MAX_BANDS = 128
WEIGHT_ONE = 32767
"""1.0 of the weights: one short of 2**15, so that a single band (weight 1) fits int16."""


@register
@dataclass(frozen=True, eq=False)
class Dct(Op):
    """Cepstral coefficients; shape (frames, coefficients, 1), one frame a tile. Built by `dct`."""

    name: ClassVar[str] = "dct"
    family: ClassVar[str] = "front end"

    weights: np.ndarray
    """int16 (coefficients, bands)."""
    multiplier: np.ndarray
    shift: np.ndarray
    """int32 (coefficients,)."""

    def __post_init__(self) -> None:
        check_array("dct: weights", self.weights, "int16", 2)
        check_array("dct: multiplier", self.multiplier, "int32", 1)
        check_array("dct: shift", self.shift, "int32", 1)
        coefficients, bands = self.weights.shape
        if not (1 <= coefficients <= MAX_BANDS and 1 <= bands <= MAX_BANDS):
            raise OpError(f"dct: weights must be 1..{MAX_BANDS} coefficients of 1..{MAX_BANDS} bands")
        check_requant(self.multiplier, self.shift, coefficients)

    def out(self, inputs: Sequence[Value]) -> Value:
        coefficients, bands = self.weights.shape
        source = inputs[0]
        if source.dtype != "int16" or source.shape[1:] != (bands, 1):
            raise OpError(f"dct: the input must be int16 (frames, {bands}, 1), not {source.dtype} {source.shape}")
        check_accumulator(self.weights, np.zeros(coefficients, dtype=np.int64), source.magnitude)
        return Value((source.shape[0], coefficients, 1), "int16", *self._range(source))

    def _range(self, source: Value) -> tuple[int, int]:
        """Ends of the range: the weights' signs decide which end of the input's range is worst."""
        wide = self.weights.astype(np.int64)
        ends = np.stack([wide * source.lo, wide * source.hi])
        worst = np.stack([ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)])
        low, high = requantise(worst, self.multiplier, self.shift, *DTYPES["int16"])
        return int(low.min()), int(high.max())

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, self.weights.shape[0], 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ((Sliding(TIME), All(), Sliding(CHANNEL)),)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        size = self.weights.size
        return Cost(size, 2 * self.weights.shape[1] + 2 * size + 8 * self.weights.shape[0])

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        frames, (outputs, bands) = box[0][1] - box[0][0], self.weights.shape
        rows = frames * outputs
        return parts("dct", calls=1, frames=frames, rows=rows, fours=rows * (bands // 4), ones=rows * (bands % 4))

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        (t0, t1), (k0, k1), _ = box
        x = inputs[0][:, t0:t1, :, 0].astype(np.float64)
        # float64 products of int16 numbers are exact, and so are their sums below 2**53.
        acc = (x @ self.weights[k0:k1].T.astype(np.float64)).astype(np.int64)
        return requantise(acc, self.multiplier[k0:k1], self.shift[k0:k1], *DTYPES["int16"])[..., None]


def dct(bands: int, coefficients: int, scale: float = 0.5) -> Dct:
    """The first `coefficients` of the orthonormal DCT-II of `bands` numbers, times `scale`.

    At scale 1/2 no log-mel map of up to 96 bands saturates; the unit is then 1/128 of an octave.
    """
    check_int("dct: bands", bands, 1, MAX_BANDS)
    check_int("dct: coefficients", coefficients, 1, bands)
    k, b = np.arange(coefficients)[:, None], np.arange(bands)
    norm = np.where(k == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))
    weights = np.rint(WEIGHT_ONE * norm * np.cos(np.pi * k * (2 * b + 1) / (2 * bands))).astype(np.int16)
    multiplier, shift = fixed_point(scale / WEIGHT_ONE)
    return Dct(weights, np.full(coefficients, multiplier, np.int32), np.full(coefficients, shift, np.int32))
