"""Smoothing of decisions over the last windows of a stream, and sums over those of a clip.

What firmware/include/hyb_smooth.h does, bit for bit.
"""

from __future__ import annotations

from collections import deque

import numpy as np

SCORE_LIMIT = 1 << 21
"""Scores are cut to this range before they enter an exponential average, whose state has 8 bits behind the point."""
POINT = 8
MAX_WINDOWS, MAX_SHIFT = 256, 8


class MeanScores:
    """Mean of the scores of the last `windows` decisions, as many as there were so far."""

    def __init__(self, windows: int) -> None:
        """windows: 1 .. 256. Raises ValueError."""
        self._last: deque[np.ndarray] = deque(maxlen=_checked("windows", windows, 1, MAX_WINDOWS))

    def add(self, scores: np.ndarray) -> np.ndarray:
        """Take the scores of a decision, integers (classes,) within +-2**30. Returns the means, rounded half up."""
        self._last.append(np.asarray(scores, dtype=np.int64))
        count = len(self._last)
        return (2 * np.sum(self._last, axis=0) + count) // (2 * count)


class ExponentialScores:
    """Exponential average of the scores: y += (x - y) / 2**shift."""

    def __init__(self, shift: int) -> None:
        """shift: 0 .. 8. Raises ValueError."""
        self._shift = _checked("shift", shift, 0, MAX_SHIFT)
        self._state: np.ndarray | None = None

    def add(self, scores: np.ndarray) -> np.ndarray:
        """Take the scores of a decision, the first ones as they are. Returns the averages, rounded half up."""
        x = np.clip(np.asarray(scores, dtype=np.int64), -SCORE_LIMIT, SCORE_LIMIT) << POINT
        self._state = x if self._state is None else self._state + ((x - self._state) >> self._shift)
        return (self._state + (1 << POINT >> 1)) >> POINT


class MajorityLabel:
    """The label that most of the last `windows` decisions have, the latest of them on a tie."""

    def __init__(self, windows: int) -> None:
        """windows: 1 .. 256. Raises ValueError."""
        self._last: deque[int] = deque(maxlen=_checked("windows", windows, 1, MAX_WINDOWS))

    def add(self, label: int) -> tuple[int, int]:
        """Take the label of a decision. Returns (label, how many of the last decisions have it)."""
        self._last.append(int(label))
        latest_first = list(reversed(self._last))
        best = max(latest_first, key=latest_first.count)
        return best, latest_first.count(best)


class ClipSum:
    """Sum of the scores of a clip's windows, until one class leads it by a margin."""

    def __init__(self, margin: int) -> None:
        """margin: in score units, 0 .. 2**31 - 1. Raises ValueError."""
        self._margin = _checked("margin", margin, 0, 2**31 - 1)
        self._sum: np.ndarray | int = 0

    def add(self, scores: np.ndarray) -> tuple[int, bool]:
        """Take the scores of a decision. Returns (label of the sum, whether the rest of the clip can be left out)."""
        self._sum = self._sum + np.asarray(scores, dtype=np.int64)
        second, first = np.sort(self._sum)[-2:]
        return int(np.argmax(self._sum)), bool(first - second >= self._margin)


def _checked(what: str, number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError(f"{what} must be {low} .. {high}, not {number}")
    return number
