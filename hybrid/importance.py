"""Permutation importance: what a model loses when a band, or a stretch of time, of its log-mel says nothing any more.

Part of the log-mel is exchanged between windows (Breiman 2001, Random Forests, section 10), so that its values stay as
likely as they were but tell nothing of the window that they are in; everything behind the log-mel is run anew. What
accuracy and likelihood lose is what that part tells and nothing else does: neighbouring bands say much the same, so one
alone loses little where several together would lose much. Hence ranges beside single bands.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen import interpret
from codegen.plan import Plan
from feature_extractors.cnn.spec import part_bounds
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.log_mel import LogMel
from tree_backends.evaluate import decide

REPEATS = 2
"""Exchanges of each part: the mean of them is told."""
WINDOWS = 200
"""Windows that are judged at most."""
PARTS = 8
"""Ranges of bands, and of frames."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Judged:
    """Windows decided: right, bool (n,), and the negative log-likelihood of the true class in nats, float64 (n,)."""

    right: np.ndarray
    loss: np.ndarray


def log_mel_map(plan: Plan) -> FeatureMap | None:
    """The log-mel that a plan computes; None where it computes none."""
    return next((m for m in plan.maps if isinstance(m.op, LogMel)), None)


def judge(plan: Plan, maps: dict[str, np.ndarray], truth: np.ndarray) -> Judged:
    """Decide from whole maps (all that the forest names), exits included. truth: class numbers (n,)."""
    values = interpret.values_of(maps, plan.forest.features)
    found = decide(plan.forest, values, lambda name: maps[name].reshape(len(truth), -1))
    return Judged(found.label == truth, losses(found.scores * plan.forest.unit, truth))


def losses(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of the true classes in nats, (n,). logits: (n, classes)."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]


def importance(
    plan: Plan, pcm: np.ndarray, truth: np.ndarray, seed: int = 0, progress: Progress = lambda *_: None
) -> dict[str, Any] | None:
    """Bands, stretches of time and both together by what the decisions lose without them, as plain values.

    pcm: int16 (n, samples), of which at most WINDOWS evenly spread ones are used; truth: class numbers (n,).
    None for a plan that computes no log-mel, or where there are fewer than two windows.
    """
    item = log_mel_map(plan)
    some = np.unique(np.linspace(0, len(pcm) - 1, min(len(pcm), WINDOWS)).round().astype(int))
    if item is None or len(some) < 2:
        return None
    given, truth = _given(plan, item, pcm[some]), truth[some]
    before = judge(plan, interpret.evaluate_maps(plan.graph, given, plan.named), truth)
    times, bands, _ = item.value.shape
    time_parts, band_parts = (part_bounds(size, min(PARTS, size)) for size in (times, bands))
    cells = [
        *((slice(None), slice(b, b + 1)) for b in range(bands)),
        *((slice(*t), slice(None)) for t in time_parts),
        *((slice(*t), slice(*b)) for t, b in itertools.product(time_parts, band_parts)),
    ]
    rng, rows = np.random.default_rng(seed), []
    for number, cell in enumerate(cells):
        rows.append(_without(plan, item, given, truth, before, cell, rng))
        progress("importance", number + 1, len(cells))
    regions = rows[bands + len(time_parts) :]
    return {
        "map": item.name,
        "windows": len(some),
        "repeats": REPEATS,
        "accuracy": float(before.right.mean()),
        "loss": float(before.loss.mean()),
        "bands": [about | row for about, row in zip(band_list(item), rows[:bands], strict=True)],
        "times": [
            {"first": a, "last": b - 1} | row
            for (a, b), row in zip(time_parts, rows[bands : bands + len(time_parts)], strict=True)
        ],
        "regions": {
            "times": [[a, b - 1] for a, b in time_parts],
            "bands": [[a, b - 1] for a, b in band_parts],
            **{key: _grid([row[key] for row in regions], len(band_parts)) for key in ("loss_rise", "accuracy_drop")},
        },
    }


def band_list(item: FeatureMap) -> list[dict[str, Any]]:
    """The bands of a log-mel: `index` in the map, `band` in the whole filter bank, and where the filter lies in Hz."""
    op = item.op
    assert isinstance(op, LogMel)
    rows: list[dict[str, Any]] = []
    at = 0
    for count in op.runs:
        edges = op.edges[at : at + count + 2].astype(float) * op.rate / op.frame
        for i in range(count):
            index = len(rows)
            number = op.kept[index] if op.kept else index
            rows.append({"index": index, "band": number, "from_hz": float(edges[i]), "to_hz": float(edges[i + 2])})
        at += count + 2
    return rows


def _given(plan: Plan, item: FeatureMap, pcm: np.ndarray) -> dict[str, np.ndarray]:
    """The log-mel, and what else is computed from the samples but not from the log-mel."""
    graph, behind = plan.graph, {item.name}
    for other in graph:
        behind |= {other.name} if behind & set(other.inputs) else set()
    needed = graph.closure(plan.named, {item.name})
    beside = [m.name for m in needed if m.name not in behind and m.name != graph.source.name]
    return interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), [item.name, *beside])


def _without(
    plan: Plan,
    item: FeatureMap,
    given: dict[str, np.ndarray],
    truth: np.ndarray,
    before: Judged,
    cell: tuple[slice, slice],
    rng: np.random.Generator,
) -> dict[str, float]:
    """What is lost where the cell (times, bands) of the log-mel is exchanged between windows."""
    right, loss = np.zeros(len(truth)), np.zeros(len(truth))
    for _ in range(REPEATS):
        changed = given[item.name].copy()
        changed[:, cell[0], cell[1]] = changed[rng.permutation(len(truth)), cell[0], cell[1]]
        after = judge(plan, interpret.evaluate_maps(plan.graph, given | {item.name: changed}, plan.named), truth)
        right, loss = right + after.right / REPEATS, loss + after.loss / REPEATS
    gap = loss - before.loss
    return {
        "accuracy_drop": float(before.right.mean() - right.mean()),
        "loss_rise": float(gap.mean()),
        "loss_error": float(gap.std() / np.sqrt(len(gap))),
    }


def _grid(values: Sequence[float], width: int) -> list[list[float]]:
    return [list(values[i : i + width]) for i in range(0, len(values), width)]


def with_access(found: dict[str, Any], looks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The same with the share of decisions that look at each band and stretch of time, from access statistics."""
    looked = next((np.array(look["looked"]) for look in looks if look["map"] == found["map"]), None)
    if looked is None:
        return found
    bands = [row | {"looked": float(looked[:, row["index"]].mean())} for row in found["bands"]]
    times = [row | {"looked": float(looked[row["first"] : row["last"] + 1].mean())} for row in found["times"]]
    return found | {"bands": bands, "times": times}
