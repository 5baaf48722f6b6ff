"""Running a plan over a stream: the executable specification of the generated `push` and `decide`.

Every decision equals a fresh one on the window that it is about, in label, stage, margin and scores. Its cost is what
was computed for it: frames pushed since the decision before, and the positions of maps that were not there already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.anytime import Anytime
from codegen.interpret import POISON, Event, Lazy, Trace, decide_lazily, decide_within
from codegen.plan import Plan
from codegen.streaming import StreamPlan, parts_outside, stream_plan
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import whole

COST_LIMIT = 2**32 - 1


@dataclass(frozen=True)
class Decision:
    """What one window says. label -1 and stage -1: no whole window has been pushed yet, and nothing was decided.

    start: sample at which the window begins; scores int64 (classes,); computes and hits (maps,): since the decision
    before, a frame's maps one compute each.
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
        self._samples = np.zeros(0, dtype=np.int64)
        self._skip = 0
        """Samples to drop before the next frame, where frames lie apart."""
        self._rows: dict[str, list[np.ndarray]] = {name: [] for name in self.how.readers}
        self.pushed = 0
        """Frames pushed."""
        self._fresh = 0
        self._moved: list[int | None] = [None] * len(plan.forest.stages)
        """Frames since each stage last ran, None before it did."""
        self._kept = {n: self._empty(n) for n in (*sorted(self.how.kept), *self.how.kept_tiles)}
        self._done: set[tuple[str, int]] = set()
        self._cost, self._events = 0, list[Event]()

    def _empty(self, name: str) -> np.ndarray:
        return np.full((1, *self.plan.graph[name].value.shape), POISON, dtype=np.int64)

    def push(self, pcm: np.ndarray) -> None:
        """Take samples, int16 (n,), any n."""
        dropped = min(self._skip, len(pcm))
        self._skip -= dropped
        self._samples = np.concatenate([self._samples, np.asarray(pcm, dtype=np.int64)[dropped:]])
        while len(self._samples) >= self.how.frame:
            self._frame(self._samples[: self.how.frame])
            self._skip = max(self.how.hop - len(self._samples), 0)
            self._samples = self._samples[self.how.hop :]

    def _frame(self, samples: np.ndarray) -> None:
        """Compute a row of every map that reads the samples."""
        plan, source = self.plan, self.plan.source
        for name in self.how.readers:
            item = plan.graph[name]
            _, bands, channels = whole(item.value.shape)
            row = item.op.evaluate([samples.reshape(1, -1, 1, 1)], ((0, 1), bands, channels), [source.value])
            self._rows[name] = [*self._rows[name][1 - self.how.frames :], row]
            self._events.append(Event("compute", name, 0))
        self._spend(self.how.frame_price)
        self.pushed += 1
        self._fresh += 1

    def _spend(self, price: int) -> None:
        """Costs stop growing before they, and a decision's, could leave 32 bits: only who never decides sees it."""
        if self._cost <= COST_LIMIT - price - self.how.decide_max:
            self._cost += price

    @property
    def ready(self) -> bool:
        """Whether a whole window of frames has been pushed."""
        return self.pushed >= self.how.frames

    def decide(self) -> Decision:
        """Decide the last whole window."""
        return self._decide(decide_lazily)

    def decide_within(self, budget: int) -> Decision:
        """The same inside a budget of instructions beside those of the frames; see codegen.anytime."""
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
        start = (self.pushed - self.how.frames) * self.how.hop
        return Decision(found.label, found.stage, found.margin, cost, found.visits, start, found.scores, *counts)

    def _counts(self) -> tuple[np.ndarray, np.ndarray]:
        names = [m.name for m in self.plan.maps]
        counts = [[sum(e.kind == k and e.map == n for e in self._events) for n in names] for k in ("compute", "hit")]
        return np.array(counts[0], dtype=np.int64), np.array(counts[1], dtype=np.int64)

    def _move(self) -> None:
        """The window moves to the last frames: tiles that are kept move with it."""
        fresh, self._fresh = self._fresh, 0
        self._moved = [None if moved is None else moved + fresh for moved in self._moved]
        if fresh:
            for name in self.how.kept_tiles:
                self._move_tiles(name, fresh)

    def _move_tiles(self, name: str, fresh: int) -> None:
        inner, item = self.how.inner[name], self.plan.graph[name]
        by, rest = divmod(fresh, inner.frames)
        last = inner.last - by
        done = {tile for own, tile in self._done if own == name}
        self._done -= {(name, tile) for tile in done}
        if rest or last <= inner.first:
            return
        grid = self.plan.grids[name]
        row = grid.counts[1] * grid.counts[2]
        first, end = inner.first * row, last * row
        self._done |= {(name, tile - by * row) for tile in done if first <= tile - by * row < end}
        _slide(self._kept[name], inner.first, last, by, item)

    def stage_moved(self, stage: int) -> int | None:
        """Frames since the stage last ran, where its gaps hold after such a move; the stage runs now."""
        moved = self.stage_would_move(stage)
        self._moved[stage] = 0
        return moved

    def stage_would_move(self, stage: int) -> int | None:
        """The same before the stage runs."""
        moved = self._moved[stage]
        return moved if moved is not None and moved % self.how.step(stage) == 0 and moved < self.how.frames else None


class _Window(Lazy):
    """The maps of the last window: frames are given, kept maps and tiles are there as far as they hold."""

    def __init__(self, stream: Stream) -> None:
        rows = {name: np.concatenate(own, axis=1) for name, own in stream._rows.items()}
        times = {name: stream.plan.graph[name].value.shape[0] for name in rows}
        super().__init__(stream.plan, {name: row[:, : times[name]] for name, row in rows.items()})
        self.values |= stream._kept
        self.done = set(stream._done)
        self.stream = stream
        self._moved: int | None = None

    def enter(self, stage: int) -> None:
        self._moved = self.stream.stage_moved(stage)
        super().enter(stage)

    def gap_prices(self, stage: int) -> int:
        moved = self.stream.stage_would_move(stage)
        named = [n for n in self.stream.how.gaps if self.plan.scheduled[n] == stage]
        return sum(self._gap_price(self.plan.graph[n], moved) for n in named)

    def _gap_price(self, item: FeatureMap, moved: int | None) -> int:
        """What computing all but the gap of a map costs after a move."""
        gap = self.stream.how.gaps[item.name]
        first, last = gap.at(moved, item.value.shape[0])
        if moved == 0:
            return 0
        base, slope = self.stream.how.gap_prices[item.name]
        return base + slope * ((moved or 0) // gap.frames) if last > first else self.plan.price(item.name)

    def scheduled(self, item: FeatureMap) -> None:
        gap = self.stream.how.gaps.get(item.name)
        if gap is None:
            super().scheduled(item)
            return
        times = item.value.shape[0]
        first, last = gap.at(self._moved, times)
        if item.name in self.stream.how.kept and self._moved != 0:
            _slide(self.values[item.name], first, last, (self._moved or 0) // gap.frames, item)
        if last - first == times:
            return
        self.cost += self._gap_price(item, self._moved)
        self.events.append(Event("compute", item.name, 0))
        _, bands, channels = whole(item.value.shape)
        for part in parts_outside(first, last, times):
            self.compute(item, (part, bands, channels))


def _slide(values: np.ndarray, first: int, last: int, by: int, item: FeatureMap) -> None:
    """Positions [first, last) become those `by` later; the rest is not there any more."""
    kept = values[:, first + by : last + by].copy()
    values[:] = POISON
    values[:, first:last] = kept
