"""Marginal prices: what reading a feature costs a decision that has computed some tiles already.

A feature closes over tiles: its own and all that these are computed from. Read after others, it costs only those of
its tiles that are not there yet, so a price is a sum over tiles, and the mean over decisions follows from the share of
them that has each tile: sum over tiles of price * (1 - share).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from codegen.plan import Plan
from codegen.prices import DEFAULT_CORE
from feature_extractors.graph import Graph
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature

CHUNK = 4096
"""Rows closed over at once: bounds the memory."""


class Market:
    """Prices of features on a graph, for decisions that run stages with the given bases.

    offered: for each stage the features that it adds; bases: for each stage the map that it begins with, or None. What
    a base closes over whole before anything else can ask for it is computed by the stage (codegen.schedule): features
    of it are free there, and so it is for the tiles that `entered` says. Raises PlanError for features that the graph
    lacks.
    """

    def __init__(
        self,
        graph: Graph,
        offered: Sequence[Sequence[Feature]],
        bases: Sequence[str | None],
        classes: int,
        core: str = DEFAULT_CORE,
    ) -> None:
        self.features = [f for group in offered for f in group]
        self.plan = _reads_all(graph, offered, bases, classes, core)
        self.visit = self.plan.prices.visit

    @cached_property
    def _columns(self) -> dict[str, slice]:
        ends = np.cumsum([0, *(self.plan.grids[m.name].size for m in self.plan.maps)]).tolist()
        return {m.name: slice(a, b) for m, a, b in zip(self.plan.maps, ends, ends[1:], strict=False)}

    @cached_property
    def price(self) -> np.ndarray:
        """Instructions of each tile, float32 (tiles,): the tiles of all maps of the plan, one map after the other."""
        each = [np.full(self.plan.grids[m.name].size, self.plan.price(m.name)) for m in self.plan.maps]
        return np.concatenate(each).astype(np.float32)

    @cached_property
    def closure(self) -> np.ndarray:
        """bool (features, tiles): the tiles that each feature closes over, those that its stage computes left out."""
        order = {f: i for i, f in enumerate(self.plan.forest.features)}
        reads = np.zeros((len(self.features), len(order)), dtype=np.float32)
        reads[np.arange(len(self.features)), [order[f] for f in self.features]] = 1
        return np.concatenate([self._closed(reads[i : i + CHUNK], 0) for i in range(0, len(reads), CHUNK)])

    def _closed(self, reads: np.ndarray, stages: int) -> np.ndarray:
        found = self.plan.spread(self.plan.requests(reads, np.full(len(reads), stages)))
        return np.concatenate([found[m.name][0] for m in self.plan.maps], axis=1)

    def entered(self, stages: int) -> np.ndarray:
        """The tiles that every decision has which enters `stages` stages, bool (tiles,)."""
        return self._closed(np.zeros((1, len(self.plan.forest.features)), dtype=np.float32), stages)[0]

    def bought(self, reads: np.ndarray) -> np.ndarray:
        """The tiles that reading features computes, bool (n, tiles). reads: (n, features), nonzero where read."""
        used = np.flatnonzero((reads != 0).any(axis=0))
        closure = self.closure[used].astype(np.float32)
        return (reads[:, used] != 0).astype(np.float32) @ closure > 0

    def marginal(self, had: np.ndarray) -> np.ndarray:
        """What each feature still costs, in instructions: float32 (features,) or (n, features).

        had: (tiles,) or (n, tiles), 1 where a tile is there; shares of decisions give the mean price over these.
        """
        return (1 - had.astype(np.float32)) @ self._weighted.T

    @cached_property
    def _weighted(self) -> np.ndarray:
        return self.closure * self.price

    def spent(self, had: np.ndarray) -> np.ndarray:
        """Instructions of the tiles that are there, float32 (n,). had: bool (n, tiles)."""
        return had.astype(np.float32) @ self.price


def _reads_all(
    graph: Graph, offered: Sequence[Sequence[Feature]], bases: Sequence[str | None], classes: int, core: str
) -> Plan:
    """A plan whose stages read every feature that they are offered."""
    features = [f for group in offered for f in group]
    builder = ForestBuilder(classes, features, 1.0)
    number = 0
    for group, base in zip(offered, bases, strict=True):
        for _ in group:
            node = builder.node()
            builder.set_node(node, number, 0, builder.leaf(0.0), builder.leaf(0.0))
            builder.tree(node, 0)
            number += 1
        builder.stage(base, 0)
    return Plan("market", tuple(f"c{i}" for i in range(classes)), graph, builder.finish(), core)
