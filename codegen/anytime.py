"""Decisions inside a budget: the steps that a decision is cut into, and what each of them costs at most.

A stage is *opened* (its scheduled maps, its base) as a whole, then its trees run in chunks of whole rounds. Before each
step stands a test: has what was spent, and the most that the step can cost, room in the budget? If not, the decision
ends with the scores that it has. Before the first stage the answer is the forest's prior class.

The most that a step can cost is what it costs if nothing is there that need not be: all tiles that it can ask for, but
those that every decision has computed by then. Beside that stands the bound of all steps up to it, from any path: a
budget that holds it lets the step pass, so that a budget of the last step's bound gives what no budget would.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.plan import Plan
from codegen.prices.prices import tree_depths
from codegen.streaming import StreamPlan
from tree_backends.evaluate import leaves_after, margin, run_trees
from tree_backends.forest import VECTOR

CHUNKS = 50
"""Trees run in chunks that cost at most one part in so many of the dearest decision, or a round where that is more."""
TEST = 32
"""Instructions of a test on any core, and as many for each map whose gap it looks up in a stream."""
ANSWER, ANSWER_CLASS = 160, 24
"""Instructions of an answer of its own, on any core, and more for each class: the scores are set, the best is found.

tests/codegen/target/test_anytime_cores.py holds both against what cores execute."""


@dataclass(frozen=True)
class Step:
    """Opening `stage` (`opens`), or its trees [first, last).

    price: the most that it costs; total: the most that a decision costs up to its end, begin included.
    """

    stage: int
    opens: bool
    first: int
    last: int
    price: int
    total: int


@dataclass(frozen=True, eq=False)
class Anytime:
    """The steps of a plan, over windows or (with `stream`) over a stream, where push has paid for the frames."""

    plan: Plan
    stream: StreamPlan | None = None

    @cached_property
    def answer(self) -> int:
        """Instructions of the answer that computes nothing: no budget below it can be kept.

        Over a stream the window moves all the same: memos and kept tiles with it.
        """
        own = ANSWER + ANSWER_CLASS * self.plan.forest.classes
        if self.stream is None:
            return own
        return own + self.begin + TEST * (len(self.plan.maps) + len(self.stream.gaps))

    @property
    def begin(self) -> int:
        """What comes before the first stage of a decision without a budget."""
        return self.stream.begin if self.stream else self.plan.prices.begin

    def _stage(self, number: int) -> int:
        """What a stage costs beside nodes and tiles."""
        return self.stream.stage_price(number) if self.stream else self.plan.prices.stages[number]

    @cached_property
    def overhead(self) -> int:
        """Instructions that a decision inside a budget costs more than one without: its tests and its last answer."""
        return self.answer + TEST * (len(self.steps) + (len(self.stream.gaps) if self.stream else 0))

    @property
    def start(self) -> int:
        """What is spent before the first stage is opened."""
        return self.begin + self.overhead

    @property
    def most(self) -> int:
        """A budget that every decision fits, and what none costs more than."""
        return self.steps[-1].total + self.overhead

    @cached_property
    def gaps(self) -> list[list[str]]:
        """For each stage the maps whose price depends on how far a stream has moved: not in its step's price.

        Where the stage itself finds out how far that is, its maps are in the price, as if nothing of them were there.
        """
        named = [n for n in self.stream.gaps if self.stream.known(n)] if self.stream else []
        return [[n for n in named if self.plan.scheduled[n] == s] for s in range(len(self.plan.forest.stages))]

    def _cost(self, tiles: dict[str, np.ndarray]) -> int:
        """The price of tiles that a decision computes."""
        price = self.stream.tile_price if self.stream else self.plan.price
        return sum(int(own.sum()) * price(n) for n, own in tiles.items() if own.any())

    def _dearer(self, stage: int, known: bool) -> int:
        """What the maps of a stage that have gaps, known or not, cost more at most than if they were computed whole."""
        if self.stream is None:
            return 0
        named = [n for n in self.stream.gaps if self.plan.scheduled[n] == stage and self.stream.known(n) == known]
        return sum(self.stream.dearer(name) for name in named)

    @cached_property
    def steps(self) -> list[Step]:
        """In order; a stage that has trees has two steps or more."""
        plan, prices, result = self.plan, self.plan.prices, []
        depth = tree_depths(plan.forest)[1]
        fixed, reach = self.begin, {n: np.zeros(g.size, dtype=bool) for n, g in plan.grids.items()}
        sure = reach
        for number, stage in enumerate(plan.forest.stages):
            opened = plan.tiles_of([], number + 1)
            new = {n: own & ~sure[n] for n, own in opened.items()}
            sure, reach = opened, {n: own | reach[n] for n, own in opened.items()}
            more = self._dearer(number, known=False)
            fixed += self._stage(number) + more + self._dearer(number, known=True)
            whole = sum(plan.price(n) for n in self.gaps[number])
            price = self._stage(number) + more + self._cost(new) - whole
            result.append(Step(number, True, stage.first, stage.first, price, fixed + self._cost(reach)))
            for first, last in self._chunks(number, depth, sure):
                asked = plan.tiles_of(map(int, plan.forest.read_by(first, last)), number + 1)
                reach = {n: own | reach[n] for n, own in asked.items()}
                visits = prices.visit * int(depth[first:last].sum())
                fixed += visits
                price = visits + self._cost({n: own & ~sure[n] for n, own in asked.items()})
                result.append(Step(number, False, first, last, price, fixed + self._cost(reach)))
        return result

    def _chunks(self, number: int, depth: np.ndarray, sure: dict[str, np.ndarray]) -> list[tuple[int, int]]:
        """The trees of a stage, cut after whole rounds where a chunk would cost too much on a window."""
        from codegen.header.compact import round_robin  # whose package needs the interpreter

        plan, stage = self.plan, self.plan.forest.stages[number]
        forest, result, start = plan.forest, [], stage.first
        each = forest.classes if round_robin(forest) and forest.tree_class[0] != VECTOR else 1

        def price(first: int, last: int) -> int:
            asked = plan.tiles_of(map(int, forest.read_by(first, last)), number + 1)
            new = {n: own & ~sure[n] for n, own in asked.items()}
            return plan.prices.visit * int(depth[first:last].sum()) + int(plan.tiles_cost(new))

        ends = [*range(stage.first + each, stage.last, each), stage.last] if stage.last > stage.first else []
        for end in ends:
            if end == stage.last or price(start, min(end + each, stage.last)) > plan.cost_max // CHUNKS:
                result.append((start, end))
                start = end
        return result

    def affords(self, step: Step, spent: int, budget: int, gap_prices: int = 0) -> bool:
        """Whether a step may follow. spent: with `overhead`; gap_prices: what the maps in `gaps` cost now."""
        return spent + step.price + gap_prices <= budget or step.total + self.overhead <= budget


@dataclass(frozen=True, eq=False)
class Inside:
    """Decisions of a batch inside a budget, each (n,). stage -1: the prior's answer, nothing was computed."""

    label: np.ndarray
    stage: np.ndarray
    margin: np.ndarray
    cost: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class Progress:
    """A batch after every step, as if no budget ended it. Arrays (steps, n), scores (steps, n, classes).

    spent: instructions with `Anytime.overhead`; left: whether the decision has left by an exit by then.
    """

    how: Anytime
    spent: np.ndarray
    scores: np.ndarray
    left: np.ndarray

    def inside(self, budget: int) -> Inside:
        """The decisions inside a budget."""
        forest, n = self.how.plan.forest, self.left.shape[1]
        at, open_ = np.full(n, -1), np.ones(n, dtype=bool)
        for number, step in enumerate(self.how.steps):
            before = self.spent[number - 1] if number else np.full(n, self.how.start)
            open_ &= np.array([self.how.affords(step, int(spent), budget) for spent in before])
            at[open_] = number
            open_ &= ~self.left[number]
        none, rows = at < 0, np.arange(n)
        scores = np.where(none[:, None], forest.bias, self.scores[at, rows])
        stages = np.array([step.stage for step in self.how.steps])
        return Inside(
            label=np.where(none, forest.prior, scores.argmax(axis=1)),
            stage=np.where(none, -1, stages[at]),
            margin=np.where(none, 0, margin(scores)),
            cost=np.where(none, self.how.answer, self.spent[at, rows]),
            scores=scores,
        )


