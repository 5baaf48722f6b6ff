"""What trees win by knowing what features cost: python benchmarks/cost_aware.py MODEL DATA [--seeds 0 1 2]

MODEL: a folder written by `hybrid fit`, whose trunk all forests stand on; DATA: the recordings that it was fitted on.
Every way of fitting is run with every seed and cost weight, and its exits are chosen for a row of allowed losses. What
is compared is picked on validation windows and told on test windows, with intervals from a paired bootstrap over them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.refit import Started, start
from codegen import interpret
from codegen.plan import Plan
from feature_extractors.cnn.quantise import LOGIT_SCALE
from hybrid.candidates import TRUNKLESS, depth_of, stage_features
from hybrid.config import ForestConfig
from hybrid.cost_aware import Ledger
from hybrid.marginal import Market
from hybrid.staging import TreeData, cleaned, fit_forest
from hybrid.training import choose_margins, with_sure_exits
from tree_backends.forest import Feature, Forest
from tree_backends.priced import binned, softmax

LOSSES = (0.0, 0.002, 0.01)
KINDS = ("logits", "pooled", "log_mel_pooled", "frame")
GREEDY, SAMPLE = 32, 4000
"""Features chosen for a stage beforehand, and rows on which their gains are looked at."""
DRAWS = 2000


class Constants(Ledger):
    """Prices that stay what each feature costs alone: plain cost-effective boosting."""

    def enter(self, stages: int) -> None:
        """Nothing is ever there."""

    def buy(self, rows: np.ndarray, feature: int) -> None:
        """Nothing is ever there."""

    def note(self, reads: np.ndarray) -> None:
        """Nothing is ever there."""


Offer = list[list[Feature]]
Heads = tuple[str | None, ...]


@dataclass(frozen=True)
class Way:
    """A way of fitting: its name, settings, cost weights, and what it offers to each stage."""

    name: str
    config: ForestConfig
    weights: tuple[float, ...]
    offer: Callable[[Started, ForestConfig, Heads], Offer]
    accounts: type[Ledger] = Ledger
    early: bool = False


@dataclass(frozen=True, eq=False)
class Point:
    """Exits of a forest. Accuracies in %, right: bool, cost: instructions; of each test window."""

    weight: float
    loss: float
    accuracy: float
    mean: float
    right: np.ndarray
    cost: np.ndarray
    nodes: int
    most: int


def ways(base: bool, started: Started, rounds: int, weights: tuple[float, ...]) -> list[Way]:
    """What is compared."""
    one = replace(
        started.config.forest, features=KINDS, base=base, rounds=(rounds,), exit_margins="one", threads=1,
        trees="class", stages=(), cost_weight=0.0,
    )  # fmt: skip
    vector = replace(one, trees="vector", rounds=(2 * rounds,))
    logits = replace(one, features=("logits",))
    found = [
        Way("a: no cost, all kinds", one, (0.0,), everything),
        Way("b: a constant for each feature", one, weights, everything, Constants),
        Way("c: marginal, recomputed", one, weights, everything),
        Way("d: 32 features chosen by gain for their price", one, weights, greedy),
        Way("e: class vectors in leaves, no cost", vector, (0.0,), everything),
        Way("c+e: class vectors, marginal at every split", vector, weights, everything),
        Way("f: logits of the depth only", logits, (0.0,), everything),
        Way(
            "e+f: class vectors, logits only", replace(logits, trees="vector", rounds=(2 * rounds,)), (0.0,), everything
        ),
    ]
    if base:
        before = replace(logits, rounds=(3 * rounds, rounds))
        vectors = replace(before, trees="vector", rounds=(4 * rounds, 2 * rounds))
        found += [
            Way("g: f and a stage before the trunk, no cost", before, (0.0,), with_cells, early=True),
            Way("c+g: the same, marginal", before, weights, with_cells, early=True),
            Way("c+e+g: the same in class vectors", vectors, weights, with_cells, early=True),
        ]  # fmt: skip
    return found


def everything(started: Started, config: ForestConfig, heads: Heads) -> Offer:
    """All features of the kinds."""
    groups = stage_features(started.graph, config.features, heads)
    return [[f for f in group if f.map in started.train] for group in groups]


def with_cells(started: Started, config: ForestConfig, heads: Heads) -> Offer:
    """Before the trunk: every second frame's energies, and every second cell of every second frame of the log-mel."""
    late = everything(started, config, tuple(head for head in heads if head))
    early = [m for m in started.graph if m.name in started.train and not depth_of(started.graph, m)]
    cells = [Feature(m.name, (t, b, 0)) for m in early if m.op.name in ("frame_energy", "zero_crossings", "log_mel")
             for t in range(0, m.value.shape[0], 2) for b in range(0, m.value.shape[1], 2)]  # fmt: skip
    return [cells, *late]


