"""Running a plan over a stream: the executable specification of the generated `push` and `decide`.

Every decision equals a fresh one on the window that it is about, in label, stage, margin and scores. Its cost is what
was computed for it: samples taken and frames pushed since the decision before, and the rows of frames and positions of
maps that were not there already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.anytime import Anytime
from codegen.interpret import POISON, Event, Lazy, Trace, decide_lazily, decide_within
from codegen.plan import Plan
from codegen.streaming import Gap, StreamPlan, parts_outside, stream_plan
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import TIME, Range, whole

COST_LIMIT = 2**32 - 1


@dataclass(frozen=True)
class Decision:
    """What one window says. label -1 and stage -1: no whole window has been pushed yet, and nothing was decided.

    start: sample at which the window begins; scores int64 (classes,); computes and hits (maps,): since the decision
    before, a row of a map that reads the samples one compute.
    """

    label: int
    stage: int
    margin: int
    cost: int
    visits: int
    start: int
    scores: np.ndarray
    computes: np.ndarray
    hits: np.ndarray


class Stream:
    """A plan fed with samples. Raises StreamError for a plan that cannot stream."""

    def __init__(self, plan: Plan, stream: StreamPlan | None = None) -> None:
        self.plan, self.how = plan, stream or stream_plan(plan)
        self._coming = np.zeros(self.how.frame, dtype=np.int64)
        """The frame to come."""
        self._filled = 0
        """Samples of it that are there, negative for as many to be dropped first, where frames lie apart."""
        self._frames: dict[tuple[str, int], np.ndarray] = {}
        """(reader, number of a frame) -> its samples, while it is in the window or ahead of it."""
        self._rows: dict[str, dict[int, np.ndarray]] = {name: {} for name in self.how.readers}
        """Rows by the numbers of their frames, as far as they were computed."""
        self._used = self.how.lead
        """Rows for which there is no room left before rows move up."""
        self.pushed = 0
        """Frames pushed."""
        self._fresh = 0
        self._moved: list[int | None] = [None] * len(plan.forest.stages)
        """Frames since each stage last ran, None before it did."""
        self._placed: dict[tuple[int, str], int] = {}
        """(stage, place) -> where the place was when the stage last ran."""
        self._kept = {n: self._empty(n) for n in (*sorted(self.how.kept), *self.how.kept_tiles)}
        self._done: set[tuple[str, int]] = set()
        self._cost, self._events = 0, list[Event]()

    def _empty(self, name: str) -> np.ndarray:
        return np.full((1, *self.plan.graph[name].value.shape), POISON, dtype=np.int64)

    def push(self, pcm: np.ndarray) -> None:
        """Take samples, int16 (n,), any n."""
        pcm = np.asarray(pcm, dtype=np.int64)
        while len(pcm):
            taken, twice = self._piece(len(pcm))
            if self._filled >= 0:
                self._coming[self._filled : self._filled + taken] = pcm[:taken]
            self._filled += taken
            self._spend(self.how.took(taken) * (1 + twice))
            pcm = pcm[taken:]
            if self._filled == self.how.frame:
                self._frame()

    def _piece(self, n: int) -> tuple[int, bool]:
        """How many of n samples are taken at once, and whether they are kept twice."""
        how = self.how
        room = -self._filled if self._filled < 0 else how.frame - self._filled
        if not how.waiting or self._filled < 0:
            return min(n, room), False
        size = how.ring * how.spacing
        at = (self.pushed * how.spacing + self._filled) % size
        return min(n, room, (how.mirrored if at < how.mirrored else size) - at), at < how.mirrored

    def _frame(self) -> None:
        """The frame to come is there: compute a row of every map that does not wait for a request."""
        how = self.how
        if self._used == how.rows:
            self._spend(how.moving_up)
            self._used = how.frames - 1
        first = self._used == how.lead
        if first and how.first_price:
            self._spend(how.first_price)
        for name in how.readers:
            for ahead in range(0 if first else how.ahead(name), how.ahead(name) + 1):
                at = ahead * how.hop
                self._frames[name, self.pushed + ahead] = self._coming[at : at + how.framings[name].length].copy()
                if name not in how.waiting:
                    self._events.append(Event("compute", name, 0))
                    self._rows[name][self.pushed + ahead] = self._row(name, self.pushed + ahead)
        self._spend(how.frame_price)
        self._forget(self.pushed + 1 - how.window)
        self._used += 1
        self._coming[: max(how.frame - how.hop, 0)] = self._coming[how.hop :].copy()
        self._filled = how.frame - how.hop
        self.pushed += 1
        self._fresh += 1

    def _forget(self, first: int) -> None:
        """Frames before `first` are in no window any more."""
        self._frames = {key: samples for key, samples in self._frames.items() if key[1] >= first}
        self._rows = {n: {at: row for at, row in own.items() if at >= first} for n, own in self._rows.items()}

    def _row(self, name: str, number: int) -> np.ndarray:
        """The row of a reader for the frame of a number."""
        item, samples = self.how.row_map(name), self._frames[name, number].reshape(1, -1, 1, 1)
        _, bands, channels = whole(item.value.shape)
        return item.op.evaluate([samples], ((0, 1), bands, channels), [self.plan.source.value])

    def row_missing(self, name: str, at: int) -> bool:
        """Compute the row of a frame of the window if it is not there; whether it was not."""
        number = self.pushed - self.how.window + at
        missing = number not in self._rows[name]
        if missing:
            self._rows[name][number] = self._row(name, number)
        return missing

    def rows(self, name: str, first: int) -> np.ndarray:
        """Rows of a reader from a frame of the window on, as many as its map has, poison where not computed."""
        shape, start = self.plan.graph[name].value.shape, self.pushed - self.how.window + first
        empty = np.full((1, 1, *shape[1:]), POISON, dtype=np.int64)
        return np.concatenate([self._rows[name].get(start + t, empty) for t in range(shape[TIME])], axis=1)

    def _spend(self, price: int) -> None:
        """Costs stop growing before they, and a decision's, could leave 32 bits: only who never decides sees it."""
        if self._cost <= COST_LIMIT - price - self.how.decide_max:
            self._cost += price

    @property
    def ready(self) -> bool:
        """Whether a whole window of frames has been pushed."""
        return self.pushed >= self.how.window

    def centred(self, frames: int = 1) -> bool:
        """Whether a whole window is there and those placed around the sound lie at least `frames` from both its ends.

        Where none are placed they always do. At an end a sound is cut off.
        """
        name = self.how.centring
        if not self.ready:
            return False
        self._spend(self.how.centring_price)
        if name is None:
            return True
        item = self.plan.graph[name]
        energies = [self.rows(n, 0) for n in item.inputs]
        at = item.op.evaluate(energies, whole(item.value.shape), [self.plan.graph[n].value for n in item.inputs])
        return frames <= int(at.item()) <= item.value.hi - frames

    def decide(self) -> Decision:
        """Decide the last whole window."""
        return self._decide(decide_lazily)

    def decide_within(self, budget: int) -> Decision:
        """The same inside a budget of instructions beside those of push; see codegen.anytime."""
        return self._decide(lambda window: decide_within(window, self._anytime, budget))

    @cached_property
    def _anytime(self) -> Anytime:
        return Anytime(self.plan, self.how)

    def _decide(self, decide: Callable[[Lazy], Trace]) -> Decision:
        if not self.ready:
            nothing = np.zeros(self.plan.forest.classes, dtype=np.int64)
            return Decision(-1, -1, 0, self._cost, 0, 0, nothing, *self._counts())
        self._move()
        window = _Window(self)
        found = decide(window)
        self._done = {pair for pair in window.done if pair[0] in self.how.kept_tiles}
        self._events += window.events
        cost, counts = self._cost + found.cost, self._counts()
        self._cost, self._events = 0, []
        start = (self.pushed - self.how.window) * self.how.hop
        return Decision(found.label, found.stage, found.margin, cost, found.visits, start, found.scores, *counts)

    def _counts(self) -> tuple[np.ndarray, np.ndarray]:
        names = [m.name for m in self.plan.maps]
        counts = [[sum(e.kind == k and e.map == n for e in self._events) for n in names] for k in ("compute", "hit")]
        return np.array(counts[0], dtype=np.int64), np.array(counts[1], dtype=np.int64)

    def _move(self) -> None:
        """The window moves to the last frames: tiles that are kept, and count from its beginning, move with it."""
        fresh, self._fresh = self._fresh, 0
        self._moved = [None if moved is None else moved + fresh for moved in self._moved]
        for name in self.how.moved_tiles(None):
            self._done = self.move_tiles(name, fresh, self._done)

    def move_tiles(self, name: str, moved: int | None, done: set[tuple[str, int]]) -> set[tuple[str, int]]:
        """The kept tiles of a map move with their origin, None: nothing holds. done: tiles there; the same after."""
        if moved == 0:
            return done
        inner, item = self.how.inner[name], self.plan.graph[name]
        others, own = {pair for pair in done if pair[0] != name}, {tile for n, tile in done if n == name}
        by, rest = divmod(moved or 0, inner.frames)
        last = inner.last - by
        if moved is None or rest or last <= inner.first:
            return others
        grid = self.plan.grids[name]
        row = grid.counts[1] * grid.counts[2]
        first, end = inner.first * row, last * row
        _slide(self._kept[name], inner.first, last, by, item)
        return others | {(name, tile - by * row) for tile in own if first <= tile - by * row < end}

    def passed(self, stage: int) -> int | None:
        """Frames since the stage last ran, None where nothing of that holds."""
        moved = self._moved[stage]
        return moved if moved is not None and moved < self.how.frames else None

    def ran(self, stage: int) -> None:
        """The stage runs now."""
        self._moved[stage] = 0

    def moved(self, stage: int, passed: int | None, place: str | None, at: int) -> int | None:
        """Frames by which an origin, a place at frame `at` of the window, has moved since the stage last ran."""
        if passed is None or place is None:
            return passed
        moved = passed + at - self._placed[stage, place]
        return moved if moved >= 0 else None

    def put(self, stage: int, place: str, at: int) -> None:
        """Where a place was when the stage ran."""
        self._placed[stage, place] = at


