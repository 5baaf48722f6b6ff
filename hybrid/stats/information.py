"""How much one split tells about the answer."""

from __future__ import annotations

import numpy as np


def entropy(counts: np.ndarray) -> np.ndarray:
    """Bits of a distribution given as counts, over the last axis."""
    total = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    shares = counts / total
    return -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(axis=-1)


def bits(left: np.ndarray, label: np.ndarray, classes: int) -> float:
    """Mutual information of a split and the label, in bits, less what chance alone gives (Miller and Madow's term).

    left: bool (n,); label: class numbers (n,). Never negative; 0 where all go one way.
    """
    n = len(label)
    if n == 0:
        return 0.0
    table = np.stack([np.bincount(label[side], minlength=classes) for side in (left, ~left)])
    sides, labels = table.sum(axis=1), table.sum(axis=0)
    told = entropy(labels) - float((sides / n) @ entropy(table))
    chance = ((labels > 0).sum() - 1) * ((sides > 0).sum() - 1) / (2 * n * np.log(2))
    return max(0.0, float(told - chance))
