"""Accuracy with its interval, per class, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


def accuracy(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy of class numbers (n,) with its 95 % Wilson interval, per class, and confusion matrix (rows = truth)."""
    n, correct = len(truth), int((truth == predicted).sum())
    numbers = np.arange(len(labels))
    interval = binomtest(correct, n).proportion_ci(method="wilson") if n else (0.0, 1.0)
    precision, recall, f1, count = precision_recall_fscore_support(truth, predicted, labels=numbers, zero_division=0)
    rows = zip(labels, count.tolist(), precision.tolist(), recall.tolist(), f1.tolist(), strict=True)
    return {
        "n": n,
        "correct": correct,
        "accuracy": correct / n if n else 0.0,
        "interval": [float(interval[0]), float(interval[1])],
        "per_class": {name: {"n": c, "precision": p, "recall": r, "f1": f} for name, c, p, r, f in rows},
        "confusion": confusion_matrix(truth, predicted, labels=numbers).tolist(),
        "labels": list(labels),
    }