class _Window(Lazy):
    """The maps of the last window: rows are given as far as push made them, kept maps and tiles as far as they hold."""

    def __init__(self, stream: Stream) -> None:
        self.how = stream.how
        given = [n for n in self.how.at_push if self.how.framings[n].place is None]
        super().__init__(stream.plan, {name: stream.rows(name, 0) for name in given})
        self.values |= stream._kept
        self.cost = self.how.begin
        self.done = set(stream._done)
        self.stream = stream
        self._stage = 0
        self._passed: int | None = None
        self._moves: dict[str | None, int | None] = {}

    def stage_price(self, stage: int) -> int:
        return self.how.stage_price(stage)

    def enter(self, stage: int) -> None:
        self._stage, self._passed, self._moves = stage, self.stream.passed(stage), {}
        self.stream.ran(stage)
        super().enter(stage)

    def need(self, name: str, tile: int) -> None:
        if name not in self.how.readers:
            super().need(name, tile)
        elif (name, tile) not in self.done:
            self.done.add((name, tile))
            self._rows(name, self.plan.grids[name].box(tile)[TIME])

    def _rows(self, name: str, times: Range) -> None:
        """Make sure that rows of a reader are there."""
        if name in self.given:
            return
        place = self.how.framings[name].place
        first = 0 if place is None else self._at(place)
        if name in self.how.waiting:
            self.cost += (times[1] - times[0]) * self.how.look_price
            for at in range(first + times[0], first + times[1]):
                if self.stream.row_missing(name, at):
                    self.cost += self.how.row_prices[name]
                    self.events.append(Event("compute", name, 0))
        self.values[name] = self.stream.rows(name, first)

    def _at(self, place: str) -> int:
        """Where a place is, computed if need be."""
        if self.plan.on_demand(place):
            self.need(place, 0)
        return int(self.values[place].item())

    def _move_of(self, origin: str | None) -> int | None:
        """By how much an origin has moved since the stage last ran."""
        if origin not in self._moves:
            at = 0 if origin is None else self._at(origin)
            self._moves[origin] = self.stream.moved(self._stage, self._passed, origin, at)
            if origin is not None:
                self.stream.put(self._stage, origin, at)
        return self._moves[origin]

    def gap_prices(self, stage: int) -> int:
        named = [n for n in self.how.gaps if self.plan.scheduled[n] == stage and self.how.known(n)]
        passed = self.stream.passed(stage)
        total = 0
        for name in named:
            origin = self.how.origin(name)
            at = 0 if origin is None else int(self.values[origin].item())
            total += self._gap_price(name, self._step(stage, origin, self.stream.moved(stage, passed, origin, at)))
        return total

    def _step(self, stage: int, origin: str | None, moved: int | None) -> int | None:
        """The move if the stage's gaps hold after it."""
        return moved if moved is not None and moved % self.how.step(stage, origin) == 0 else None

    def _gap_price(self, name: str, moved: int | None) -> int:
        """What computing all but the gap of a map costs after a move."""
        gap = self.how.gaps[name]
        first, last = gap.at(moved, self.plan.graph[name].value.shape[TIME])
        if moved == 0:
            return 0
        base, slope = self.how.gap_prices[name]
        return base + slope * ((moved or 0) // gap.frames) if last > first else self.plan.price(name)

    def scheduled(self, item: FeatureMap) -> None:
        gap = self.how.gaps.get(item.name)
        if item.name in self.how.readers:
            self._rows(item.name, (0, item.value.shape[TIME]))
        elif gap is None:
            super().scheduled(item)
        else:
            self._renew(item, gap)
        if item.name in self.how.origins(self._stage):
            for name in self.how.moved_tiles(item.name):
                self.done = self.stream.move_tiles(name, self._move_of(item.name), self.done)

    def _renew(self, item: FeatureMap, gap: Gap) -> None:
        """Compute all but the gap of a map."""
        origin = self.how.origin(item.name)
        moved, times = self._step(self._stage, origin, self._move_of(origin)), item.value.shape[TIME]
        first, last = gap.at(moved, times)
        if item.name in self.how.kept and moved != 0:
            _slide(self.values[item.name], first, last, (moved or 0) // gap.frames, item)
        if last - first == times:
            return
        self.cost += self._gap_price(item.name, moved)
        self.events.append(Event("compute", item.name, 0))
        _, bands, channels = whole(item.value.shape)
        for part in parts_outside(first, last, times):
            for source, rule in zip(item.inputs, item.rules, strict=True):
                if source in self.how.readers and self.plan.on_demand(source):
                    size = self.plan.graph[source].value.shape[TIME]
                    self._rows(source, rule[TIME].range((part, bands, channels), size))
            self.compute(item, (part, bands, channels))


def _slide(values: np.ndarray, first: int, last: int, by: int, item: FeatureMap) -> None:
    """Positions [first, last) become those `by` later; the rest is not there any more."""
    kept = values[:, first + by : last + by].copy()
    values[:] = POISON
    values[:, first:last] = kept
