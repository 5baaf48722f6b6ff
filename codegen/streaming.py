"""How a plan runs over a stream of samples: what is computed at each frame, and what is kept from window to window.

Maps that read the samples frame by frame (*readers*) are computed as soon as a frame is there; windows begin at
frames. Their rows are kept while they are in the window. When the window has moved on by a number of frames, a position
of a map that reads no padding holds the value that another position held before: positions inside [first, last) on both
sides need not be computed again. A scheduled map is *kept* if its bytes are worth that: it then has a *gap*, the
positions that are there already. A map that only kept maps read has the gap that they leave it, and needs no bytes for
it. All gaps of a stage hold when the frames moved since the stage last ran are a multiple of its *step*.

A reader may have rows for a part of the window only, from the frame on that another map, its *place*, names. It and
what is computed from it have that place for their *origin*, all else the window: their positions move by as much as
their origin has moved in the stream. A sound that stands still while the window slides over it has not moved at all,
and whatever a stage made of it is there still.

There are two ways to stream: with `waiting` empty every row is computed when its frame is pushed. Else the samples of
the window are kept, and rows of the readers in `waiting`, which cost most, are computed when something asks for them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from codegen.memory import map_bytes
from codegen.plan import Plan, PlanError
from codegen.prices.prices import box_work, tile_work, tree_depths
from codegen.prices.table import UNIT
from codegen.schedule import Step
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.log_mel import LogMel
from feature_extractors.tiles import TIME, AxisRule, Range, Sliding, whole

KEEP_BYTES = 4096
"""Bytes that maps kept between windows may take beside those of the frames."""
SLACK = 8
"""One row in so many is spare, so that frames move up rarely, not at each new one."""
RESTING = 0.5
"""The share of decisions between which a placed window is reckoned to stand still, where maps to keep are chosen."""
WAITS = 8
"""Rows that cost more than one part in so many of the dearest row wait until something asks for them."""
LOOK, SHIFT = 16, 64
"""Bytes whose copying costs no less than a look at a row's bit or a stage's move; than the shift of a word of memos."""
CALLS = 2
"""Calls of memcpy or memmove that cost no less than one, with what decides about it."""


class StreamError(PlanError):
    """A plan that cannot stream. The message says which map and why."""


@dataclass(frozen=True)
class Framing:
    """How a map reads the samples: frame t of a window is samples [t * hop, t * hop + length).

    frames: of a window, as far as the map may read them; place: the map that says from which of them on it does.
    """

    hop: int
    length: int
    frames: int
    place: str | None


@dataclass(frozen=True)
class Inner:
    """Positions [first, last) of a map that depend on frames only, never on padding; one every `frames` frames.

    origin: the place from which the positions count, None for the window's beginning.
    """

    first: int
    last: int
    frames: int
    origin: str | None = None


@dataclass(frozen=True)
class Gap:
    """Positions [first, last - moved / frames) need not be computed when the origin has moved by `moved` frames."""

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
    framings: Mapping[str, Framing]
    """Readers: maps that read the samples, in the order of the plan."""
    hop: int
    frame: int
    """Samples from a frame to the next, and of the longest frame."""
    frames: int
    """Rows of a window, `lead` among them that frames shorter than the longest have ahead of it."""
    inner: Mapping[str, Inner]
    kept: frozenset[str]
    """Scheduled maps that are kept."""
    gaps: Mapping[str, Gap]
    """Gaps of scheduled maps, kept or not."""
    kept_tiles: tuple[str, ...]
    """Maps on demand whose tiles are kept."""
    waiting: frozenset[str] = frozenset()
    """Readers whose rows are computed when something asks for them. None: no samples are kept."""

    @property
    def readers(self) -> tuple[str, ...]:
        """Maps that read the samples: their rows are kept."""
        return tuple(self.framings)

    @property
    def at_push(self) -> tuple[str, ...]:
        """Readers of which push computes a row per frame."""
        return tuple(n for n in self.framings if n not in self.waiting)

    @cached_property
    def keeping_samples(self) -> StreamPlan:
        """The same with the samples kept, so that rows that cost much wait until something asks for them."""
        prices = {n: self._row_price(n) for n in self.framings}
        return replace(self, waiting=frozenset(n for n, p in prices.items() if WAITS * p > max(prices.values())))

    def ahead(self, name: str) -> int:
        """How many frames further a reader is than the longest frame, since its frames are shorter."""
        return (self.frame - self.framings[name].length) // self.hop

    @cached_property
    def lead(self) -> int:
        """The most that a reader is ahead."""
        return max(map(self.ahead, self.framings))

    @property
    def window(self) -> int:
        """Longest frames that must have been pushed before a whole window is there."""
        return self.frames - self.lead

    @property
    def spacing(self) -> int:
        """Samples that are kept of a frame before the next one begins."""
        return min(self.hop, self.frame)

    @property
    def ring(self) -> int:
        """Frames for whose samples there is room: those of the window and of the frame to come."""
        return self.window - (-(self.frame - 1) // self.spacing)

    @property
    def mirrored(self) -> int:
        """Samples that stand behind the ring once more, so that every frame lies in one piece."""
        return self.frame - self.spacing

    @cached_property
    def rows(self) -> int:
        """Frames for whose rows there is room. Beside a window of samples it costs little to move them up seldom."""
        return self.frames + (self.frames if self.waiting else self.frames // SLACK)

    def row_map(self, name: str) -> FeatureMap:
        """A reader as a map of frames that are where it looks for them: what computes a row."""
        return _unplaced(self.plan, self.plan.graph[name])

    def origin(self, name: str) -> str | None:
        """The place from which a map's positions count, None for the window's beginning."""
        return self.inner[name].origin

    def moved_tiles(self, origin: str | None) -> list[str]:
        """Maps on demand whose kept tiles move with an origin."""
        return [n for n in self.kept_tiles if self.origin(n) == origin]

    def origins(self, stage: int) -> list[str | None]:
        """The origins whose moves a stage looks at: of its gaps, and of tiles that its places move."""
        found = {self.origin(n) for n in self.gaps if self.plan.scheduled[n] == stage}
        places = {self.origin(n) for n in self.kept_tiles} - {None}
        found |= {p for p in places if p is not None and self.plan.scheduled[p] == stage}
        return sorted(found, key=lambda name: name or "")

    @cached_property
    def places(self) -> list[str]:
        """The places whose moves some stage looks at."""
        return sorted({o for s in range(len(self.plan.forest.stages)) for o in self.origins(s) if o is not None})

    @cached_property
    def centring(self) -> str | None:
        """The place that tells how far the frames around the sound are from the window's ends, None: all are heard."""
        kept = self.keeping_samples.at_push
        for name in sorted({f.place for f in self.framings.values() if f.place is not None}):
            item = self.plan.graph[name]
            if item.value.hi and all(n in kept and self.framings[n].place is None for n in item.inputs):
                return name
        return None

    @property
    def places_range(self) -> int:
        """Frames from the first to the last place."""
        return self.plan.graph[self.centring].value.hi if self.centring else 0

    @property
    def centring_price(self) -> int:
        """What it costs to find out."""
        return self._copying(1, 0) + (self.plan.price(self.centring) if self.centring else 0)

    def known(self, name: str) -> bool:
        """Whether a map's origin is known before its stage begins."""
        origin, scheduled = self.origin(name), self.plan.scheduled
        return origin is None or scheduled.get(origin, len(self.plan.forest.stages)) < scheduled[name]

    def step(self, stage: int, origin: str | None = None) -> int:
        """Frames: the stage's gaps of an origin hold after moves by a multiple of it."""
        kept = [self.inner[n] for n in self.kept if self.plan.scheduled[n] == stage and self.origin(n) == origin]
        return math.lcm(1, *(i.frames for i in kept if i.last > i.first))

    @cached_property
    def stride(self) -> int:
        """Frames: decisions a multiple of it apart keep all that can be kept."""
        tiles = [self.inner[n].frames for n in self.kept_tiles]
        stages = range(len(self.plan.forest.stages))
        return math.lcm(1, *tiles, *(self.step(s, o) for s in stages for o in self.origins(s)))

    @cached_property
    def steps(self) -> list[Step]:
        """The steps of a stream: what push computes (stage -1), then those of a decision on what is there."""
        return [Step(-1, None, self.at_push), *(s for s in self.plan.steps if s.map not in self.at_push)]

    @cached_property
    def always(self) -> dict[str, int]:
        """Maps that outlive a decision, or a stage that reads from their place on, and their bytes."""
        placed = {f.place for f in self.framings.values() if f.place is not None}
        kept = {name: map_bytes(self.plan.graph[name]) for name in (*self.kept, *self.kept_tiles, *sorted(placed))}
        return kept | {name: self.rows * self.row_bytes(name) for name in self.readers}

    def row_bytes(self, name: str) -> int:
        """Bytes of one time position of a map."""
        return map_bytes(self.plan.graph[name]) // self.plan.graph[name].value.shape[TIME]

    def _copying(self, calls: int, size: int) -> int:
        """The price of copies: how many, and of how many bytes in all."""
        return self.plan.table.price({"copy.calls": calls, "copy.bytes": size})

    @cached_property
    def take_price(self) -> tuple[int, int]:
        """What it costs to take samples of one frame from the caller: at once, and 256 times more for each sample."""
        each = self.plan.table.price({"copy.bytes": 2 * UNIT})
        return self._copying(CALLS, 0), -(-256 * each // UNIT)

    def took(self, samples: int) -> int:
        """The price of taking samples."""
        once, each = self.take_price
        return once + (samples * each >> 8)

    @cached_property
    def frame_price(self) -> int:
        """What one frame costs at push: the rows, and the end of the frame behind which the next one begins."""
        overlap = 0 if self.waiting else 2 * max(self.frame - self.hop, 0)
        return self._copying(CALLS, overlap) + sum(self._row_price(name) for name in self.at_push)

    @cached_property
    def first_price(self) -> int:
        """What the first frame costs more: rows of shorter frames that are ahead."""
        return sum(self.ahead(name) * self._row_price(name) for name in self.at_push)

    @cached_property
    def moving_up(self) -> int:
        """What it costs to move rows up when there is no room for a new one."""
        size = (self.frames - 1) * sum(self.row_bytes(name) for name in self.readers)
        words = -(-self.rows // 32) * len(self.waiting)
        return self._copying(CALLS * len(self.readers), size + SHIFT * words)

    @cached_property
    def push_max(self) -> int:
        """What a call of push costs at most beside the samples that it takes."""
        return self.took(0) * (2 if self.waiting else 1)

    @cached_property
    def frame_max(self) -> int:
        """What a hop of samples costs at most, the end of a frame included.

        The samples come in two pieces, and around the end of the ring in two more, some of them twice.
        """
        pieces = [self.hop, 0, *([0, 0, self.mirrored, 0, 0, 0] if self.waiting else [])]
        return self.frame_price + self.moving_up + sum(map(self.took, pieces))

    def _row_price(self, name: str) -> int:
        return self._price(self.row_map(name), [(0, 1)])

    @cached_property
    def row_prices(self) -> dict[str, int]:
        """Readers that wait: what a row costs when something asks for it."""
        return {name: self._row_price(name) + self._copying(1, 0) for name in sorted(self.waiting)}

    @cached_property
    def look_price(self) -> int:
        """What it costs to find out whether a row is there."""
        return self._copying(0, LOOK)

    def tile_price(self, name: str) -> int:
        """What one of the plan's tiles of a map costs a decision: nothing, where push has paid for it."""
        if name not in self.framings:
            return self.plan.price(name)
        rows = self.plan.grids[name].tile[TIME]
        return rows * (self.row_prices[name] + self.look_price) if name in self.waiting else 0

    @cached_property
    def begin(self) -> int:
        """What a decision costs before its first stage: memos are cleared, tiles move with the window."""
        return self.plan.prices.begin + self._copying(1, LOOK * len(self.plan.forest.stages)) + self._tiles(None)

    def _tiles(self, origin: str | None) -> int:
        """What the tiles cost that move with an origin."""
        names = self.moved_tiles(origin)
        words = sum(-(-self.plan.grids[n].size // 32) for n in names)
        return self._copying(CALLS * len(names), sum(map_bytes(self.plan.graph[n]) for n in names) + SHIFT * words)

    def stage_price(self, stage: int) -> int:
        """What a stage costs beside nodes, tiles and gaps: its moves are looked at, and tiles move with its places."""
        origins = self.origins(stage)
        moves = len(origins) + sum(self.plan.scheduled[n] == stage for n in self.gaps)
        tiles = sum(self._tiles(o) for o in origins if o is not None and self.plan.scheduled.get(o) == stage)
        return self.plan.prices.stages[stage] + self._copying(moves, 0) + tiles

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
        price = self._price(item, parts_outside(gap.first, gap.last - by, item.value.shape[TIME]))
        kept = (gap.last - by - gap.first) * self.row_bytes(name) if name in self.kept else 0
        return price + (self._copying(CALLS, kept) if kept else 0)

    def _price(self, item: FeatureMap, ranges: Sequence[Range]) -> int:
        """The price of computing time ranges of a map."""
        _, bands, channels = whole(item.value.shape)
        work = Counter(tile_work(self.plan, item.name, 0))
        for times in ranges:
            work += Counter(box_work(self.plan, item, (times, bands, channels)))
        return self.plan.table.price(work)

    def dearer(self, name: str) -> int:
        """What a map with a gap may cost more than if it were computed whole."""
        base, slope = self.gap_prices[name]
        gap = self.gaps[name]
        return max(0, base + slope * (gap.last - gap.first) - self.plan.price(name))

    @cached_property
    def decide_max(self) -> int:
        """What a decision costs at most beside what push has spent."""
        plan, stages = self.plan, len(self.plan.forest.stages)
        tiles = sum(int(own.sum()) * self.tile_price(n) for n, own in plan.reachable(stages).items())
        visits = plan.prices.visit * int(tree_depths(plan.forest)[1].sum())
        fixed = self.begin + sum(self.stage_price(s) for s in range(stages)) + visits
        return fixed + tiles + sum(self.dearer(name) for name in self.gaps)


def parts_outside(first: int, last: int, times: int) -> list[Range]:
    """The ranges of 0 .. times outside [first, last)."""
    return [(a, b) for a, b in ((0, first), (last, times)) if b > a]


def stream_plan(plan: Plan, keep_bytes: int = KEEP_BYTES) -> StreamPlan:
    """What streaming a plan takes. keep_bytes: the most that kept maps may take. Raises StreamError."""
    framings = {m.name: _framing(plan, m) for m in plan.maps if plan.source.name in m.inputs}
    if not framings:
        raise StreamError("no map reads the samples")
    if len({f.hop for f in framings.values()}) > 1:
        steps = ", ".join(f"{name} {f.hop}" for name, f in framings.items())
        raise StreamError(f"the maps that read the samples step on by different numbers of them ({steps})")
    names = tuple(framings)
    frame, hop = max(f.length for f in framings.values()), framings[names[0]].hop
    ahead = {name: (frame - f.length) // hop for name, f in framings.items()}
    window = max(f.frames - ahead[name] for name, f in framings.items())
    inner = _inner(plan, framings)
    kept = _kept(plan, names, inner, keep_bytes)
    return StreamPlan(
        plan=plan,
        framings=framings,
        hop=hop,
        frame=frame,
        frames=window + max(ahead.values()),
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


def _unplaced(plan: Plan, item: FeatureMap) -> FeatureMap:
    """A reader without its place."""
    if not isinstance(item.op, LogMel) or not item.op.placed:
        return item
    return replace(item, op=replace(item.op, placed=0), inputs=(plan.source.name,))


def _framing(plan: Plan, item: FeatureMap) -> Framing:
    """How a map steps over the samples. Raises StreamError unless frame t is samples [t * hop, t * hop + length)."""
    single, samples = _unplaced(plan, item), plan.source.value.shape[0]
    place = item.inputs[1] if single is not item else None
    rule = single.op.rules([plan.source.value])[0][TIME] if len(single.inputs) == 1 else None
    if not (isinstance(rule, Sliding) and rule.axis == TIME and rule.offset == 0 and item.grid.tile[TIME] == 1):
        raise StreamError(f"map {item.name} reads the samples otherwise than frame by frame")
    frames = item.value.shape[TIME] + (plan.graph[place].value.hi if place else 0)
    if (frames - 1) * rule.stride + rule.length <= samples:
        return Framing(rule.stride, rule.length, frames, place)
    raise StreamError(f"map {item.name} reads padding behind the samples")


def _inner(plan: Plan, framings: Mapping[str, Framing]) -> dict[str, Inner]:
    """The inner positions of every map that slides over frames, and of every map that is made of placed frames."""
    result = {name: Inner(0, plan.graph[name].value.shape[0], 1, f.place) for name, f in framings.items()}
    for item in plan.maps:
        if item.name in result:
            continue
        pairs = [(result.get(i), rule[TIME]) for i, rule in zip(item.inputs, item.rules, strict=True)]
        found = [_slide(below, rule, item.value.shape[0]) for below, rule in pairs]
        known = [f for f in found if f is not None]
        origins = {below.origin if below else None for below, _ in pairs}
        if len(origins) > 1:
            continue
        if len(known) == len(found) and len({f.frames for f in known}) == 1:
            first, last = max(f.first for f in known), min(f.last for f in known)
            if last > first:
                result[item.name] = Inner(first, last, known[0].frames, known[0].origin)
            else:
                result[item.name] = Inner(0, 0, 1, known[0].origin)
        elif origins != {None}:
            result[item.name] = Inner(0, 0, 1, origins.pop())  # is there after no move
    return result


def _slide(below: Inner | None, rule: AxisRule, times: int) -> Inner | None:
    """The inner positions of a map of `times` that reads inner positions `below` by a rule over time."""
    if below is None or not isinstance(rule, Sliding) or rule.axis != TIME:
        return None
    first = -((rule.offset - below.first) // rule.stride)
    last = (below.last - rule.length - rule.offset) // rule.stride + 1
    return Inner(max(first, 0), min(last, times), below.frames * rule.stride, below.origin)


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
        told = item.name in inner and (inner[item.name].origin is None or inner[item.name].origin in plan.scheduled)
        half = told and _inner_share(item, inner) >= 0.5
        if on_demand and fits and half and plan.grids[item.name].tile[TIME] == 1 and _worth(plan, item, inner):
            chosen.append(item.name)
    return tuple(m.name for m in plan.maps if m.name in chosen)


def _inner_share(item: FeatureMap, inner: Mapping[str, Inner]) -> float:
    """The share of a map's positions that are inner ones."""
    found = inner.get(item.name, Inner(0, 0, 1))
    return (found.last - found.first) / item.value.shape[TIME]


def _saving(plan: Plan, item: FeatureMap, inner: Mapping[str, Inner]) -> float:
    """Work of the map that keeping it saves, per byte kept."""
    resting = RESTING if item.name in inner and inner[item.name].origin is not None else 0.0
    whole = plan.price(item.name) * plan.grids[item.name].size
    return whole * max(_inner_share(item, inner), resting) / map_bytes(item)


def _worth(plan: Plan, item: FeatureMap, inner: Mapping[str, Inner]) -> bool:
    """Whether at least half of the map's positions are inner ones, and it can be computed in part.

    Of a placed window a map is worth keeping all the same: it is there while the window stands still.
    """
    found = inner.get(item.name)
    if found is None or not (plan.on_demand(item.name) or _no_requests(plan, item)):
        return False
    in_part = item.grid.tile[TIME] == 1 or found.first == found.last
    return in_part and (found.origin is not None or (item.value.shape[TIME] > 1 and _inner_share(item, inner) >= 0.5))


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
                elif own.origin is not None:
                    result[item.name] = Gap(0, 0, 1)
    return result


def _left_by(reader: FeatureMap, item: FeatureMap, gap: Gap | None) -> Gap | None:
    """The positions of `item` that a reader with a gap does not read: none but after no move, where it reads all."""
    rule = reader.rules[reader.inputs.index(item.name)][TIME]
    if gap is None:
        return None
    if gap.first == gap.last or not isinstance(rule, Sliding):
        return Gap(0, 0, 1)
    first = (gap.first - 1) * rule.stride + rule.offset + rule.length if gap.first > 0 else 0
    return Gap(max(first, 0), gap.last * rule.stride + rule.offset, 1)
