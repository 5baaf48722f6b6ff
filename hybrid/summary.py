"""Numbers about a plan's decisions: what reports print."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen.interpret import Results
from codegen.plan import BYTES, Plan
from hybrid.closures import Closures
from tree_backends.forest import NEVER

FAMILIES = ("front end", "trunk", "affine")
TOP_FEATURES = 30


def cost(results: Results) -> dict[str, Any]:
    """MACs, tiles and node visits per decision."""
    plan, spent = results.plan, results.cost
    computes, _ = results.counts()
    tiles = computes.sum(axis=1)
    counts, edges = np.histogram(spent, bins=min(30, max(1, len(np.unique(spent)))))
    return {
        "unit": "MAC",
        "mean": float(spent.mean()),
        "p50": float(np.percentile(spent, 50)),
        "p95": float(np.percentile(spent, 95)),
        "max_seen": int(spent.max()),
        "static_max": plan.cost_max,
        "static_min": plan.cost_min,
        "eager": sum(m.grid.size * m.cost.macs for m in plan.maps),
        "by_family": {f: _family(results, f) for f in FAMILIES},
        "trunk_and_affine": float(results.macs(("trunk", "affine")).mean()),
        "tiles": {
            "mean": float(tiles.mean()),
            "p95": float(np.percentile(tiles, 95)),
            "total": sum(m.grid.size for m in plan.maps),
        },
        "node_visits": {"mean": float(results.visits.mean()), "p95": float(np.percentile(results.visits, 95))},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _family(results: Results, family: str) -> dict[str, float]:
    whole = sum(m.grid.size * m.cost.macs for m in results.plan.maps if m.op.family == family)
    return {"mean": float(np.mean(results.macs((family,)))), "eager": float(whole)}


def maps(results: Results) -> list[dict[str, Any]]:
    """One row per map of the plan."""
    computes, hits = results.counts()
    total = max(float(results.cost.sum()), 1.0)
    return [
        {
            "name": m.name,
            "op": m.op.name,
            "family": m.op.family,
            "shape": list(m.value.shape),
            "tile": list(m.grid.tile),
            "tiles": m.grid.size,
            "mac_per_tile": m.cost.macs,
            "mean_computed": float(computes[:, i].mean()),
            "mean_hits": float(hits[:, i].mean()),
            "share_of_cost": float(computes[:, i].sum() * m.cost.macs / total),
            "bytes": int(np.prod(m.value.shape)) * BYTES[m.value.dtype] + 4 * -(-m.grid.size // 32),
        }
        for i, m in enumerate(results.plan.maps)
    ]


def stages(results: Results, truth: np.ndarray) -> list[dict[str, Any]]:
    """One row per stage: who leaves there, how right they are, what they paid."""
    plan, rows = results.plan, []
    for number, stage in enumerate(plan.forest.stages):
        here = results.stage == number
        trees = np.arange(stage.first, stage.last)
        rows.append(
            {
                "number": number,
                "trees": len(trees),
                "nodes": _stage_nodes(plan, number),
                "margin": None if stage.margin == NEVER or number + 1 == len(plan.forest.stages) else stage.margin,
                "left": float(here.mean()),
                "accuracy_of_left": float((results.label[here] == truth[here]).mean()) if here.any() else None,
                "mean_cost": float(results.cost[here].mean()) if here.any() else None,
                "static_max": int(plan.macs(plan.reachable(number + 1))),
                "base": stage.base,
            }
        )
    return rows


def _stage_nodes(plan: Plan, number: int) -> int:
    forest, stage = plan.forest, plan.forest.stages[number]
    stack, count = forest.tree_root[stage.first : stage.last], 0
    while len(inner := stack[stack >= 0]):
        count += len(inner)
        stack = np.concatenate([forest.node_left[inner], forest.node_right[inner]])
    return count


def features(results: Results, closures: Closures) -> list[dict[str, Any]]:
    """The features read most, with the price of each alone."""
    reads = results.reads
    order = np.argsort(-reads.sum(axis=0), kind="stable")[:TOP_FEATURES]
    named = [results.plan.forest.features[i] for i in order]
    return [
        {
            "name": str(f),
            "map": f.map,
            "reads_per_decision": float(reads[:, i].mean()),
            "share_of_decisions": float((reads[:, i] > 0).mean()),
            "closure_mac": closures.macs(f),
        }
        for i, f in zip(order.tolist(), named, strict=True)
    ]


def forest(plan: Plan, offered: int) -> dict[str, Any]:
    """Size of the forest and what its conversion lost."""
    return {
        "trees": plan.forest.trees,
        "nodes": plan.forest.nodes,
        "features_used": len(plan.forest.features),
        "features_offered": offered,
        **plan.forest.lost,
    }
