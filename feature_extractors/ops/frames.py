"""Framing shared by the front end: frame t covers samples [t * hop, t * hop + frame), as librosa with center=False."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from feature_extractors.ops.base import OpError, Value, check_int
from feature_extractors.tiles import BAND, TIME, All, Box, Rule, Sliding

MAX_FRAME = 1 << 15
CHUNK_SAMPLES = 1 << 15
"""Samples whose frames are worked on at once: temporaries then stay in the processor's cache."""


def check_framing(what: str, frame: int, hop: int, longest: int = MAX_FRAME) -> None:
    """Raise OpError unless frame length and hop are legal."""
    check_int(f"{what}: frame", frame, 2, longest)
    check_int(f"{what}: hop", hop, 1, MAX_FRAME)


def frame_count(samples: Value, frame: int, hop: int) -> int:
    """Whole frames in a map of samples. Raises OpError for another kind of map, or one shorter than a frame."""
    if samples.dtype != "int16" or samples.shape[1:] != (1, 1):
        raise OpError(f"frames are cut from int16 samples of shape (count, 1, 1), not {samples.dtype} {samples.shape}")
    if samples.shape[0] < frame:
        raise OpError(f"{samples.shape[0]} samples are less than one frame of {frame}")
    return 1 + (samples.shape[0] - frame) // hop


def frame_rule(frame: int, hop: int) -> tuple[Rule, ...]:
    """The samples that a frame reads."""
    return ((Sliding(TIME, hop, 0, frame), Sliding(BAND), All()),)


def map_frames(
    inputs: Sequence[np.ndarray], box: Box, frame: int, hop: int, work: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply `work` to every frame of the box's time range, a cache-sized chunk at a time.

    inputs: one array of samples (n, count, 1, 1). work: int32 frames (m, frame) -> integers (m, width).
    Returns int64 (n, frames, width).
    """
    (first, last), samples = box[0], inputs[0][:, :, 0, 0]
    count, n = last - first, samples.shape[0]
    part = samples[:, first * hop : (last - 1) * hop + frame]
    views = np.lib.stride_tricks.sliding_window_view(part, frame, axis=1)[:, ::hop]
    clips = max(1, CHUNK_SAMPLES // (count * frame))
    times = max(1, CHUNK_SAMPLES // frame)
    result = None
    for i in range(0, n, clips):
        for t in range(0, count, times):
            view = views[i : i + clips, t : t + times]
            done = work(view.reshape(-1, frame).astype(np.int32))
            if result is None:
                result = np.empty((n, count, done.shape[1]), dtype=np.int64)
            result[i : i + clips, t : t + times] = done.reshape(*view.shape[:2], -1)
    return np.empty((n, count, 0), dtype=np.int64) if result is None else result
