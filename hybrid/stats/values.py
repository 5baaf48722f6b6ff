"""What values features take in each class, against the thresholds that cut them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybrid.stats.counts import Counts
from hybrid.stats.watched import Watched

SHOWN = 12
BINS = 32


def histograms(counts: Counts, watched: Watched, most: int = SHOWN) -> list[dict[str, Any]]:
    """For the features read most: windows of each class by value, and every threshold with the visits to its nodes.

    counts: rows of classes, columns of bins. Bins span the values seen and the thresholds; they are whole numbers wide.
    """
    forest = watched.plan.forest
    order = np.argsort(-counts.reads, kind="stable")[:most]
    return [_histogram(counts, watched, int(i)) for i in order if (forest.node_feature == i).any()]


def _histogram(counts: Counts, watched: Watched, number: int) -> dict[str, Any]:
    forest, values = watched.plan.forest, watched.values[:, number]
    own = np.flatnonzero(forest.node_feature == number)
    cuts, place = np.unique(forest.node_threshold[own], return_inverse=True)
    visits = np.bincount(place, weights=counts.node_visits[own], minlength=len(cuts))
    low, high = min(values.min(), cuts.min()), max(values.max(), cuts.max() + 1) + 1
    width = max(1, -(-int(high - low) // BINS))
    edges = int(low) + width * np.arange(-(-int(high - low) // width) + 1)
    rows = [np.histogram(values[watched.truth == c], edges)[0].tolist() for c in range(forest.classes)]
    return {
        "feature": str(forest.features[number]),
        "reads": float(counts.reads[number] / counts.decisions),
        "edges": edges.tolist(),
        "counts": rows,
        "thresholds": [
            {"value": int(c), "visits": float(v / counts.decisions)} for c, v in zip(cuts, visits, strict=True)
        ],
    }
