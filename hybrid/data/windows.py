"""Making clips as long as the model's window."""

from __future__ import annotations

import numpy as np

_OVER = 0.1  # a clip this much longer than the window is still one window


def fit_window(pcm: np.ndarray, n_samples: int) -> np.ndarray:
    """`pcm` int16 [n] as int16 [n_samples]: padded with zeros on both sides, or cropped, centred either way."""
    missing = n_samples - len(pcm)
    if missing < 0:
        first = -missing // 2
        return pcm[first : first + n_samples]
    return np.pad(pcm, (missing // 2, missing - missing // 2))


def windows(pcm: np.ndarray, n_samples: int, hop: int) -> np.ndarray:
    """`pcm` int16 [n] as windows int16 [k, n_samples], k >= 1.

    One centred window where the clip is at most 10 % longer than it. Otherwise one every `hop` samples, and a last
    one aligned to the end, so that no sample is lost. Windows that are all zero are dropped unless all are.
    ValueError: a window below 1, or a hop outside 1..n_samples (a larger one would lose audio).
    """
    if n_samples < 1 or not 1 <= hop <= n_samples:
        raise ValueError(f"n_samples {n_samples}, hop {hop}: needed are n_samples >= 1 and 1 <= hop <= n_samples")
    if len(pcm) <= n_samples + int(_OVER * n_samples):
        return fit_window(pcm, n_samples)[np.newaxis]
    last = len(pcm) - n_samples
    starts = [*range(0, last, hop), last]
    cut = np.stack([pcm[start : start + n_samples] for start in starts])
    sounding = cut.any(axis=1)
    return cut[sounding] if sounding.any() else cut
