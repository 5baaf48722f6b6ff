"""When maps are computed: whole at the start of a stage, in a fixed order, or tile by tile when something asks.

A map that a stage's base closes over altogether, and that nothing can ask for before, is *scheduled*: the stage
computes it whole before it does anything else, so nobody needs to ask whether it is there. That computes no tile more
than asking would. All other maps are *on demand*: their tiles are memoized. Where every request for such a map is for
all of it, its tiles are made one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.tiles import Grid, reads, whole
from tree_backends.forest import Forest

TileInputs = list[list[tuple[str, int]]]
"""For each tile of a map: the (map, tile) pairs that it reads, by the tiles of the ops."""


@dataclass(frozen=True)
class Step:
    """A part of a decision during which no memory changes its owner.

    A step computes one scheduled map (`map`), or runs the scores and trees of `stage` (`map` is None). `touched`: all
    maps that may be read or written meanwhile, in the order of the plan.
    """

    stage: int
    map: str | None
    touched: tuple[str, ...]


def asked_maps(forest: Forest, stage: int) -> set[str]:
    """The maps that a stage asks for itself: its base and what its nodes read."""
    base = forest.stages[stage].base
    return {forest.features[i].map for i in forest.reachable(stage)} | ({base} if base else set())


def scheduled(
    graph: Graph, forest: Forest, maps: Sequence[FeatureMap], inputs: Mapping[str, TileInputs]
) -> dict[str, int]:
    """Scheduled map -> the stage at whose start it is computed. maps: of the plan, in topological order."""
    result: dict[str, int] = {}
    seen: set[str] = set()
    for number, stage in enumerate(forest.stages):
        if stage.base is not None:
            asked = _tiles_below(graph, stage.base, maps, inputs)
            covered = [m for m in maps if m.name not in seen and asked[m.name].all()]
            result |= {m.name: number for m in covered if _joins(graph, m, inputs[m.name])}
        seen |= {m.name for m in graph.closure(asked_maps(forest, number))}
    return result


def _tiles_below(
    graph: Graph, base: str, maps: Sequence[FeatureMap], inputs: Mapping[str, TileInputs]
) -> dict[str, np.ndarray]:
    """map -> bool (op tiles,): what the whole of map `base` closes over."""
    found = {m.name: np.full(m.grid.size, m.name == base) for m in maps}
    for item in reversed(maps):
        for tile in np.flatnonzero(found[item.name]):
            for source, needed in inputs[item.name][tile]:
                if source in found:
                    found[source][needed] = True
    return found


def _joins(graph: Graph, item: FeatureMap, inputs: TileInputs) -> bool:
    """Whether one tile in place of all asks for no more: not so where a stride steps over input tiles."""
    together = set()
    for name, rule in zip(item.inputs, item.rules, strict=True):
        grid = graph[name].grid
        together |= {(name, tile) for tile in grid.tiles_in(reads(rule, whole(item.value.shape), grid.shape))}
    return together == {pair for row in inputs for pair in row}


def plan_grids(
    graph: Graph,
    forest: Forest,
    maps: Sequence[FeatureMap],
    inputs: Mapping[str, TileInputs],
    fixed: Mapping[str, int],
) -> dict[str, Grid]:
    """The tiles that the plan works with: one that covers the map, where it is only ever asked for as a whole."""
    one = {m.name: Grid(m.grid.shape, m.grid.shape) for m in maps}
    read = {f.map for f in forest.features}
    result: dict[str, Grid] = {}
    for item in reversed(maps):
        readers = [m for m in maps if item.name in m.inputs]
        alone = item.name not in read and all(_reads_all(item, r, result[r.name], inputs[r.name]) for r in readers)
        joined = item.name in fixed or (alone and _joins(graph, item, inputs[item.name]))
        result[item.name] = one[item.name] if joined else item.grid
    return {m.name: result[m.name] for m in maps}


def _reads_all(item: FeatureMap, reader: FeatureMap, grid: Grid, inputs: TileInputs) -> bool:
    """Whether every tile of `reader`, which has the plan's tiles `grid`, reads all tiles of `item`."""
    per_tile = [{tile for source, tile in row if source == item.name} for row in inputs]
    if grid.size == 1:
        per_tile = [set().union(*per_tile)]
    return all(len(tiles) == item.grid.size for tiles in per_tile)


def steps(graph: Graph, forest: Forest, maps: Sequence[FeatureMap], fixed: Mapping[str, int]) -> list[Step]:
    """The steps of a decision that runs all stages. A scheduled map's step comes where the C computes it."""
    computed = {m.name for m in maps}
    order = {m.name: i for i, m in enumerate(maps)}

    def touched(names: set[str]) -> tuple[str, ...]:
        """The maps, what they read, and on through the maps on demand, which may be computed meanwhile."""
        stack, found = list(names), set(names)
        while stack:
            name = stack.pop()
            new = {i for i in graph[name].inputs if i in computed} - found
            found |= new
            stack += [n for n in new if n not in fixed]
        return tuple(sorted(found, key=order.__getitem__))

    result = []
    for number in range(len(forest.stages)):
        result += [Step(number, m.name, touched({m.name})) for m in maps if fixed.get(m.name) == number]
        own = asked_maps(forest, number)
        result.append(Step(number, None, tuple(sorted(own | set(touched(own - set(fixed))), key=order.__getitem__))))
    return result
