"""Base-2 logarithm of unsigned integers in Q15: the reference that hyb_log2_q15 (firmware/include/hyb_frame.h) equals.

The position of the top bit gives the whole part; the 5 bits below it choose one of 32 chords of log2(1 + f), and the
next 16 bits interpolate. A chord lies below the curve by at most log2(e) / (8 * 32**2) = 1.8e-4: 0.05 of a Q8 step.
"""

from __future__ import annotations

from functools import cache

import numpy as np

Q = 15
CHORDS = 32


@cache
def table() -> np.ndarray:
    """int64 (33,): round(2**15 * log2(1 + i / 32)), the same numbers as in hyb_log2_q15."""
    values = np.rint((1 << Q) * np.log2(1 + np.arange(CHORDS + 1) / CHORDS)).astype(np.int64)
    values.flags.writeable = False
    return values


def log2_q15(x: np.ndarray) -> np.ndarray:
    """2**15 * log2(x) of int64 values in [1, 2**62), as int64. Monotone."""
    mantissa, top = x.astype(np.int64), np.full(x.shape, 62, dtype=np.int64)
    for step in (32, 16, 8, 4, 2, 1):
        small = mantissa < np.int64(1) << (63 - step)
        mantissa = np.where(small, mantissa << step, mantissa)
        top -= step * small
    chord, between = (mantissa >> 57) & (CHORDS - 1), (mantissa >> 41) & 0xFFFF
    left = table()[chord]
    return (top << Q) + left + (((table()[chord + 1] - left) * between + 0x8000) >> 16)
