"""Labelled windows of fixed length: what a model is trained and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybrid.config import Config
from hybrid.data import Clip, windows
from hybrid.front_end import window_samples
from tree_backends.evaluate import margin as lead
from tree_backends.forest import NEVER


@dataclass(frozen=True, eq=False)
class Windows:
    """pcm: int16 (n, samples); truth: class number of each window; clip: number of the clip it was cut from.

    clip_truth: class number per clip; names: one per window.
    """

    pcm: np.ndarray
    truth: np.ndarray
    clip: np.ndarray
    clip_truth: np.ndarray
    names: tuple[str, ...]

    def first_of_each(self, classes: int) -> Windows:
        """The first window of each class that has one, as clips of their own."""
        chosen = [int(np.argmax(self.truth == c)) for c in range(classes) if (self.truth == c).any()]
        truth = self.truth[chosen]
        return Windows(
            self.pcm[chosen], truth, np.arange(len(chosen)), truth, tuple(self.names[i] for i in chosen)
        )

    def of_clips(self, kept: np.ndarray) -> Windows:
        """The windows of some clips, which are numbered anew from 0. kept: bool (clips,)."""
        rows = kept[self.clip]
        names = tuple(name for name, row in zip(self.names, rows, strict=True) if row)
        number = np.cumsum(kept) - 1
        return Windows(self.pcm[rows], self.truth[rows], number[self.clip[rows]], self.clip_truth[kept], names)

    def repeated(self, times: int) -> Windows:
        """All of them so many times, each time as clips of their own behind those before."""
        clip = np.concatenate([self.clip + i * len(self.clip_truth) for i in range(times)])
        truth, clip_truth = np.tile(self.truth, times), np.tile(self.clip_truth, times)
        return Windows(np.tile(self.pcm, (times, 1)), truth, clip, clip_truth, self.names * times)

    @property
    def several(self) -> bool:
        """Whether some clip is cut into several windows."""
        return len(self.clip_truth) < len(self.truth)

    def asked(self, scores: np.ndarray, margin: int = NEVER) -> np.ndarray:
        """Windows that are decided, bool (n,); see `asked`. scores: (n, classes)."""
        return asked(scores, self.clip, margin)

    def clip_labels(self, scores: np.ndarray, margin: int = NEVER) -> np.ndarray:
        """One label per clip: the best class of the summed scores of its windows, of those that are decided where clips
        leave by a margin. scores: (n, classes)."""
        return summed(scores, self.clip, self.asked(scores, margin)).argmax(axis=1)


def asked(scores: np.ndarray, clip: np.ndarray, margin: int) -> np.ndarray:
    """Windows that are decided, bool (n,): all of a clip up to the one after which its sum leads by the margin.

    scores: (n, classes); clip: number of each window's clip, from 0, ascending.
    """
    if not len(clip):
        return np.zeros(0, dtype=bool)
    clear = (lead(_running(scores.astype(np.int64), clip)) >= margin) & (margin < NEVER)
    return _running(clear.astype(np.int64), clip) == clear


def summed(scores: np.ndarray, clip: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Sums of the scores of some windows by clip, int64 (clips, classes). among: bool (n,)."""
    total = np.zeros((int(clip.max(initial=-1)) + 1, scores.shape[1]), dtype=np.int64)
    np.add.at(total, clip[among], scores[among].astype(np.int64))
    return total


def _running(values: np.ndarray, clip: np.ndarray) -> np.ndarray:
    """Running sums within each clip. values: (n, ...)."""
    total = np.cumsum(values, axis=0)
    first = np.searchsorted(clip, clip)
    return total - total[first] + values[first]


def cut(clips: Sequence[Clip], pcm: Sequence[np.ndarray], labels: Sequence[str], config: Config) -> Windows:
    """Cut or pad clips to the model's window. A hop longer than the window would lose audio; it counts as one."""
    size = window_samples(config)
    hop = min(size, max(1, round(config.audio.hop_s * config.audio.rate)))
    parts = [windows(samples, size, hop) for samples in pcm]
    number = {label: i for i, label in enumerate(labels)}
    clip_truth = np.array([number[c.label] for c in clips], dtype=np.int64)
    clip = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    stacked = np.concatenate(parts) if parts else np.zeros((0, size), dtype=np.int16)
    names = tuple(_name(clips[c].name, w, len(p)) for c, p in enumerate(parts) for w in range(len(p)))
    return Windows(stacked, clip_truth[clip], clip, clip_truth, names)


def _name(clip: str, window: int, count: int) -> str:
    return clip if count == 1 else f"{clip} (window {window + 1} of {count})"
