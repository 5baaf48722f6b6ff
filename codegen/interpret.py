"""The interpreter: runs a plan. The executable specification of the generated C.

Two ways that must agree: `run` computes whole maps over a batch and derives from the forest's reads which tiles a lazy
decision would have computed; `trace` is the lazy evaluation itself, one clip, stage by stage and tile by tile, every
request logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.anytime import Anytime, Inside, progress
from codegen.plan import Plan, PlanError
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.tiles import Box, whole
from tree_backends.evaluate import decide, leaves_after, margin
from tree_backends.forest import VECTOR, Feature

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

    computed[map]: bool (n, tiles of the plan); asked[map]: (n, tiles) requests, so hits = asked - computed.
    node_visits: int64 (nodes,), how often the batch passed each node.
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
    node_visits: np.ndarray

    @cached_property
    def cost(self) -> np.ndarray:
        """Instructions of each decision by the plan's prices, int64 (n,): the C's `.cost`."""
        return self.control + self.plan.tiles_cost(self.computed).astype(np.int64)

    @cached_property
    def control(self) -> np.ndarray:
        """What of the cost no tile is: begin, stages and nodes, int64 (n,)."""
        prices = self.plan.prices
        return prices.begin + np.cumsum(prices.stages)[self.stage] + prices.visit * self.visits.astype(np.int64)

    @cached_property
    def eager_cost(self) -> np.ndarray:
        """Instructions of each decision with every map computed whole first, int64 (n,)."""
        return self.control + self.plan.cost_eager

    def tiles_cost(self, families: Sequence[str] | None = None) -> np.ndarray:
        """Instructions for the tiles of each decision in the given op families, or in all, (n,)."""
        return self.plan.tiles_cost(self.computed, families)

    def macs(self, families: Sequence[str] | None = None) -> np.ndarray:
        """Multiply-accumulates of each decision in the given op families, or in all, (n,)."""
        return self.plan.macs(self.computed, families)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """(computes, hits), each int64 (n, maps), in the order of plan.maps."""
        computes = np.stack([self.computed[m.name].sum(axis=1) for m in self.plan.maps], axis=1).astype(np.int64)
        asked = np.stack([self.asked[m.name].sum(axis=1) for m in self.plan.maps], axis=1).astype(np.int64)
        return computes, asked - computes


def run(plan: Plan, pcm: np.ndarray) -> Results:
    """Decide a batch of windows. pcm: int16 (n, samples). Raises PlanError where the forest reads no map."""
    return decide_on(plan, named_maps(plan, pcm))


def named_maps(plan: Plan, pcm: np.ndarray) -> dict[str, np.ndarray]:
    """Whole maps of windows, int16 (n, samples), that the forest names. Raises PlanError where it names none."""
    if not plan.named:
        raise PlanError(
            f"model {plan.name}: no tree has a split and no stage a base map, so there is nothing to compute: "
            f"train on more or other data"
        )
    return evaluate_maps(plan.graph, source_map(plan.graph, pcm), plan.named)


def values_of(maps: dict[str, np.ndarray], features: Sequence[Feature]) -> np.ndarray:
    """Features from whole maps, which are of 8 or 16 bits: int32 (n, features). maps: one at least."""
    n = len(next(iter(maps.values())))
    values = np.zeros((n, len(features)), dtype=np.int32)
    for column, feature in enumerate(features):
        values[:, column] = maps[feature.map][(slice(None), *feature.index)]
    return values


def decide_on(plan: Plan, maps: dict[str, np.ndarray]) -> Results:
    """Decide from whole maps that are there already (all maps that the forest names)."""
    values = values_of(maps, plan.forest.features)
    found = decide(plan.forest, values, lambda name: maps[name].reshape(len(maps[name]), -1))
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
        found.node_visits,
    )


@dataclass(frozen=True)
class Event:
    """A tile computed, or found in its memo: kind 'compute' or 'hit', map, tile. Scheduled maps have no memo to hit."""

    kind: str
    map: str
    tile: int


@dataclass(frozen=True)
class Trace:
    """One lazy decision: result and every event in order (a compute is logged before its inputs' events)."""

    label: int
    stage: int
    margin: int
    scores: np.ndarray
    cost: int
    visits: int
    events: list[Event]


class Lazy:
    """The maps of one clip, computed as the plan says. values[map]: int64 (1, *shape), poison where not computed.

    given: maps that are there already, the samples or what is computed from them; nobody asks for these.
    """

    def __init__(self, plan: Plan, given: dict[str, np.ndarray]) -> None:
        self.plan, self.given = plan, given
        self.values = {m.name: np.full((1, *m.value.shape), POISON, dtype=np.int64) for m in plan.maps} | given
        self.done: set[tuple[str, int]] = set()
        self.events: list[Event] = []
        self.cost = plan.prices.begin

    def enter(self, stage: int) -> None:
        """Compute what the stage needs before its trees: scheduled maps, and its base."""
        plan, base = self.plan, self.plan.forest.stages[stage].base
        self.cost += self.stage_price(stage)
        for item in plan.maps:
            if plan.scheduled.get(item.name) == stage and item.name not in self.given:
                self.scheduled(item)
        if base is not None and plan.on_demand(base):
            for tile in range(plan.grids[base].size):
                self.need(base, tile)

    def stage_price(self, stage: int) -> int:
        """What the stage costs beside nodes and tiles."""
        return self.plan.prices.stages[stage]

    def gap_prices(self, stage: int) -> int:
        """What the maps of a stage cost that a stream need not compute whole; nothing here has gaps."""
        return 0

    def scheduled(self, item: FeatureMap) -> None:
        """Compute a scheduled map."""
        self._tile(item.name, 0)

    def base(self, stage: int) -> np.ndarray:
        """What the stage's base adds to the scores, int64 (classes,)."""
        chosen = self.plan.forest.stages[stage]
        assert chosen.base is not None
        return self.values[chosen.base].reshape(-1) << chosen.base_shift

    def feature(self, number: int) -> int:
        """The value of a feature of the forest, computed if it is not there."""
        feature = self.plan.forest.features[number]
        if self.plan.on_demand(feature.map):
            self.need(feature.map, int(self.plan.feature_tiles[number]))
        return int(self.values[feature.map][(0, *feature.index)])

    def need(self, name: str, tile: int) -> None:
        """Ask for a tile of a map on demand."""
        if name in self.given:
            return
        if (name, tile) in self.done:
            self.events.append(Event("hit", name, tile))
            return
        self.done.add((name, tile))
        self._tile(name, tile)

    def _tile(self, name: str, tile: int) -> None:
        self.events.append(Event("compute", name, tile))
        self.cost += self.plan.price(name)
        for source, needed in self.plan.tile_inputs[name][tile]:
            self.need(source, needed)
        self.compute(self.plan.graph[name], self.plan.grids[name].box(tile))

    def compute(self, item: FeatureMap, box: Box) -> None:
        """Compute a box of a map whose inputs are there."""
        values = [self.plan.graph[i].value for i in item.inputs]
        result = item.op.evaluate([self.values[i] for i in item.inputs], box, values)
        if result.min() < item.value.lo or result.max() > item.value.hi:
            raise AssertionError(f"map {item.name} box {box}: a value leaves {item.value.lo}..{item.value.hi}")
        self.values[item.name][(slice(None), *(slice(a, b) for a, b in box))] = result


def trace(plan: Plan, pcm: np.ndarray) -> Trace:
    """Decide one window lazily. pcm: int16 (samples,)."""
    return decide_lazily(Lazy(plan, source_map(plan.graph, pcm[None])))


def trace_within(plan: Plan, pcm: np.ndarray, budget: int) -> Trace:
    """Decide one window lazily inside a budget of instructions. pcm: int16 (samples,). Stage -1: the prior's answer."""
    return decide_within(Lazy(plan, source_map(plan.graph, pcm[None])), Anytime(plan), budget)


def run_within(plan: Plan, pcm: np.ndarray, budget: int) -> Inside:
    """Decide a batch of windows inside a budget of instructions. pcm: int16 (n, samples). Raises PlanError as `run`."""
    maps = named_maps(plan, pcm)
    return progress(plan, values_of(maps, plan.forest.features), maps).inside(budget)


def decide_lazily(lazy: Lazy) -> Trace:
    """Run the stages with their exits on maps that are computed as they are needed."""
    forest = lazy.plan.forest
    scores, visits, number = forest.bias.astype(np.int64), 0, 0
    for number, stage in enumerate(forest.stages):
        lazy.enter(number)
        if stage.base is not None:
            scores = scores + lazy.base(number)
        scores, passed = _run_trees(lazy, stage.first, stage.last, scores)
        visits += passed
        if leaves_after(forest, number, scores[None])[0]:
            break
    return _ended(lazy, number, scores, visits)


def decide_within(lazy: Lazy, how: Anytime, budget: int) -> Trace:
    """The same inside a budget of instructions: no step begins that could leave it; see codegen.anytime."""
    forest = lazy.plan.forest
    scores, visits, number = forest.bias.astype(np.int64), 0, -1
    lazy.cost += how.overhead
    for step, after in zip(how.steps, [*how.steps[1:], None], strict=True):
        if not how.affords(step, lazy.cost, budget, lazy.gap_prices(step.stage) if step.opens else 0):
            break
        number, stage = step.stage, forest.stages[step.stage]
        if step.opens:
            lazy.enter(number)
            scores = scores + lazy.base(number) if stage.base is not None else scores
        else:
            scores, passed = _run_trees(lazy, step.first, step.last, scores)
            visits += passed
        if (after is None or after.opens) and leaves_after(forest, number, scores[None])[0]:
            break
    if number < 0:
        return Trace(forest.prior, -1, 0, scores, how.answer, 0, [])
    return _ended(lazy, number, scores, visits)


def _ended(lazy: Lazy, stage: int, scores: np.ndarray, visits: int) -> Trace:
    best = int(scores.argmax())
    return Trace(best, stage, int(margin(scores[None])[0]), scores, lazy.cost, visits, lazy.events)


def _run_trees(lazy: Lazy, first: int, last: int, scores: np.ndarray) -> tuple[np.ndarray, int]:
    """The scores after trees [first, last), and the nodes visited."""
    forest, visits, scores = lazy.plan.forest, 0, scores.copy()
    for tree in range(first, last):
        leaf, passed = _walk_tree(lazy, int(forest.tree_root[tree]))
        visits += passed
        if forest.tree_class[tree] == VECTOR:
            scores += forest.leaf_scores[leaf]
        else:
            scores[forest.tree_class[tree]] += forest.leaf_scores[leaf, 0]
    return scores, visits


def _walk_tree(lazy: Lazy, at: int) -> tuple[int, int]:
    forest, passed = lazy.plan.forest, 0
    while at >= 0:
        lazy.cost += lazy.plan.prices.visit
        left = lazy.feature(int(forest.node_feature[at])) <= forest.node_threshold[at]
        at = int(forest.node_left[at] if left else forest.node_right[at])
        passed += 1
    return ~at, passed
