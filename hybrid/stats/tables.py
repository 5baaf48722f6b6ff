"""Rows of the statistics. What only watched decisions tell is None where there are only totals.

reads, computed, hits and visits are means per decision unless a row says otherwise; shares are 0..1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen.prices.prices import tree_depths
from feature_extractors.graph import FeatureMap
from hybrid.candidates import describe
from hybrid.closures import Closures
from hybrid.stats.counts import Counts
from hybrid.stats.information import bits
from hybrid.stats.watched import Watched
from hybrid.summary import described
from tree_backends.forest import VECTOR

AXES = ("time", "band", "channel")
Row = dict[str, Any]


def maps(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row a map."""
    plan, n = counts.plan, counts.decisions
    stage_of = plan.scheduled
    return [
        described(plan, m)
        | {
            "when": f"whole in stage {stage_of[m.name]}" if m.name in stage_of else "on demand",
            "price": plan.price(m.name),
            "reads": float(sum(r for r, f in zip(counts.reads, plan.forest.features, strict=True) if f.map == m.name))
            / n,
            "computed": float(counts.computes[i] / n),
            "hits": float(counts.hits[i] / n),
            "used_by": None if watched is None else float(watched.results.computed[m.name].any(axis=1).mean()),
            "tiles_ever": int(counts.ever[m.name].sum()),
            "cost_share": None
            if counts.streamed
            else float(counts.computes[i] * plan.price(m.name) / max(counts.cost_sum, 1)),
        }
        for i, m in enumerate(plan.maps)
    ]


