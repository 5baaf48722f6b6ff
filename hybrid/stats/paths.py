"""The paths that decisions take, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen.interpret import Results
from hybrid.stats.watched import Watched

TOP = 10
QUANTILES = (5, 25, 50, 75, 95)
BINS = 30


def cost(results: Results) -> dict[str, Any]:
    """Distribution of what decisions cost, instructions; `parts` are means."""
    plan, spent = results.plan, results.cost
    counts, edges = np.histogram(spent, bins=min(BINS, max(1, len(np.unique(spent)))))
    parts = {family: float(results.tiles_cost((family,)).mean()) for family in sorted({m.op.family for m in plan.maps})}
    visits = float(results.visits.mean() * plan.prices.visit)
    return {
        "mean": float(spent.mean()),
        **{f"p{q}": float(np.percentile(spent, q)) for q in QUANTILES},
        "max_seen": int(spent.max()),
        "eager": float(results.eager_cost.mean()),
        "parts": parts | {"node visits": visits, "begin and stages": float(results.control.mean()) - visits},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def by_class(watched: Watched) -> list[dict[str, Any]]:
    """Quantiles of the cost of each class's windows."""
    rows = []
    for number, label in enumerate(watched.plan.labels):
        own = watched.results.cost[watched.truth == number]
        if len(own):
            rows.append({"label": label, **{f"p{q}": float(np.percentile(own, q)) for q in QUANTILES}})
    return rows


def distinct(results: Results) -> dict[str, Any]:
    """How many different sets of tiles, and of maps, were computed, and the most frequent sets of maps."""
    plan, n = results.plan, len(results.label)
    tiles = np.concatenate([results.computed[m.name] for m in plan.maps], axis=1)
    used = np.stack([results.computed[m.name].any(axis=1) for m in plan.maps], axis=1)
    sets, place, times = np.unique(used, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    rows = []
    for number in np.argsort(-times, kind="stable")[:TOP]:
        own = place == number
        rows.append({
            "share": float(times[number] / n), "stages": int(results.stage[own].max()) + 1,
            "mean_tiles": float(tiles[own].sum(axis=1).mean()), "mean_cost": float(results.cost[own].mean()),
            "maps": [m.name for m, there in zip(plan.maps, sets[number], strict=True) if there],
        })  # fmt: skip
    return {"tile_sets": len(np.unique(tiles, axis=0)), "map_sets": len(sets), "most_frequent": rows}
