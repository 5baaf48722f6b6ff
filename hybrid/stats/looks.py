"""Where in time and frequency decisions look: cells of the maps that are computed from the samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen.interpret import Results
from codegen.plan import Plan
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import reads
from hybrid.stats.counts import Counts


def first_maps(plan: Plan) -> list[FeatureMap]:
    """The maps that are computed from the samples: log-mel frames, energies."""
    return [m for m in plan.maps if plan.source.name in m.inputs]


def looks(counts: Counts, results: Results | None) -> list[dict[str, Any]]:
    """Per map computed from the samples: over time x band, the share of decisions that look at a cell.

    A decision looks at a cell if a tile that it computed reads it by its map's rule, or a tree reads it as a feature.
    Without the decisions (a device's totals): 1 where any decision looked, else 0; `exact` says which. `computed`: the
    same of cells that were computed; `read`: how often a decision's trees read a cell as a feature.
    """
    return [
        {
            "map": item.name,
            "op": item.op.name,
            "exact": results is not None,
            "looked": _grid(_looked(counts, item, results), item),
            "computed": _grid(_computed(counts, item, results), item),
            "read": _grid(_read(counts, item), item),
        }
        for item in first_maps(counts.plan)
    ]


def _grid(cells: np.ndarray, item: FeatureMap) -> list[list[float]]:
    """Shares (time * band,) as rows of bands."""
    times, bands, _ = item.value.shape
    return [[round(float(v), 4) for v in row] for row in cells.reshape(times, bands)]


def _computed(counts: Counts, item: FeatureMap, results: Results | None) -> np.ndarray:
    tiles = counts.ever[item.name][None] if results is None else results.computed[item.name]
    return _seen(tiles, covers(counts.plan, item)).mean(axis=0)


def _read(counts: Counts, item: FeatureMap) -> np.ndarray:
    cells = np.zeros(item.value.shape[:2])
    for number, feature in enumerate(counts.plan.forest.features):
        if feature.map == item.name:
            cells[feature.index[:2]] += counts.reads[number] / counts.decisions
    return cells.reshape(-1)


def _looked(counts: Counts, item: FeatureMap, results: Results | None) -> np.ndarray:
    plan = counts.plan
    seen = np.zeros((1 if results is None else counts.decisions, item.value.shape[0] * item.value.shape[1]), bool)
    for reader in plan.maps:
        if item.name in reader.inputs:
            tiles = counts.ever[reader.name][None] if results is None else results.computed[reader.name]
            seen |= _seen(tiles, cells_read(plan, reader, item))
    for column, feature in enumerate(plan.forest.features):
        if feature.map == item.name:
            read = counts.reads[None, column] if results is None else results.reads[:, column]
            seen[:, feature.index[0] * item.value.shape[1] + feature.index[1]] |= read > 0
    if any(stage.base == item.name for stage in plan.forest.stages):
        seen |= _seen(counts.ever[item.name][None] if results is None else results.computed[item.name],
                      covers(plan, item))  # fmt: skip
    return seen.mean(axis=0)


def _seen(tiles: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Cells (n, time * band) that any of the tiles (n, tiles) has to do with. cells: bool (tiles, time * band)."""
    return (tiles.astype(np.float32) @ cells.astype(np.float32)) > 0


def covers(plan: Plan, item: FeatureMap) -> np.ndarray:
    """bool (tiles, time * band): the cells of a map that each of its tiles covers."""
    result = np.zeros((plan.grids[item.name].size, *item.value.shape[:2]), dtype=bool)
    for tile in range(len(result)):
        (t0, t1), (b0, b1), _ = plan.grids[item.name].box(tile)
        result[tile, t0:t1, b0:b1] = True
    return result.reshape(len(result), -1)


def cells_read(plan: Plan, reader: FeatureMap, item: FeatureMap) -> np.ndarray:
    """bool (tiles of reader, time * band of item): the cells that computing each tile reads."""
    result = np.zeros((plan.grids[reader.name].size, *item.value.shape[:2]), dtype=bool)
    for name, rule in zip(reader.inputs, reader.rules, strict=True):
        for tile in range(len(result) if name == item.name else 0):
            (t0, t1), (b0, b1), _ = reads(rule, plan.grids[reader.name].box(tile), item.value.shape)
            result[tile, t0:t1, b0:b1] = True
    return result.reshape(len(result), -1)
