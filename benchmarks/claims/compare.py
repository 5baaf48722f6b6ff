"""Accuracies compared on the same clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 4000

Pair = tuple[Sequence[str], np.ndarray, np.ndarray]


def paired(pairs: Sequence[Pair], seed: int = 0) -> tuple[float, float, float]:
    """Percentage points by which the second of each pair is better: (mean, from, to), 95 %.

    pairs: of each model, names of its clips, and whether the first and the second are right there. Clips are drawn
    anew; a clip that several models were judged on is drawn with all of them.
    """
    names = {name: i for i, name in enumerate(dict.fromkeys(n for clips, _, _ in pairs for n in clips))}
    gain, count = np.zeros(len(names)), np.zeros(len(names))
    for clips, first, second in pairs:
        at = np.array([names[n] for n in clips])
        np.add.at(gain, at, second.astype(float) - first.astype(float))
        np.add.at(count, at, 1.0)
    drawn = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    means = 100 * gain[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return 100 * float(gain.sum() / count.sum()), float(low), float(high)
