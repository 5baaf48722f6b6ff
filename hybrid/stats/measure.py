"""`hybrid stats`: the statistics of a model's decisions on recordings, or of a device's counters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.interpret import Results
from codegen.plan import Plan
from hybrid.band_prices import band_prices
from hybrid.evaluate import load_model
from hybrid.importance import importance, with_access
from hybrid.recordings import read_windows
from hybrid.stats import paths, tables
from hybrid.stats.counts import Counts, count
from hybrid.stats.dump import read_dump
from hybrid.stats.looks import looks
from hybrid.stats.values import histograms
from hybrid.stats.watched import Watched
from hybrid.summary import UNIT
from hybrid.windows import Windows

FORMAT = 1
HARDLY = 0.01
"""A feature that fewer decisions than this read is hardly read."""
FIRST = 12
Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


def from_clips(
    folder: Path,
    data: Path | None = None,
    *,
    split: str | None = "test",
    clips: int | None = None,
    worth: bool = False,
    skip_bad: bool = False,
    say: Say = lambda _: None,
    progress: Progress = lambda *_: None,
    **layout: Any,
) -> dict[str, Any]:
    """Statistics of the model in `folder` on the windows of `data` (default: the recordings that it was fitted on).

    split: 'train', 'validation' or 'test' as the fit drew it, None for every clip; clips: at most so many, evenly
    spread; worth: add permutation importance of bands and frames, which takes a minute. Returns plain values, see
    docs/stats.md. Raises HybridError.
    """
    model, config = load_model(folder)
    read = read_windows(
        model, config, data, split=split, clips=clips, skip_bad=skip_bad, say=say, progress=progress, **layout
    )
    windows = read.windows
    watched = watch(model.plan, windows.pcm, windows.truth)
    source = {"kind": "clips", "path": str(read.path), "split": split, "windows": len(windows.pcm)}
    found = {"model": str(folder), "source": source} | statistics(count(watched.results), watched)
    return found | (_worth(model.plan, windows, found["looks"], progress) if worth else {})


def _worth(plan: Plan, windows: Windows, seen: list[dict[str, Any]], progress: Progress) -> dict[str, Any]:
    """What bands and frames are worth, and what bands cost; nothing for a plan without a log-mel."""
    found = importance(plan, windows.pcm, windows.truth, progress=progress)
    return {"importance": with_access(found, seen), "band_prices": band_prices(plan)} if found else {}


def from_dump(folder: Path, path: Path) -> dict[str, Any]:
    """Statistics of the counters that a device dumped, as far as they reach. Raises HybridError."""
    model, _ = load_model(folder)
    counts = read_dump(path, model.plan)
    source = {"kind": "dump", "path": str(path), "streamed": counts.streamed}
    return {"model": str(folder), "source": source} | statistics(counts, None)


def watch(plan: Plan, pcm: np.ndarray, truth: np.ndarray) -> Watched:
    """Decide windows, int16 (n, samples), and keep all that the tables need."""
    whole = interpret.named_maps(plan, pcm)
    return Watched(interpret.decide_on(plan, whole), interpret.values_of(whole, plan.forest.features), truth)


def statistics(counts: Counts, watched: Watched | None) -> dict[str, Any]:
    """All tables; without `watched` what single decisions tell is None or left out."""
    plan, results = counts.plan, watched.results if watched else None
    features, nodes = tables.features(counts, watched), tables.nodes(counts, watched)
    places = tables.places(counts, watched)
    found = {
        "format": FORMAT,
        "name": plan.name,
        "labels": list(plan.labels),
        "unit": UNIT,
        "core": plan.core,
        "decisions": counts.decisions,
        "cost": _cost(counts) | (paths.cost(results) if results else {}),
        "maps": tables.maps(counts, watched),
        "places": places,
        "features": features,
        "trees": tables.trees(counts, watched),
        "nodes": nodes,
        "stages": tables.stages(counts, watched),
        "classes": tables.classes(counts, watched),
        "looks": looks(counts, results),
        "unused": _unused(features, places),
    }
    if watched is None or results is None:
        return found
    return found | {
        "cost_by_class": paths.by_class(watched),
        "paths": paths.distinct(results),
        "values": histograms(counts, watched),
        "first": _first(nodes),
    }


def in_brief(results: Results) -> dict[str, Any]:
    """What a fit's report says of feature access: where decisions look, which features are read, what is never used."""
    counts = count(results)
    reads = results.reads
    read_by = (reads > 0).mean(axis=0)
    names = [str(f) for f in results.plan.forest.features]
    return {
        "decisions": counts.decisions,
        "features": len(names),
        "never": [n for n, r in zip(names, read_by, strict=True) if r == 0],
        "hardly": [n for n, r in zip(names, read_by, strict=True) if 0 < r < HARDLY],
        "tiles": {"all": int(sum(len(e) for e in counts.ever.values())),
                  "ever": int(sum(e.sum() for e in counts.ever.values()))},
        "looks": looks(counts, results),
    }  # fmt: skip


def _cost(counts: Counts) -> dict[str, Any]:
    plan = counts.plan
    mean = counts.cost_sum / counts.decisions
    return {"mean": mean, "max_seen": counts.cost_max, "static_max": plan.cost_max, "static_min": plan.cost_min}


def _unused(features: list[dict[str, Any]], places: list[dict[str, Any]]) -> dict[str, Any]:
    """Features and places that no decision, or hardly any, had to do with."""
    share = "read_by" if features and features[0]["read_by"] is not None else "reads"
    return {
        "never": [f["name"] for f in features if f["reads"] == 0],
        "hardly": [f["name"] for f in features if 0 < f[share] < HARDLY],
        "places": [{key: p[key] for key in ("map", "axis", "index")} for p in places if not p["ever"]],
    }


def _first(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Comparisons that tell much for their price if every decision began with them, each feature once."""
    ranked = sorted(nodes, key=lambda row: -row["alone_bits"] / max(row["alone_price"], 1))
    chosen: dict[str, dict[str, Any]] = {}
    for row in ranked:
        chosen.setdefault(row["feature"], row)
    keys = ("feature", "threshold", "stage", "tree", "visits", "alone_bits", "alone_price")
    rows = [{key: row[key] for key in keys} for row in chosen.values() if row["alone_bits"] > 0]
    return [row | {"bits_per_million": 1e6 * row["alone_bits"] / max(row["alone_price"], 1)} for row in rows[:FIRST]]
