"""The plan: graph and forest laid out for execution. Everything that the interpreter and the C backend see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen import schedule
from codegen.prices import DEFAULT_CORE, PriceError, Table, find_table
from codegen.prices.prices import Prices, prices, tree_depths
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.tiles import Grid, reads
from tree_backends.forest import Feature, Forest, ForestError

C_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
MAX_TILES, MAX_MAPS = 65535, 255


class PlanError(ValueError):
    """Graph and forest that do not fit together."""


@dataclass(frozen=True, eq=False)
class Plan:
    """name: C prefix; labels: one per class; graph and forest as trained; core: whose instructions costs are in."""

    name: str
    labels: tuple[str, ...]
    graph: Graph
    forest: Forest
    core: str = DEFAULT_CORE

    def __post_init__(self) -> None:
        if not C_NAME.match(self.name):
            raise PlanError(f"model name {self.name!r} is not a lower-case C identifier of at most 32 letters")
        if len(self.labels) != self.forest.classes:
            raise PlanError(f"{len(self.labels)} labels for {self.forest.classes} classes")
        for feature in self.forest.features:
            _check_feature(self.graph, feature)
        for stage in self.forest.stages:
            if stage.base is not None and self.graph[stage.base].value.shape != (1, 1, self.forest.classes):
                raise PlanError(f"base map {stage.base} does not hold one value per class")
        self._check_limits()

    def _check_limits(self) -> None:
        """The C stores tile and feature numbers in 16 bits, map numbers in 8, costs in 32."""
        for item in self.maps:
            if item.grid.size > MAX_TILES:
                raise PlanError(f"map {item.name} has {item.grid.size} tiles, more than {MAX_TILES}: use larger tiles")
        if len(self.maps) > MAX_MAPS or len(self.forest.features) > MAX_TILES:
            named = f"{len(self.maps)} maps and {len(self.forest.features)} features"
            raise PlanError(f"{named} are more than the C can name")
        if max(self.cost_max, self.cost_eager_max) >= 2**32:
            raise PlanError("a decision could cost more than 2**32 instructions: use a smaller trunk or window")

    @cached_property
    def source(self) -> FeatureMap:
        """The map of samples."""
        return self.graph.source

    @cached_property
    def named(self) -> list[str]:
        """The maps that the forest names, those of its features and its bases, sorted."""
        return sorted({f.map for f in self.forest.features} | {s.base for s in self.forest.stages if s.base})

    @cached_property
    def maps(self) -> list[FeatureMap]:
        """Computed maps (the source left out) that the forest can reach, in topological order."""
        return [m for m in self.graph.closure(self.named) if m.op.family != "source"]

    @cached_property
    def _op_inputs(self) -> dict[str, schedule.TileInputs]:
        return {m.name: self.graph.tile_inputs(m.name) for m in self.maps}

    @cached_property
    def scheduled(self) -> dict[str, int]:
        """Scheduled map -> the stage at whose start it is computed whole; see codegen.schedule."""
        return schedule.scheduled(self.graph, self.forest, self.maps, self._op_inputs)

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """The tiles of each map that the plan works with: the op's, or one that covers the map."""
        return schedule.plan_grids(self.graph, self.forest, self.maps, self._op_inputs, self.scheduled)

    @cached_property
    def steps(self) -> list[schedule.Step]:
        """The steps of a decision that runs all stages, in order."""
        return schedule.steps(self.graph, self.forest, self.maps, self.scheduled)

    @cached_property
    def used(self) -> list[FeatureMap]:
        """The maps that a decision can touch, in topological order: all but those that no node reads."""
        touched = {name for step in self.steps for name in step.touched}
        return [m for m in self.maps if m.name in touched]

    def on_demand(self, name: str) -> bool:
        """Whether a map is asked for by tile (or as a whole, at any time), so that it has a memo."""
        return name != self.source.name and name not in self.scheduled

    @cached_property
    def feature_tiles(self) -> np.ndarray:
        """Tile number of each forest feature within its map, int64 (features,)."""
        return np.array([self.grids[f.map].tile_of(f.index) for f in self.forest.features], dtype=np.int64)

    @cached_property
    def tile_inputs(self) -> dict[str, schedule.TileInputs]:
        """map -> for each of the plan's tiles: the (map, tile) pairs that it asks for, in order.

        Only maps on demand are asked for; samples and scheduled maps are there.
        """
        return {m.name: [self._asked_by(m, tile) for tile in range(self.grids[m.name].size)] for m in self.maps}

    def _asked_by(self, item: FeatureMap, tile: int) -> list[tuple[str, int]]:
        box, asked = self.grids[item.name].box(tile), []
        for name, rule in zip(item.inputs, item.rules, strict=True):
            if self.on_demand(name):
                grid = self.grids[name]
                asked += [(name, t) for t in grid.tiles_in(reads(rule, box, grid.shape))]
        return asked

    @cached_property
    def asked(self) -> dict[str, dict[str, np.ndarray]]:
        """asked[map][input]: float32 (tiles of map, tiles of input), 1 where computing the tile asks for the input."""
        result: dict[str, dict[str, np.ndarray]] = {}
        for item in self.maps:
            size = self.grids[item.name].size
            own = {i: np.zeros((size, self.grids[i].size), dtype=np.float32) for i in item.inputs if self.on_demand(i)}
            for tile, pairs in enumerate(self.tile_inputs[item.name]):
                for source, needed in pairs:
                    own[source][tile, needed] += 1
            result[item.name] = own
        return result

    def requests(self, features: np.ndarray, stages_entered: np.ndarray) -> dict[str, np.ndarray]:
        """What the forest asks for directly: map -> (n, tiles) counts. A scheduled map is asked for once, by its stage.

        features: (n, features) feature reads; stages_entered: (n,) stages run, whose base maps are read whole.
        """
        result = {name: np.zeros((len(features), grid.size), dtype=np.float32) for name, grid in self.grids.items()}
        for name, number in self.scheduled.items():
            result[name][:, 0] = stages_entered > number
        for column, (feature, tile) in enumerate(zip(self.forest.features, self.feature_tiles, strict=True)):
            if self.on_demand(feature.map):
                result[feature.map][:, tile] += features[:, column]
        for number, stage in enumerate(self.forest.stages):
            if stage.base is not None and self.on_demand(stage.base):
                result[stage.base] += (stages_entered > number)[:, None]
        return result

    def spread(self, requests: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Close requests over the graph: map -> (computed (n, tiles) bool, requests (n, tiles) counts)."""
        total = {name: counts.copy() for name, counts in requests.items()}
        result = {}
        for item in reversed(self.maps):
            computed = total[item.name] > 0
            result[item.name] = (computed, total[item.name])
            for source, matrix in self.asked[item.name].items():
                total[source] += computed.astype(np.float32) @ matrix
        return result

    def tiles_of(self, features: Iterable[int], stages: int) -> dict[str, np.ndarray]:
        """The tiles that entering `stages` stages and reading `features` closes over: map -> (tiles,) bool."""
        reads_once = np.zeros((1, len(self.forest.features)), dtype=np.float32)
        reads_once[0, list(features)] = 1
        closed = self.spread(self.requests(reads_once, np.array([stages])))
        return {name: computed[0] for name, (computed, _) in closed.items()}

    @cached_property
    def table(self) -> Table:
        """The price table of the core. Raises PlanError."""
        try:
            return find_table(self.core)
        except PriceError as error:
            raise PlanError(str(error)) from None

    @cached_property
    def prices(self) -> Prices:
        """What each part of a decision costs, in instructions of the core. Raises PlanError."""
        try:
            return prices(self, self.table)
        except PriceError as error:
            raise PlanError(str(error)) from None

    def price(self, name: str) -> int:
        """Instructions for one of the plan's tiles of a map."""
        return self.prices.tiles[name]

    def tile_macs(self, name: str) -> int:
        """Multiply-accumulates of one of the plan's tiles of a map."""
        item = self.graph[name]
        return item.cost.macs * (item.grid.size if self.grids[name].size == 1 else 1)

    def _of(self, families: Sequence[str] | None) -> list[FeatureMap]:
        return [m for m in self.maps if families is None or m.op.family in families]

    def tiles_cost(self, tiles: dict[str, np.ndarray], families: Sequence[str] | None = None) -> np.ndarray:
        """Instructions for computed tiles, map -> (..., tiles) bool; all families or the given ones."""
        return np.sum([tiles[m.name].sum(axis=-1) * self.price(m.name) for m in self._of(families)], axis=0)

    def macs(self, tiles: dict[str, np.ndarray], families: Sequence[str] | None = None) -> np.ndarray:
        """Multiply-accumulates of computed tiles, map -> (..., tiles) bool; all families or the given ones."""
        return np.sum([tiles[m.name].sum(axis=-1) * self.tile_macs(m.name) for m in self._of(families)], axis=0)

    def reachable(self, stages: int) -> dict[str, np.ndarray]:
        """The tiles that a decision of at most `stages` stages can touch."""
        return self.tiles_of({int(f) for s in range(stages) for f in self.forest.reachable(s)}, stages)

    def bound(self, stages: int) -> int:
        """No decision that leaves after at most `stages` stages costs more: proof in codegen.prices.prices."""
        deepest = int(tree_depths(self.forest)[1][: self.forest.stages[stages - 1].last].sum())
        fixed = self.prices.begin + sum(self.prices.stages[:stages]) + self.prices.visit * deepest
        return fixed + int(self.tiles_cost(self.reachable(stages)))

    @cached_property
    def cost_max(self) -> int:
        """No decision costs more, in instructions."""
        return self.bound(len(self.forest.stages))

    @cached_property
    def cost_min(self) -> int:
        """No decision costs less: the first stage, each tree's shallowest path, what the roots and the base need."""
        shallowest = int(tree_depths(self.forest)[0][: self.forest.stages[0].last].sum())
        fixed = self.prices.begin + self.prices.stages[0] + self.prices.visit * shallowest
        return fixed + int(self.tiles_cost(self.tiles_of(map(int, self.forest.roots(0)), 1)))

    @cached_property
    def cost_eager(self) -> int:
        """Instructions for every map that a decision can touch, each computed whole by one call."""
        return sum(self.prices.whole[m.name] for m in self.used)

    @cached_property
    def cost_eager_max(self) -> int:
        """No eager decision costs more."""
        return self.cost_max - int(self.tiles_cost(self.reachable(len(self.forest.stages)))) + self.cost_eager


def _check_feature(graph: Graph, feature: Feature) -> None:
    if feature.map not in graph:
        raise ForestError(
            f"feature {feature}: map {feature.map} is not in the graph: refit, or pass the graph used for fitting"
        )
    item = graph[feature.map]
    if any(not 0 <= i < s for i, s in zip(feature.index, item.value.shape, strict=True)):
        raise ForestError(f"feature {feature} lies outside its map of shape {item.value.shape}: refit")
    if item.op.family == "source":
        raise ForestError(f"feature {feature} is a raw sample: trees read computed maps only")