def greedy(started: Started, config: ForestConfig, heads: Heads) -> Offer:
    """For each stage the features of the most gain for their price, each priced after those taken before it."""
    offered = everything(started, config, heads)
    bases = [head if config.base else None for head in heads]
    market = Market(started.graph, offered, bases, len(started.labels))
    rows = np.random.default_rng(0).permutation(len(started.target))[:SAMPLE]
    some = {name: values[rows] for name, values in started.train.items()}
    had, first, chosen = np.zeros(len(market.price), dtype=bool), 0, []
    for number, group in enumerate(offered):
        had |= market.entered(number + 1)
        name = heads[number]
        scores = some[name].reshape(len(rows), -1) * LOGIT_SCALE if config.base and name else None
        gain = root_gain(interpret.values_of(some, group), started.target[rows], scores)
        taken: list[int] = []
        for _ in range(min(GREEDY, len(group))):
            price = market.marginal(had)[first : first + len(group)] + market.visit
            worth = gain - config.cost_weight * 1e-6 * SAMPLE * price
            worth[taken] = -np.inf
            taken.append(int(worth.argmax()))
            had |= market.closure[first + taken[-1]]
        chosen.append([group[i] for i in sorted(taken)])
        first += len(group)
    return chosen


def root_gain(values: np.ndarray, target: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """What the best single split on each feature gains, in nats over all rows: (features,)."""
    data = binned(values)
    start = np.zeros_like(target) if scores is None else scores
    p = softmax(start)
    sums = np.asarray(data.one_hot.T @ np.hstack([p - target, p * (1 - p) + 1e-6]))
    left = sums.reshape(data.features, data.width, -1).cumsum(axis=1)
    classes = target.shape[1]

    def score(part: np.ndarray) -> np.ndarray:
        return np.asarray((part[..., :classes] ** 2 / (part[..., classes:] + 1)).sum(axis=-1))

    gain = score(left) + score(left[:, -1:] - left) - score(left[:, -1:])
    return np.asarray(0.5 * gain.max(axis=1))


def points(started: Started, way: Way, seed: int) -> Iterator[Point]:
    """Every cost weight and allowed loss."""
    for weight in way.weights:
        config = replace(way.config, cost_weight=weight)
        heads: Heads = ((None,) if way.early else ()) + started.heads
        offered = way.offer(started, config, heads)
        forest = fit_forest(
            started.graph, TreeData(started.train, started.target), heads, config, LOGIT_SCALE, seed,
            offered=offered, accounts=way.accounts,
        )  # fmt: skip
        forest = cleaned(forest, started.train, config)
        for loss in LOSSES:
            yield judged(started, forest, replace(config, exit_loss=loss))


def judged(started: Started, forest: Forest, config: ForestConfig) -> Point:
    """A forest with exits for an allowed loss."""
    plan = Plan("model", started.labels, started.graph, forest)
    windows, maps = started.held["validation"]
    exits = choose_margins(plan, maps, windows, replace(started.config, forest=config))
    plan = replace(plan, forest=with_sure_exits(exits.on(forest), windows))
    found = {s: (interpret.decide_on(plan, own), w) for s, (w, own) in started.held.items()}
    right = {s: w.clip_labels(r.scores, exits.clip) == w.clip_truth for s, (r, w) in found.items()}
    cost = {s: r.cost * w.asked(r.scores, exits.clip) for s, (r, w) in found.items()}
    clip = found["test"][1].clip
    each = np.bincount(clip, weights=cost["test"]) / np.bincount(clip)
    return Point(
        config.cost_weight, config.exit_loss, 100 * float(right["validation"].mean()),
        float(cost["validation"].mean()),
        right["test"], each, plan.forest.nodes, plan.cost_max,
    )  # fmt: skip


Runs = dict[int, list[Point]]
"""Points by seed, in the same order for every seed."""


def mean_of(runs: Runs, at: int) -> tuple[float, float]:
    """(accuracy %, instructions) on validation, mean over seeds."""
    own = [found[at] for found in runs.values()]
    return float(np.mean([p.accuracy for p in own])), float(np.mean([p.mean for p in own]))


def picked(runs: Runs, accept: Callable[[float, float], bool], best: Callable[[float, float], float]) -> int | None:
    """The point that is best on validation of those accepted there; None where none is."""
    found = [(best(*mean_of(runs, i)), -i) for i in range(len(next(iter(runs.values())))) if accept(*mean_of(runs, i))]
    return -max(found)[1] if found else None


def compared(ours: list[Point], theirs: list[Point]) -> str:
    """Test accuracy and instructions of ours, and the differences to theirs with 95 % intervals over clips."""
    right = np.mean([p.right for p in ours], axis=0)
    cost = np.mean([p.cost for p in ours], axis=0)
    more = 100 * (right - np.mean([p.right for p in theirs], axis=0))
    saved = cost - np.mean([p.cost for p in theirs], axis=0)
    rows = np.random.default_rng(0).integers(0, len(more), (DRAWS, len(more)))

    def told(values: np.ndarray, scale: float, digits: int) -> str:
        low, high = np.percentile(values[rows].mean(axis=1), (2.5, 97.5)) / scale
        return f"{values.mean() / scale:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"

    return f"{100 * right.mean():.2f} | {told(more, 1, 2)} | {cost.mean() / 1000:.1f} | {told(saved, 1000, 1)}"


def table(found: dict[str, Runs], loss: float, margin: float) -> Iterator[str]:
    """The comparison with the first way. loss: of its exits; margin: points that count as equal accuracy."""
    first = next(iter(found.values()))
    own = next(i for i, p in enumerate(next(iter(first.values()))) if p.loss == loss)
    accuracy, cost = mean_of(first, own)
    theirs = [runs[own] for runs in first.values()]
    head = "| way | weight, exit loss | validation % | k instr. | test % | difference | k instr. | difference |"
    equal_cost = ("at equal cost", lambda a, c: c <= cost * 1.0005, lambda a, c: a)
    equal_accuracy = ("at equal accuracy", lambda a, c: a >= accuracy - margin, lambda a, c: -c)
    for title, accept, best in (equal_cost, equal_accuracy):
        yield f"\n**{title}** to the first way at an exit loss of {100 * loss:g} points (picked on validation)\n"
        yield f"{head}\n|---|---|---|---|---|---|---|---|"
        for name, runs in found.items():
            at = picked(runs, accept, best)
            if at is None:
                yield f"| {name} | none | | | | | | |"
                continue
            right, spent = mean_of(runs, at)
            ours = [points_[at] for points_ in runs.values()]
            yield (
                f"| {name} | {ours[0].weight:g}, {100 * ours[0].loss:g} | {right:.2f} | {spent / 1000:.1f} "
                f"| {compared(ours, theirs)} |"
            )


def compare(
    started: Started, base: bool, seeds: list[int], rounds: int, weights: tuple[float, ...], only: str, end: float
) -> Iterator[str]:
    """One table of the ways with or without bases. end: the time after which no further way is begun."""
    found: dict[str, Runs] = {}
    chosen = {way.name.split(":")[0]: way for way in ways(base, started, rounds, weights)}
    for letter in only.split(",") if only else chosen:
        begun = time.monotonic()
        if letter not in chosen or begun > end:
            print(f"{letter}: not run", file=sys.stderr)
            continue
        way = chosen[letter]
        found[way.name] = {seed: list(points(started, way, seed)) for seed in seeds}
        own = [p for runs in found[way.name].values() for p in runs]
        told = f"{way.name}: {min(p.nodes for p in own)}-{max(p.nodes for p in own)} nodes"
        print(f"{told}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    yield f"\n### {'Logits of each depth as the base' if base else 'Trees alone, no base'}"
    yield from table(found, 0.002, 0.15)


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--copies", type=int, default=2, help="augmented copies of the training windows")
    parser.add_argument("--rounds", type=int, default=4, help="of each stage; twice as many of class vectors")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.3, 3.0], help="cost weights")
    parser.add_argument("--bases", choices=("both", "with", "without"), default="both")
    parser.add_argument(
        "--ways", default="", help="only these, in this order, such as a,c,c+e; the first is compared with"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further way after so long")
    parser.add_argument("--parts", action="store_true", help="regions of the pooled maps, too: three times as many")
    options = parser.parse_args()
    started = start(options.model, options.data, _wanted(options.parts), options.copies)
    source = "teachers' soft labels" if started.taught else "labels alone (the teachers' are not in the cache)"
    print(f"{len(started.target)} training windows, {source}; {options.rounds} rounds")
    end, weights = time.monotonic() + 60 * options.minutes, tuple(options.weights)
    for base in (True, False):
        if options.bases in ("both", "with" if base else "without"):
            for line in compare(started, base, options.seeds, options.rounds, weights, options.ways, end):
                print(line, flush=True)


def _wanted(parts: bool) -> Callable[[str, str], bool]:
    """Which maps are worth having: (name, kind) -> bool."""
    kinds = {*KINDS, *TRUNKLESS}
    return lambda name, kind: kind in kinds and (parts or kind != "pooled" or name[-2:-1] != "p")


if __name__ == "__main__":
    main()
