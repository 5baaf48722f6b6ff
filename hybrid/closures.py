"""What single features close over: the share of the trunk's work and of the frames that one of them alone needs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from codegen.prices import Table
from feature_extractors.graph import Graph
from hybrid.candidates import describe, kind_of
from tree_backends.forest import Feature

SAMPLES = 9
"""Elements looked at per map, evenly spread: edges and middle."""


class Closures:
    """Tiles that features need, over one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._inputs = {m.name: graph.tile_inputs(m.name) for m in graph if m.op.family != "source"}

    def tiles(self, feature: Feature) -> set[tuple[str, int]]:
        """All (map, tile) that computing the feature alone computes."""
        start = (feature.map, self.graph[feature.map].grid.tile_of(feature.index))
        found, stack = {start}, [start]
        while stack:
            name, tile = stack.pop()
            new = {p for p in self._inputs[name][tile] if p[0] in self._inputs} - found
            found |= new
            stack += new
        return found

    def macs(self, feature: Feature, families: tuple[str, ...] = ("front end", "trunk", "affine")) -> int:
        """Price of the feature alone."""
        items = (self.graph[name] for name, _ in self.tiles(feature))
        return sum(m.cost.macs for m in items if m.op.family in families)

    def instructions(self, feature: Feature, table: Table) -> int:
        """What the tiles that the feature alone needs take on a core, requests and memos left out."""
        total = 0
        for name, tile in self.tiles(feature):
            item = self.graph[name]
            total += table.price(item.op.work([self.graph[i].value for i in item.inputs], item.grid.box(tile)))
        return total

    def table(self) -> list[dict[str, Any]]:
        """Per kind of feature: how many there are, mean share of the trunk's MACs and of the log-mel frames."""
        trunk = sum(m.grid.size * m.cost.macs for m in self.graph if m.op.family == "trunk")
        frames = sum(m.grid.size for m in self.graph if m.op.name == "log_mel")
        shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
        counts: dict[str, int] = defaultdict(int)
        for item in self.graph:
            if not kind_of(self.graph, item):
                continue
            count = int(np.prod(item.value.shape))
            kind = describe(self.graph, Feature(item.name, (0, 0, 0)))
            counts[kind] += count
            for flat in np.unique(np.linspace(0, count - 1, min(SAMPLES, count)).astype(int)):
                time, band, channel = (int(i) for i in np.unravel_index(flat, item.value.shape))
                feature = Feature(item.name, (time, band, channel))
                seen = sum(self.graph[n].op.name == "log_mel" for n, _ in self.tiles(feature))
                shares[kind].append((self.macs(feature, ("trunk",)) / max(trunk, 1), seen / max(frames, 1)))
        return [
            {
                "kind": kind,
                "features": counts[kind],
                "trunk_share": float(np.mean([t for t, _ in found])),
                "frame_share": float(np.mean([f for _, f in found])),
            }
            for kind, found in shares.items()
        ]
