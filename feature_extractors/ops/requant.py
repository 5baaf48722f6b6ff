"""The one requantisation formula of the project.

    y = saturate((acc * multiplier + 2**(shift - 1)) >> shift)

int64 product, round half up, arithmetic shift, then saturation to [lo, hi]. `multiplier` is int32 in [0, 2**31) and
`shift` in 1..62, one per output channel. Every C path, SIMD or not, must equal this.
"""

from __future__ import annotations

import math

import numpy as np

from feature_extractors.ops.base import OpError

MAX_SHIFT = 62
ACC_LIMIT = 2**31 - 1


def requantise(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, lo: int, hi: int) -> np.ndarray:
    """Rescale int32-range accumulators, last axis = channel. Returns int64 values in [lo, hi]."""
    shift = shift.astype(np.int64)
    product = acc.astype(np.int64) * multiplier.astype(np.int64)
    return np.clip((product + (np.int64(1) << (shift - 1))) >> shift, lo, hi)


def fixed_point(scale: float) -> tuple[int, int]:
    """(multiplier, shift) with multiplier / 2**shift nearest to `scale`, multiplier in [2**30, 2**31) where it can be.

    Raises OpError for a scale that is not a finite number in (0, 2**30).
    """
    if not (math.isfinite(scale) and 0 < scale < 2**30):
        raise OpError(f"scale {scale} cannot be written as multiplier / 2**shift")
    mantissa, exponent = math.frexp(scale)
    multiplier, shift = round(mantissa * 2**31), 31 - exponent
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift - 1
    while shift > MAX_SHIFT:
        multiplier, shift = multiplier >> 1, shift - 1
    return multiplier, shift


def check_requant(multiplier: np.ndarray, shift: np.ndarray, channels: int) -> None:
    """Raise OpError unless there is one legal (multiplier, shift) per channel."""
    if multiplier.shape != (channels,) or shift.shape != (channels,):
        raise OpError(f"{channels} channels need {channels} multipliers and shifts")
    if (multiplier < 0).any() or (shift < 1).any() or (shift > MAX_SHIFT).any():
        raise OpError("multipliers must not be negative and shifts must lie in 1..62")


def check_accumulator(weights: np.ndarray, bias: np.ndarray, magnitude: int) -> None:
    """Raise OpError if sum |w| * magnitude + |bias| could leave int32. weights: (channels, fan-in)."""
    worst = np.abs(weights.astype(np.int64)).sum(axis=1) * magnitude + np.abs(bias.astype(np.int64))
    if worst.max() > ACC_LIMIT:
        raise OpError(f"the accumulator could reach {int(worst.max())}, beyond int32: narrow the inputs or the weights")