def places(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row for each time column, band and channel of each map that has more than one."""
    rows = []
    for item in counts.plan.maps:
        for axis, size in enumerate(item.value.shape):
            if size > 1:
                rows += _places(counts, watched, item, axis)
    return rows


def _places(counts: Counts, watched: Watched | None, item: FeatureMap, axis: int) -> list[Row]:
    plan, grid = counts.plan, counts.plan.grids[item.name]
    size, first = grid.shape[axis], np.unravel_index(np.arange(grid.size), grid.counts)[axis] * grid.tile[axis]
    covered = (first[:, None] <= np.arange(size)) & (np.arange(size) < first[:, None] + grid.tile[axis])
    reads = np.zeros(size)
    for number, feature in enumerate(plan.forest.features):
        if feature.map == item.name:
            reads[feature.index[axis]] += counts.reads[number]
    ever = counts.ever[item.name] @ covered > 0
    rows: list[Row] = [
        {"map": item.name, "axis": AXES[axis], "index": i, "reads": float(reads[i] / counts.decisions),
         "computed": None, "hits": None, "used_by": None, "cost_share": None, "ever": bool(ever[i])}
        for i in range(size)
    ]  # fmt: skip
    if watched is None:
        return rows
    computed, asked = watched.results.computed[item.name], watched.results.asked[item.name]
    means, hits = computed.mean(axis=0) @ covered, (asked - computed).mean(axis=0) @ covered
    used = (computed.astype(np.float32) @ covered.astype(np.float32) > 0).mean(axis=0)
    spread = covered / covered.sum(axis=1, keepdims=True)
    cost = computed.sum(axis=0) @ spread * plan.price(item.name) / max(counts.cost_sum, 1)
    for i, row in enumerate(rows):
        row |= {"computed": float(means[i]), "hits": float(hits[i]), "used_by": float(used[i])}
        row["cost_share"] = float(cost[i])
    return rows


def features(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row a feature of the forest.

    cost_share: of the tiles, shared evenly among who asked, and of its visits; hits: of the tile's, shared alike.
    """
    plan, n = counts.plan, counts.decisions
    closures = Closures(plan.graph)
    rows = []
    for i, feature in enumerate(plan.forest.features):
        time, band, channel = feature.index
        row: Row = {
            "number": i, "name": str(feature), "map": feature.map, "time": time, "band": band, "channel": channel,
            "kind": describe(plan.graph, feature), "reads": float(counts.reads[i] / n), "read_by": None,
            "computed": None, "hits": None, "cost_share": None,
            "price_alone": closures.instructions(feature, plan.table),
            "nodes": int((plan.forest.node_feature == i).sum()),
        }  # fmt: skip
        if watched is not None:
            results, tile = watched.results, plan.feature_tiles[i]
            reads, computed = results.reads[:, i], results.computed[feature.map][:, tile]
            cost = float((watched.charges.read[:, i] * reads).sum()) + plan.prices.visit * float(reads.sum())
            row |= {"read_by": _share(reads > 0), "computed": _share(computed)}
            row["hits"] = float((reads * _found(watched, feature.map, tile)).mean())
            row["cost_share"] = cost / max(counts.cost_sum, 1)
        rows.append(row)
    return rows


def _found(watched: Watched, name: str, tile: int) -> np.ndarray:
    """The share of requests for a tile, of each decision, that found it there: (n,). Scheduled maps always are."""
    results = watched.results
    asked = results.asked[name][:, tile]
    if not watched.plan.on_demand(name):
        return np.ones(len(asked))
    return np.divide(asked - results.computed[name][:, tile], asked, out=np.zeros(len(asked)), where=asked > 0)


def trees(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row a tree. moved: mean change of the label's lead over the second, in logits, per decision."""
    plan, n = counts.plan, counts.decisions
    shallow, deep = tree_depths(plan.forest)
    members = _members(counts)
    rows = []
    for number, stage in enumerate(plan.forest.stages):
        for tree in range(stage.first, stage.last):
            own, cls = members[tree], int(plan.forest.tree_class[tree])
            entered = max(int(counts.entered[number]), 1)
            visits = int(counts.node_visits[own].sum())
            row: Row = {
                "number": tree, "stage": number, "class": None if cls == VECTOR else plan.labels[cls],
                "nodes": len(own), "depth_min": int(shallow[tree]), "depth_max": int(deep[tree]),
                "entered": float(counts.entered[number] / n), "visits": visits / n, "depth_mean": visits / entered,
                "cost_share": None, "moved": None, "helped": None,
            }  # fmt: skip
            if watched is not None:
                pushed = watched.pushed(tree)
                row["cost_share"] = float(watched.node_cost[own].sum()) / max(counts.cost_sum, 1)
                row |= {"moved": float(np.abs(pushed).mean()), "helped": float(pushed.mean())}
            rows.append(row)
    return rows


def _members(counts: Counts) -> list[list[int]]:
    """The nodes of each tree."""
    forest, found = counts.plan.forest, []
    for root in forest.tree_root.tolist():
        own: list[int] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if node >= 0:
                own.append(node)
                stack += [int(forest.node_right[node]), int(forest.node_left[node])]
        found.append(own)
    return found


def nodes(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row a node.

    bits: what the split tells about the final label, per decision of all (where it is passed, there it tells);
    moved: how far the two sides' means of the tree's push lie from that of both, in logits per decision of all;
    alone_bits: what the comparison would tell if every decision began with it, alone_price: what that would cost.
    """
    forest, n = counts.plan.forest, counts.decisions
    stage_of = np.repeat(np.arange(len(forest.stages)), [s.last - s.first for s in forest.stages])
    rows: list[Row] = []
    for tree, own in enumerate(_members(counts)):
        for node in own:
            feature = forest.features[forest.node_feature[node]]
            rows.append({
                "number": node, "tree": tree, "stage": int(stage_of[tree]), "root": node == int(forest.tree_root[tree]),
                "feature": str(feature), "threshold": int(forest.node_threshold[node]),
                "visits": float(counts.node_visits[node] / n), "left": None, "cost_share": None, "bits": None,
                "moved": None, "alone_bits": None, "alone_price": None,
            })  # fmt: skip
    if watched is not None:
        _weigh(rows, counts, watched)
    return rows


def _weigh(rows: list[Row], counts: Counts, watched: Watched) -> None:
    plan, n, label = counts.plan, counts.decisions, watched.results.label
    closures, alone = Closures(plan.graph), {}
    prices = [closures.instructions(feature, plan.table) for feature in plan.forest.features]
    at = {(row["tree"], row["number"]): row for row in rows}
    pushed, tree = np.zeros(n), -1
    for split in watched.splits:
        if split.tree != tree:
            tree, pushed = split.tree, watched.pushed(split.tree)
        feature, threshold = (int(a[split.node]) for a in (plan.forest.node_feature, plan.forest.node_threshold))
        if (feature, threshold) not in alone:
            alone[feature, threshold] = bits(watched.values[:, feature] <= threshold, label, plan.forest.classes)
        told = bits(split.left, label[split.rows], plan.forest.classes)
        at[split.tree, split.node] |= {
            "left": _share(split.left) if len(split.rows) else None,
            "cost_share": float(watched.node_cost[split.node]) / max(counts.cost_sum, 1),
            "bits": told * len(split.rows) / n,
            "moved": _parted(pushed[split.rows], split.left) / n,
            "alone_bits": alone[feature, threshold],
            "alone_price": prices[feature] + plan.prices.visit,
        }


def _parted(pushed: np.ndarray, left: np.ndarray) -> float:
    """Sum over both sides of how far the side's mean lies from the mean of all."""
    if left.all() or not left.any():
        return 0.0
    mean = pushed.mean()
    return float(sum(side.sum() * abs(pushed[side].mean() - mean) for side in (left, ~left)))


def stages(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row a stage. computed, hits and cost_share: what was spent during the stage, begin not counted."""
    plan, n = counts.plan, counts.decisions
    members = _members(counts)
    rows: list[Row] = []
    for number, stage in enumerate(plan.forest.stages):
        own = [node for tree in range(stage.first, stage.last) for node in members[tree]]
        rows.append({
            "number": number, "trees": stage.last - stage.first, "nodes": len(own), "base": stage.base,
            "entered": float(counts.entered[number] / n), "left": float(counts.left[number] / n),
            "visits": float(counts.node_visits[sorted(set(own))].sum() / n), "computed": None, "hits": None,
            "cost_share": None, "accuracy_of_left": None, "mean_cost_of_left": None,
        })  # fmt: skip
    if watched is not None:
        _spent(rows, counts, watched)
    return rows


def _spent(rows: list[Row], counts: Counts, watched: Watched) -> None:
    plan, results, before = counts.plan, watched.results, (0.0, 0.0, 0.0)
    for number, (row, (computed, asked)) in enumerate(zip(rows, watched.by_stage(), strict=True)):
        tiles = float(sum(c.sum() for c in computed.values()))
        requests = float(sum(a.sum() for a in asked.values()))
        cost = float(plan.tiles_cost(computed).sum())
        control = plan.prices.stages[number] * row["entered"] + plan.prices.visit * row["visits"]
        row["computed"] = (tiles - before[0]) / counts.decisions
        row["hits"] = (requests - before[1]) / counts.decisions - row["computed"]
        row["cost_share"] = (cost - before[2] + control * counts.decisions) / max(counts.cost_sum, 1)
        before = (tiles, requests, cost)
        here = results.stage == number
        if here.any():
            row["accuracy_of_left"] = _share(results.label[here] == watched.truth[here])
            row["mean_cost_of_left"] = float(results.cost[here].mean())


def classes(counts: Counts, watched: Watched | None) -> list[Row]:
    """One row a class: how often it was the answer, and, of its own windows, what they took."""
    plan, n = counts.plan, counts.decisions
    rows: list[Row] = [
        {"label": label, "decided": int(counts.decided[i]), "decided_share": float(counts.decided[i] / n),
         "windows": None, "accuracy": None, "reads": None, "computed": None, "hits": None, "mean_cost": None,
         "p95_cost": None, "cost_share": None, "left": None}
        for i, label in enumerate(plan.labels)
    ]  # fmt: skip
    if watched is None:
        return rows
    results = watched.results
    computes, hits = (a.sum(axis=1) for a in results.counts())
    for i, row in enumerate(rows):
        own = watched.truth == i
        row["windows"] = int(own.sum())
        if own.any():
            row |= {
                "accuracy": _share(results.label[own] == i), "reads": float(results.visits[own].mean()),
                "computed": float(computes[own].mean()), "hits": float(hits[own].mean()),
                "mean_cost": float(results.cost[own].mean()), "p95_cost": float(np.percentile(results.cost[own], 95)),
                "cost_share": float(results.cost[own].sum() / max(counts.cost_sum, 1)),
                "left": (np.bincount(results.stage[own], minlength=len(plan.forest.stages)) / own.sum()).tolist(),
            }  # fmt: skip
    return rows


def _share(flags: np.ndarray) -> float:
    return float(flags.mean())
