"""How a model holds in the field: accuracy and cost of the same windows at other gains, in noise, with an offset.

Gains scale the samples, which clip at full scale. Noise is added at a signal-to-noise ratio by the mean powers of
window and noise, less their means; it is cut from the background noise of the recordings where there is some, else
white. An offset is what a cheap microphone or converter adds to every sample, as a share of full scale. All randomness
has a fixed seed: the same windows give the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybrid.recordings import spread
from hybrid.windows import Windows
from tree_backends.forest import NEVER

GAINS = (-20.0, -12.0, -6.0, 0.0, 6.0, 12.0)
"""dB."""
RATIOS = (20.0, 10.0, 5.0)
"""Signal to noise, dB."""
OFFSETS = (0.01, 0.05)
"""Shares of full scale."""
FULL_SCALE = 32768
WITHIN = 0.01
"""Accuracy that gains may cost before a line says where the model breaks."""
SEED = 0
BATCH = 256
Decide = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Scores (n, classes) and cost (n,) of windows, int16 (n, samples)."""


@dataclass(frozen=True)
class Condition:
    """kind: 'gain' (dB), 'noise' (signal-to-noise ratio, dB) or 'offset' (share of full scale)."""

    kind: str
    value: float

    @property
    def name(self) -> str:
        """For people."""
        if self.kind == "gain":
            return f"gain {self.value:+g} dB" if self.value else "as recorded"
        return f"{self.value:g} dB above noise" if self.kind == "noise" else f"offset {self.value:.0%}"


def conditions() -> list[Condition]:
    """All that are measured, in order."""
    kinds = (("gain", GAINS), ("noise", RATIOS), ("offset", OFFSETS))
    return [Condition(kind, value) for kind, values in kinds for value in values]


def changed(pcm: np.ndarray, condition: Condition, noise: Sequence[np.ndarray], seed: int = SEED) -> np.ndarray:
    """Windows, int16 (n, samples), under a condition; every condition of a kind draws the same noise."""
    wide = pcm.astype(np.float64)
    if condition.kind == "gain":
        wide *= 10 ** (condition.value / 20)
    elif condition.kind == "offset":
        wide += condition.value * FULL_SCALE
    else:
        wide += _noise_for(wide, condition.value, noise, np.random.default_rng(seed))
    return np.clip(np.rint(wide), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _noise_for(wide: np.ndarray, ratio: float, noise: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Noise as loud as the ratio says for each window, float (n, samples)."""
    if noise:
        added = np.stack([_stretch(noise[int(rng.integers(len(noise)))], wide.shape[1], rng) for _ in wide])
    else:
        added = rng.standard_normal(wide.shape)
    added = added - added.mean(axis=1, keepdims=True)
    loud = np.sqrt(wide.var(axis=1, keepdims=True) / np.maximum(added.var(axis=1, keepdims=True), 1e-9))
    return added * loud * 10 ** (-ratio / 20)


def _stretch(recording: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A random part of a recording, which is repeated where it is short; float (samples,)."""
    if len(recording) < samples:
        recording = np.tile(recording, -(-samples // len(recording)))
    start = int(rng.integers(len(recording) - samples + 1))
    return recording[start : start + samples].astype(np.float64)


def some(windows: Windows, most: int) -> Windows:
    """The windows of at most so many clips, evenly spread over all."""
    count = len(windows.clip_truth)
    return windows.of_clips(np.isin(np.arange(count), spread(count, most)))


def measure(
    windows: Windows, decide: Decide, noise: Sequence[np.ndarray], clip_margin: int = NEVER
) -> dict[str, Any]:
    """Accuracy and mean cost of clips under every condition, and what is to be said of them.

    clip_margin: of the forest; windows that are not decided cost nothing.

    Returns plain values: 'clips', 'noise' (what was added), 'rows' (kind, value, name, accuracy, mean_cost), 'gains'
    (within, worst, told).
    """
    rows = [_row(windows, decide, noise, condition, clip_margin) for condition in conditions()]
    return {
        "clips": len(windows.clip_truth),
        "noise": "background noise of the recordings" if len(noise) else "white noise",
        "rows": rows,
        "gains": verdict(rows),
    }


def _row(
    windows: Windows, decide: Decide, noise: Sequence[np.ndarray], condition: Condition, clip_margin: int
) -> dict[str, Any]:
    parts = [decide(part) for part in _batches(windows.pcm, condition, noise)]
    scores = np.concatenate([part["scores"] for part in parts]).astype(np.int64)
    cost = np.concatenate([part["cost"] for part in parts]).astype(np.int64)
    right = windows.clip_labels(scores, clip_margin) == windows.clip_truth
    spent = float(cost[windows.asked(scores, clip_margin)].sum())
    return {
        "kind": condition.kind, "value": condition.value, "name": condition.name,
        "accuracy": float(right.mean()), "mean_cost": spent / len(right),
    }  # fmt: skip


def _batches(pcm: np.ndarray, condition: Condition, noise: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for number, start in enumerate(range(0, len(pcm), BATCH)):
        yield changed(pcm[start : start + BATCH], condition, noise, SEED + number)


def verdict(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether accuracy keeps within a percentage point over the gains, or where it breaks."""
    gains = [row for row in rows if row["kind"] == "gain"]
    plain = next(row for row in gains if row["value"] == 0)["accuracy"]
    lost = {row["value"]: plain - row["accuracy"] for row in gains}
    broken = {gain: by for gain, by in lost.items() if by > WITHIN + 1e-9}
    told = f"within {100 * WITHIN:g} pp over the gains {GAINS[0]:+g} to {GAINS[-1]:+g} dB"
    if broken:
        told = "breaks at a gain of " + ", ".join(f"{gain:+g} dB (-{100 * by:.1f} pp)" for gain, by in broken.items())
    return {"within": not broken, "worst": float(max(lost.values())), "told": told}
