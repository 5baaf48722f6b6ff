"""Labelled windows of fixed length: what a model is trained and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybrid.config import Config
from hybrid.data import Clip, windows
from hybrid.front_end import window_samples


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

    def clip_labels(self, scores: np.ndarray) -> np.ndarray:
        """One label per clip: the best class of the summed scores of its windows. scores: (n, classes)."""
        total = np.zeros((len(self.clip_truth), scores.shape[1]), dtype=np.int64)
        np.add.at(total, self.clip, scores)
        return total.argmax(axis=1)


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
