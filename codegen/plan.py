"""The plan: graph and forest laid out for execution. Everything that the interpreter and the C backend see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from feature_extractors.graph import FeatureMap, Graph
from tree_backends.forest import Feature, Forest, ForestError

C_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
MAX_TILES, MAX_MAPS = 65535, 255
BYTES = {"uint8": 1, "int8": 1, "int16": 2}


class PlanError(ValueError):
    """Graph and forest that do not fit together."""


@dataclass(frozen=True, eq=False)
class Plan:
    """name: C prefix; labels: one per class; graph and forest as trained."""

    name: str
    labels: tuple[str, ...]
    graph: Graph
    forest: Forest

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
        if sum(m.grid.size * m.cost.macs for m in self.maps) >= 2**32:
            raise PlanError("a decision could cost more than 2**32 multiply-accumulates: use a smaller trunk or window")

    @cached_property
    def source(self) -> FeatureMap:
        """The map of samples."""
        return self.graph.source

    @cached_property
    def maps(self) -> list[FeatureMap]:
        """Computed maps (the source left out) that the forest can reach, in topological order."""
        named = {f.map for f in self.forest.features} | {s.base for s in self.forest.stages if s.base}
        return [m for m in self.graph.closure(sorted(named)) if m.op.family != "source"]

    @cached_property
    def feature_tiles(self) -> np.ndarray:
        """Tile number of each forest feature within its map, int64 (features,)."""
        return np.array([self.graph[f.map].grid.tile_of(f.index) for f in self.forest.features], dtype=np.int64)

    @cached_property
    def asked(self) -> dict[str, dict[str, np.ndarray]]:
        """asked[map][input]: float32 (tiles of map, tiles of input), 1 where computing the tile asks for the input."""
        result: dict[str, dict[str, np.ndarray]] = {}
        for item in self.maps:
            result[item.name] = {
                source: np.zeros((item.grid.size, self.graph[source].grid.size), dtype=np.float32)
                for source in item.inputs
                if source != self.source.name
            }
            for tile, pairs in enumerate(self.graph.tile_inputs(item.name)):
                for source, needed in pairs:
                    if source != self.source.name:
                        result[item.name][source][tile, needed] += 1
        return result

    def requests(self, reads: np.ndarray, stages_entered: np.ndarray) -> dict[str, np.ndarray]:
        """Direct requests for tiles by the forest: map -> (n, tiles) counts.

        reads: (n, features) feature reads; stages_entered: (n,) stages run, whose base maps are read whole.
        """
        result = {m.name: np.zeros((len(reads), m.grid.size), dtype=np.float32) for m in self.maps}
        for column, (feature, tile) in enumerate(zip(self.forest.features, self.feature_tiles, strict=True)):
            result[feature.map][:, tile] += reads[:, column]
        for number, stage in enumerate(self.forest.stages):
            if stage.base is not None:
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

    def tiles_of(self, features: Iterable[int], bases: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The tiles that a set of features (and base maps) closes over: map -> (tiles,) bool."""
        reads = np.zeros((1, len(self.forest.features)), dtype=np.float32)
        reads[0, list(features)] = 1
        requests = self.requests(reads, np.zeros(1))
        for base in bases:
            requests[base] += 1
        return {name: computed[0] for name, (computed, _) in self.spread(requests).items()}

    def macs(self, tiles: dict[str, np.ndarray], families: Sequence[str] | None = None) -> np.ndarray:
        """Multiply-accumulates of computed tiles, map -> (..., tiles) bool; all families or the given ones."""
        chosen = [m for m in self.maps if families is None or m.op.family in families]
        return np.sum([tiles[m.name].sum(axis=-1) * m.cost.macs for m in chosen], axis=0)

    def reachable(self, stages: int) -> dict[str, np.ndarray]:
        """The tiles that a decision of at most `stages` stages can touch."""
        features = {int(f) for s in range(stages) for f in self.forest.reachable(s)}
        return self.tiles_of(features, [s.base for s in self.forest.stages[:stages] if s.base])

    @cached_property
    def cost_max(self) -> int:
        """No decision costs more: the union of all reachable tiles, in MACs (front end included)."""
        return int(self.macs(self.reachable(len(self.forest.stages))))

    @cached_property
    def cost_min(self) -> int:
        """No decision costs less: what the roots and the base of the first stage need."""
        base = self.forest.stages[0].base
        return int(self.macs(self.tiles_of(map(int, self.forest.roots(0)), [base] if base else [])))


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
