"""The interpreter: runs a plan. The executable specification of the generated C.

Two ways that must agree: `run` computes whole maps over a batch and derives from the forest's reads which tiles a lazy
decision would have computed; `trace` is the lazy evaluation itself, tile by tile, one clip, every request logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.plan import Plan
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.tiles import whole
from tree_backends.evaluate import decide, margin
from tree_backends.forest import VECTOR

POISON = -(2**20)
"""Outside every map's range: a value read before it was computed cannot go unnoticed."""
CHUNK = 256
"""Clips evaluated at once: bounds the memory."""


def evaluate_maps(graph: Graph, given: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Whole maps over a batch.

    given: maps that are there already, name -> integer (n, time, band, channel); the source map among them where it is
    needed (`source_map`). Returns name -> array (n, time, band, channel) of the map's dtype.
    """
    n = len(next(iter(given.values())))
    parts = [
        _evaluate_chunk(graph, {k: v[i : i + CHUNK] for k, v in given.items()}, names)
        for i in range(0, max(n, 1), CHUNK)
    ]
    return {name: np.concatenate([p[name] for p in parts]) for name in names}


def source_map(graph: Graph, pcm: np.ndarray) -> dict[str, np.ndarray]:
    """Windows, int16 (n, samples), as the source map of `graph`."""
    return {graph.source.name: pcm.reshape(len(pcm), -1, 1, 1)}


def _evaluate_chunk(graph: Graph, given: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    done = dict(given)
    for item in graph.closure(names, given):
        if item.name in done:
            continue
        sources = [graph[i] for i in item.inputs]
        result = item.op.evaluate([done[s.name] for s in sources], whole(item.value.shape), [s.value for s in sources])
        done[item.name] = result.astype(item.value.dtype)
    return {n: done[n] for n in names}


@dataclass(frozen=True, eq=False)
class Results:
    """Decisions of a batch and what they cost. Arrays (n,), scores (n, classes), reads (n, features).

    computed[map]: bool (n, tiles); asked[map]: (n, tiles) requests, so hits = asked - computed.
    """

    plan: Plan
    label: np.ndarray
    stage: np.ndarray
    margin: np.ndarray
    scores: np.ndarray
    visits: np.ndarray
    reads: np.ndarray
    computed: dict[str, np.ndarray]
    asked: dict[str, np.ndarray]

    @cached_property
    def cost(self) -> np.ndarray:
        """MACs of each decision, front end included, int64 (n,): the C's `.cost`."""
        return self.plan.macs(self.computed).astype(np.int64)

    def macs(self, families: Sequence[str]) -> np.ndarray:
        """MACs of each decision in the given op families, (n,)."""
        return self.plan.macs(self.computed, families)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """(computes, hits), each int64 (n, maps), in the order of plan.maps."""
        computes = np.stack([self.computed[m.name].sum(axis=1) for m in self.plan.maps], axis=1).astype(np.int64)
        asked = np.stack([self.asked[m.name].sum(axis=1) for m in self.plan.maps], axis=1).astype(np.int64)
        return computes, asked - computes


def run(plan: Plan, pcm: np.ndarray) -> Results:
    """Decide a batch of windows. pcm: int16 (n, samples)."""
    wanted = sorted({f.map for f in plan.forest.features} | {s.base for s in plan.forest.stages if s.base})
    return decide_on(plan, evaluate_maps(plan.graph, source_map(plan.graph, pcm), wanted))


def feature_values(plan: Plan, maps: dict[str, np.ndarray]) -> np.ndarray:
    """The forest's features from whole maps: int64 (n, features)."""
    n = len(next(iter(maps.values())))
    values = np.zeros((n, len(plan.forest.features)), dtype=np.int64)
    for column, feature in enumerate(plan.forest.features):
        values[:, column] = maps[feature.map][(slice(None), *feature.index)]
    return values


def decide_on(plan: Plan, maps: dict[str, np.ndarray]) -> Results:
    """Decide from whole maps that are there already (all maps that the forest names)."""
    found = decide(plan.forest, feature_values(plan, maps), lambda name: maps[name].reshape(len(maps[name]), -1))
    closed = plan.spread(plan.requests(found.reads, found.stage + 1))
    return Results(
        plan,
        found.label,
        found.stage,
        found.margin,
        found.scores,
        found.visits,
        found.reads,
        {name: pair[0] for name, pair in closed.items()},
        {name: pair[1] for name, pair in closed.items()},
    )


@dataclass(frozen=True)
class Event:
    """One request: kind 'compute' or 'hit', map, tile."""

    kind: str
    map: str
    tile: int


@dataclass(frozen=True)
class Trace:
    """One lazy decision: result and every request in order (a compute is logged before its inputs' requests)."""

    label: int
    stage: int
    margin: int
    scores: np.ndarray
    cost: int
    visits: int
    events: list[Event]


class _Lazy:
    """Memoized tiles of one clip."""

    def __init__(self, plan: Plan, pcm: np.ndarray) -> None:
        self.plan = plan
        self.values = {m.name: np.full((1, *m.value.shape), POISON, dtype=np.int64) for m in plan.maps}
        self.values[plan.source.name] = pcm.reshape(1, -1, 1, 1)
        self.done: set[tuple[str, int]] = set()
        self.events: list[Event] = []
        self.cost = 0
        self.inputs = {m.name: plan.graph.tile_inputs(m.name) for m in plan.maps}

    def need(self, name: str, tile: int) -> None:
        if name == self.plan.source.name:
            return
        if (name, tile) in self.done:
            self.events.append(Event("hit", name, tile))
            return
        self.done.add((name, tile))
        self.events.append(Event("compute", name, tile))
        item = self.plan.graph[name]
        self.cost += item.cost.macs
        for source, needed in self.inputs[name][tile]:
            self.need(source, needed)
        self._compute(item, tile)

    def _compute(self, item: FeatureMap, tile: int) -> None:
        box = item.grid.box(tile)
        values = [self.plan.graph[i].value for i in item.inputs]
        result = item.op.evaluate([self.values[i] for i in item.inputs], box, values)
        if result.min() < item.value.lo or result.max() > item.value.hi:
            raise AssertionError(f"map {item.name} tile {tile}: a value leaves {item.value.lo}..{item.value.hi}")
        self.values[item.name][(slice(None), *(slice(a, b) for a, b in box))] = result


def trace(plan: Plan, pcm: np.ndarray) -> Trace:
    """Decide one window lazily. pcm: int16 (samples,)."""
    lazy, forest = _Lazy(plan, pcm), plan.forest
    scores = forest.bias.astype(np.int64)
    visits = 0
    number = 0
    for number, stage in enumerate(forest.stages):  # noqa: B007  the stage that was left at
        if stage.base is not None:
            for tile in range(plan.graph[stage.base].grid.size):
                lazy.need(stage.base, tile)
            scores = scores + (lazy.values[stage.base].reshape(-1) << stage.base_shift)
        for tree in range(stage.first, stage.last):
            leaf, passed = _walk_tree(plan, lazy, int(forest.tree_root[tree]))
            visits += passed
            if forest.tree_class[tree] == VECTOR:
                scores = scores + forest.leaf_scores[leaf]
            else:
                scores[forest.tree_class[tree]] += forest.leaf_scores[leaf, 0]
        if margin(scores[None])[0] >= stage.margin:
            break
    best = int(scores.argmax())
    return Trace(best, number, int(margin(scores[None])[0]), scores, lazy.cost, visits, lazy.events)


def _walk_tree(plan: Plan, lazy: _Lazy, at: int) -> tuple[int, int]:
    forest, passed = plan.forest, 0
    while at >= 0:
        number = int(forest.node_feature[at])
        feature = forest.features[number]
        lazy.need(feature.map, int(plan.feature_tiles[number]))
        left = lazy.values[feature.map][(0, *feature.index)] <= forest.node_threshold[at]
        at = int(forest.node_left[at] if left else forest.node_right[at])
        passed += 1
    return ~at, passed
