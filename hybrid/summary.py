"""Numbers about a plan's decisions: what reports print."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen.interpret import Results
from codegen.memory import map_bytes
from codegen.plan import Plan
from feature_extractors.graph import FeatureMap
from hybrid.closures import Closures
from hybrid.windows import Windows
from tree_backends.forest import NEVER

FAMILIES = ("front end", "trunk", "affine")
FOREST = "forest"
UNIT = "instructions"
TOP_FEATURES = 30


def cost(results: Results) -> dict[str, Any]:
    """Instructions, multiply-accumulates, tiles and node visits per decision."""
    plan, spent = results.plan, results.cost
    computes, _ = results.counts()
    tiles = computes.sum(axis=1)
    counts, edges = np.histogram(spent, bins=min(30, max(1, len(np.unique(spent)))))
    return {
        "unit": UNIT,
        "core": plan.core,
        "table_version": plan.table.version,
        "mean": float(spent.mean()),
        "p50": float(np.percentile(spent, 50)),
        "p95": float(np.percentile(spent, 95)),
        "max_seen": int(spent.max()),
        "static_max": plan.cost_max,
        "static_min": plan.cost_min,
        "eager": float(results.eager_cost.mean()),
        "by_family": _by_family(results),
        "mac": _macs(results),
        "tiles": {
            "mean": float(tiles.mean()),
            "p95": float(np.percentile(tiles, 95)),
            "total": sum(grid.size for grid in plan.grids.values()),
        },
        "node_visits": {"mean": float(results.visits.mean()), "p95": float(np.percentile(results.visits, 95))},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def clips(windows: Windows, scores: np.ndarray, cost: np.ndarray, margin: int) -> dict[str, Any] | None:
    """What whole clips cost where some are cut into several windows, not all of which need be decided; else None.

    scores: (n, classes); cost: (n,); margin: of clips.
    """
    if not windows.several:
        return None
    count = len(windows.clip_truth)
    among = windows.asked(scores, margin)
    spent = np.bincount(windows.clip, weights=cost * among)
    return {
        "unit": UNIT,
        "clips": count,
        "margin": None if margin == NEVER else margin,
        "windows": len(windows.clip) / count,
        "decided": float(among.sum() / count),
        "mean": float(spent.mean()),
        "p95": float(np.percentile(spent, 95)),
    }


def _by_family(results: Results) -> dict[str, dict[str, float]]:
    """Mean instructions for the tiles of each family of maps, and for stages, nodes and requests: the forest."""
    plan, found = results.plan, {}
    for family in FAMILIES:
        whole = sum(plan.prices.whole[m.name] for m in plan.used if m.op.family == family)
        found[family] = {"mean": float(np.mean(results.tiles_cost((family,)))), "eager": float(whole)}
    control = float(results.control.mean())
    return found | {FOREST: {"mean": control, "eager": control}}


def _macs(results: Results) -> dict[str, Any]:
    """The same decisions in multiply-accumulates, which know no core."""
    plan, spent = results.plan, results.macs()
    families = {}
    for family in FAMILIES:
        whole = sum(m.grid.size * m.cost.macs for m in plan.used if m.op.family == family)
        families[family] = {"mean": float(np.mean(results.macs((family,)))), "eager": float(whole)}
    return {
        "mean": float(np.mean(spent)),
        "p95": float(np.percentile(spent, 95)),
        "eager": float(sum(f["eager"] for f in families.values())),
        "trunk_and_affine": float(np.mean(results.macs(("trunk", "affine")))),
        "by_family": families,
    }


def described(plan: Plan, item: FeatureMap) -> dict[str, Any]:
    """What a row on a map begins with: its op, and its shape and tiles in the plan."""
    grid = plan.grids[item.name]
    return {
        "name": item.name,
        "op": item.op.name,
        "family": item.op.family,
        "shape": list(item.value.shape),
        "tile": list(grid.tile),
        "tiles": grid.size,
    }


def maps(results: Results) -> list[dict[str, Any]]:
    """One row per map of the plan."""
    computes, hits = results.counts()
    plan = results.plan
    total = max(float(results.cost.sum()), 1.0)
    return [
        described(plan, m)
        | {
            "cost_per_tile": plan.price(m.name),
            "mac_per_tile": plan.tile_macs(m.name),
            "mean_computed": float(computes[:, i].mean()),
            "mean_hits": float(hits[:, i].mean()),
            "share_of_cost": float(computes[:, i].sum() * plan.price(m.name) / total),
            "bytes": map_bytes(m),
        }
        for i, m in enumerate(plan.maps)
    ]


def stages(results: Results, truth: np.ndarray, full: np.ndarray) -> list[dict[str, Any]]:
    """One row per stage: who leaves there, how right they are, what they paid. full: labels after the last stage."""
    plan, rows = results.plan, []
    for number, stage in enumerate(plan.forest.stages):
        each = stage.class_margins
        here = results.stage == number
        trees = np.arange(stage.first, stage.last)
        rows.append(
            {
                "number": number,
                "trees": len(trees),
                "nodes": _stage_nodes(plan, number),
                "margin": None if stage.margin == NEVER or number + 1 == len(plan.forest.stages) else stage.margin,
                "margins": None if each is None else [[*pair] for pair in zip(plan.labels, each, strict=True)],
                "left": float(here.mean()),
                "accuracy_of_left": float((results.label[here] == truth[here]).mean()) if here.any() else None,
                "as_in_the_end": float((results.label[here] == full[here]).mean()) if here.any() else None,
                "mean_cost": float(results.cost[here].mean()) if here.any() else None,
                "static_max": plan.bound(number + 1),
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
            "closure_cost": closures.instructions(f, results.plan.table),
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