def progress(plan: Plan, values: np.ndarray, maps: dict[str, np.ndarray]) -> Progress:
    """Run all steps. values: the forest's features (n, features); maps: whole base maps, name -> (n, ...)."""
    how, forest, n = Anytime(plan), plan.forest, len(values)
    scores, reads = np.tile(forest.bias.astype(np.int64), (n, 1)), np.zeros((n, len(forest.features)), dtype=np.int32)
    spent, after, left = [], [], []
    for number, step in enumerate(how.steps):
        stage = forest.stages[step.stage]
        if step.opens:
            if stage.base is not None:
                scores = scores + (maps[stage.base].reshape(n, -1).astype(np.int64) << stage.base_shift)
        else:
            run = run_trees(forest, step.first, step.last, values, scores)
            scores, reads = run.scores, reads + run.reads
        closed = plan.spread(plan.requests(reads, np.full(n, step.stage + 1)))
        tiles = plan.tiles_cost({name: pair[0] for name, pair in closed.items()}).astype(np.int64)
        control = how.start + sum(plan.prices.stages[: step.stage + 1])
        spent.append(control + plan.prices.visit * reads.sum(axis=1, dtype=np.int64) + tiles)
        after.append(scores)
        ends = number + 1 == len(how.steps) or how.steps[number + 1].opens
        left.append(leaves_after(forest, step.stage, scores) if ends else np.zeros(n, dtype=bool))
    return Progress(how, np.stack(spent), np.stack(after), np.stack(left))
