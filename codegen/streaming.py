"""How a plan runs over a stream of samples: what is computed at each frame, and what is kept from window to window.

Maps that read the samples frame by frame are computed as soon as a frame is there; windows begin at frames. When the
window has moved on by a number of frames, a position of a map that reads no padding holds the value that another
position held before: positions inside [first, last) on both sides need not be computed again. A scheduled map is *kept*
if its bytes are worth that: it then has a *gap*, the positions that are there already. A map that only kept maps read
has the gap that they leave it, and needs no bytes for it. All gaps of a stage hold when the frames passed since the
stage last ran are a multiple of its *step*.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from codegen.memory import map_bytes
from codegen.plan import Plan, PlanError
from codegen.prices.prices import tile_work
from codegen.schedule import Step
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import TIME, AxisRule, Range, Sliding, whole

KEEP_BYTES = 4096
"""Bytes that maps kept between windows may take beside those of the frames."""
SLACK = 8
"""One row in so many is spare, so that frames move up rarely, not at each new one."""


class StreamError(PlanError):
    """A plan that cannot stream. The message says which map and why."""


@dataclass(frozen=True)
class Inner:
    """Positions [first, last) of a map that depend on frames only, never on padding; one every `frames` frames."""

    first: int
    last: int
    frames: int


@dataclass(frozen=True)
class Gap:
    """Positions [first, last - moved / frames) need not be computed when the window has moved by `moved` frames."""

    first: int
    last: int
    frames: int

    def at(self, moved: int | None, times: int) -> tuple[int, int]:
        """The positions for a move, None if nothing is there. After no move all `times` are; empty is (0, 0)."""
        if moved == 0:
            return (0, times)
        last = self.last - (0 if moved is None else moved // self.frames)
        return (self.first, last) if moved is not None and last > self.first else (0, 0)


@dataclass(frozen=True, eq=False)
class StreamPlan:
    """A plan and what streaming adds to it."""

    plan: Plan
    readers: tuple[str, ...]
    """Maps that read the samples: computed at push, a row per frame."""
    hop: int
    frame: int
    """Samples from a frame to the next, and of the longest frame: as many are kept."""
    frames: int
    """Frames of a window."""
    inner: Mapping[str, Inner]
    kept: frozenset[str]
    """Scheduled maps that are kept."""
    gaps: Mapping[str, Gap]
    """Gaps of scheduled maps, kept or not."""
    kept_tiles: tuple[str, ...]
    """Maps on demand whose tiles are kept."""

    @cached_property
    def rows(self) -> int:
        """Frames that the context has room for."""
        return self.frames + self.frames // SLACK

    def step(self, stage: int) -> int:
        """Frames: the stage's gaps hold after moves by a multiple of it."""
        kept = [n for n in self.kept if self.plan.scheduled[n] == stage]
        return math.lcm(*(self.inner[n].frames for n in kept)) if kept else 1

    @cached_property
    def stride(self) -> int:
        """Frames: decisions a multiple of it apart keep all that can be kept."""
        tiles = [self.inner[n].frames for n in self.kept_tiles]
        return math.lcm(1, *tiles, *(self.step(s) for s in range(len(self.plan.forest.stages))))

    @cached_property
    def steps(self) -> list[Step]:
        """The steps of a stream: what push computes (stage -1), then those of a decision on what is there."""
        return [Step(-1, None, self.readers), *(s for s in self.plan.steps if s.map not in self.readers)]

    @cached_property
    def always(self) -> dict[str, int]:
        """Maps that outlive a decision, and their bytes."""
        kept = {name: map_bytes(self.plan.graph[name]) for name in (*self.kept, *self.kept_tiles)}
        return kept | {name: self.rows * self.row_bytes(name) for name in self.readers}

    def row_bytes(self, name: str) -> int:
        """Bytes of one time position of a map."""
        return map_bytes(self.plan.graph[name]) // self.plan.graph[name].value.shape[TIME]

    @cached_property
    def frame_price(self) -> int:
        """What one frame costs at push."""
        return sum(self._price(self.plan.graph[name], [(0, 1)]) for name in self.readers)

    @cached_property
    def gap_prices(self) -> dict[str, tuple[int, int]]:
        """map -> (base, slope): computing all but its gap costs at most base + slope * positions moved, 1 or more."""
        return {name: self._line(name) for name in self.gaps}

    def _line(self, name: str) -> tuple[int, int]:
        """The line above the prices after every move, as low as that of the mean slope can be."""
        gap = self.gaps[name]
        prices = [self._renewal(name, by) for by in range(1, gap.last - gap.first)] or [self.plan.price(name)]
        slope = max(0, -((prices[0] - prices[-1]) // max(len(prices) - 1, 1)))
        return max(price - slope * by for by, price in enumerate(prices, 1)), slope

    def _renewal(self, name: str, by: int) -> int:
        gap, item = self.gaps[name], self.plan.graph[name]
        return self._price(item, parts_outside(gap.first, gap.last - by, item.value.shape[TIME]))

    def _price(self, item: FeatureMap, ranges: Sequence[Range]) -> int:
        """The price of computing time ranges of a map."""
        _, bands, channels = whole(item.value.shape)
        values = [self.plan.graph[i].value for i in item.inputs]
        work = Counter(tile_work(self.plan, item.name, 0))
        for times in ranges:
            work += Counter(item.op.work(values, (times, bands, channels)))
        return self.plan.table.price(work)

    @cached_property
    def decide_max(self) -> int:
        """What a decision costs at most beside its frames."""
        plan, stages = self.plan, len(self.plan.forest.stages)
        frames = {n: tiles * (n in self.readers) for n, tiles in plan.reachable(stages).items()}
        dearest = {
            n: base + slope * (self.gaps[n].last - self.gaps[n].first) for n, (base, slope) in self.gap_prices.items()
        }
        dearer = sum(max(0, price - plan.price(name)) for name, price in dearest.items())
        return plan.bound(stages) - int(plan.tiles_cost(frames)) + dearer


def parts_outside(first: int, last: int, times: int) -> list[Range]:
    """The ranges of 0 .. times outside [first, last)."""
    return [(a, b) for a, b in ((0, first), (last, times)) if b > a]


def stream_plan(plan: Plan, keep_bytes: int = KEEP_BYTES) -> StreamPlan:
    """What streaming a plan takes. keep_bytes: the most that kept maps may take. Raises StreamError."""
    readers = [m for m in plan.maps if plan.source.name in m.inputs]
    rules = [_frame_rule(plan, m) for m in readers]
    if not rules:
        raise StreamError("no map reads the samples")
    if len({rule.stride for rule in rules}) > 1:
        steps = ", ".join(f"{m.name} {rule.stride}" for m, rule in zip(readers, rules, strict=True))
        raise StreamError(f"the maps that read the samples step on by different numbers of them ({steps})")
    names = tuple(m.name for m in readers)
    inner = _inner(plan, names)
    kept = _kept(plan, names, inner, keep_bytes)
    return StreamPlan(
        plan=plan,
        readers=names,
        hop=rules[0].stride,
        frame=max(rule.length for rule in rules),
        frames=max(m.value.shape[0] for m in readers),
        inner=inner,
        kept=kept,
        gaps=_gaps(plan, names, inner, kept),
        kept_tiles=_kept_tiles(plan, names, inner, keep_bytes - sum(map_bytes(plan.graph[n]) for n in kept)),
    )


def can_stream(plan: Plan) -> StreamPlan | None:
    """`stream_plan`, or None for a plan that cannot stream."""
    try:
        return stream_plan(plan)
    except StreamError:
        return None


def _frame_rule(plan: Plan, item: FeatureMap) -> Sliding:
    """How a map steps over the samples. Raises StreamError unless frame t is samples [t * hop, t * hop + length)."""
    rule, times, samples = item.rules[0][TIME], item.value.shape[0], plan.source.value.shape[0]
    framed = len(item.inputs) == 1 and item.grid.tile[TIME] == 1
    if not (framed and isinstance(rule, Sliding) and rule.axis == TIME and rule.offset == 0):
        raise StreamError(f"map {item.name} reads the samples otherwise than frame by frame")
    if (times - 1) * rule.stride + rule.length <= samples:
        return rule
    raise StreamError(f"map {item.name} reads padding behind the samples")


def _inner(plan: Plan, readers: Sequence[str]) -> dict[str, Inner]:
    """The inner positions of every map that slides over frames."""
    result = {name: Inner(0, plan.graph[name].value.shape[0], 1) for name in readers}
    for item in plan.maps:
        if item.name in result:
            continue
        pairs = [(result.get(i), rule[TIME]) for i, rule in zip(item.inputs, item.rules, strict=True)]
        found = [_slide(below, rule, item.value.shape[0]) for below, rule in pairs]
        known = [f for f in found if f is not None]
        if len(known) == len(found) and len({f.frames for f in known}) == 1:
            first, last = max(f.first for f in known), min(f.last for f in known)
            result[item.name] = Inner(first, max(last, first), known[0].frames)
    return result


def _slide(below: Inner | None, rule: AxisRule, times: int) -> Inner | None:
    """The inner positions of a map of `times` that reads inner positions `below` by a rule over time."""
    if below is None or not isinstance(rule, Sliding) or rule.axis != TIME:
        return None
    first = -((rule.offset - below.first) // rule.stride)
    last = (below.last - rule.length - rule.offset) // rule.stride + 1
    return Inner(max(first, 0), min(last, times), below.frames * rule.stride)


def _kept(plan: Plan, readers: Sequence[str], inner: Mapping[str, Inner], most: int) -> frozenset[str]:
    """Scheduled maps to keep: the most work saved per byte first, none that the gaps of others make needless."""
    chosen: set[str] = set()
    for item in sorted(plan.maps, key=lambda m: -_saving(plan, m, inner)):
        if item.name in plan.scheduled and item.name not in readers and _worth(plan, item, inner):
            trial = chosen | {item.name}
            if sum(map_bytes(plan.graph[n]) for n in trial) <= most:
                chosen = trial
    for item in reversed(plan.maps):
        rest = chosen - {item.name}
        if item.name in chosen and _covers(_gaps(plan, readers, inner, rest).get(item.name), inner[item.name]):
            chosen = rest
    return frozenset(chosen)


def _kept_tiles(plan: Plan, readers: Sequence[str], inner: Mapping[str, Inner], most: int) -> tuple[str, ...]:
    """Maps on demand to keep."""
    chosen: list[str] = []
    for item in sorted(plan.maps, key=lambda m: -_saving(plan, m, inner)):
        on_demand = plan.on_demand(item.name) and item.name not in readers
        fits = sum(map_bytes(plan.graph[n]) for n in (*chosen, item.name)) <= most
        if on_demand and fits and plan.grids[item.name].tile[TIME] == 1 and _worth(plan, item, inner):
            chosen.append(item.name)
    return tuple(m.name for m in plan.maps if m.name in chosen)


def _saving(plan: Plan, item: FeatureMap, inner: Mapping[str, Inner]) -> float:
    """Work of the map that keeping it saves, per byte kept."""
    found = inner.get(item.name, Inner(0, 0, 1))
    whole = plan.price(item.name) * plan.grids[item.name].size
    return whole * (found.last - found.first) / item.value.shape[TIME] / map_bytes(item)


def _worth(plan: Plan, item: FeatureMap, inner: Mapping[str, Inner]) -> bool:
    """Whether at least half of the map's positions are inner ones, and it can be computed in part."""
    found, times = inner.get(item.name), item.value.shape[TIME]
    in_part = item.grid.tile[TIME] == 1 and (plan.on_demand(item.name) or _no_requests(plan, item))
    return found is not None and in_part and times > 1 and 2 * (found.last - found.first) >= times


def _no_requests(plan: Plan, item: FeatureMap) -> bool:
    return not any(plan.on_demand(name) and plan.source.name not in plan.graph[name].inputs for name in item.inputs)


def _covers(gap: Gap | None, inner: Inner) -> bool:
    return gap is not None and gap.first <= inner.first and gap.last >= inner.last


def _gaps(
    plan: Plan, readers: Sequence[str], inner: Mapping[str, Inner], kept: frozenset[str] | set[str]
) -> dict[str, Gap]:
    """Gaps of kept maps, and of maps that are only read, in their own stage, by maps with a gap."""
    named = {f.map for f in plan.forest.features} | {s.base for s in plan.forest.stages}
    result: dict[str, Gap] = {}
    for item in reversed(plan.maps):
        stage, own = plan.scheduled.get(item.name), inner.get(item.name)
        if item.name in kept:
            assert own is not None
            result[item.name] = Gap(own.first, own.last, own.frames)
        elif stage is not None and own is not None and item.name not in named and item.name not in readers:
            above = [m for m in plan.maps if item.name in m.inputs]
            left = [_left_by(m, item, result.get(m.name)) for m in above if plan.scheduled.get(m.name) == stage]
            gaps = [gap for gap in left if gap is not None]
            in_part = item.grid.tile[TIME] == 1 and _no_requests(plan, item)
            if gaps and len(gaps) == len(above) and in_part:
                first, last = max(g.first for g in gaps), min(g.last for g in gaps)
                if last > first:
                    result[item.name] = Gap(first, last, own.frames)
    return result


def _left_by(reader: FeatureMap, item: FeatureMap, gap: Gap | None) -> Gap | None:
    """The positions of `item` that a reader with a gap does not read."""
    rule = reader.rules[reader.inputs.index(item.name)][TIME]
    if gap is None or not isinstance(rule, Sliding):
        return None
    first = (gap.first - 1) * rule.stride + rule.offset + rule.length if gap.first > 0 else 0
    return Gap(max(first, 0), gap.last * rule.stride + rule.offset, 1)
