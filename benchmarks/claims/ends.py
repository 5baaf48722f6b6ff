"""(a) Ends on the same trunk at each depth: dense head, trees, the deeper convolutions, and the staged forest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.claims.case import Case, heads_of
from benchmarks.claims.demand import dense_at, three
from benchmarks.claims.forests import chosen_together, plan_of, taken
from benchmarks.claims.measure import Bench, Row, told
from benchmarks.refit import Started, start
from codegen import interpret
from codegen.plan import Plan
from feature_extractors.cnn.quantise import LOGIT_SCALE
from feature_extractors.graph import Graph
from feature_extractors.ops.convolution import Conv, Depthwise
from hybrid.config import ForestConfig
from hybrid.staging import TreeData, fit_forest
from tree_backends.cleanup import drop_dead
from tree_backends.exits import split_stages
from tree_backends.forest import Feature, Forest

ROUNDS = (5, 10, 20, 40)
"""Rounds of a tree a class that are tried where trees stand instead of a dense head; validation clips choose."""
RATE = 0.2
"""Learning rate there: few rounds from nothing, where the model's own correct logits that are there already."""


def training(folder: Path, data: Path, copies: int) -> Started:
    """Maps of augmented copies of the training clips, and what trees aim at."""
    return start(folder, data, lambda name, kind: kind in ("logits", "pooled") and name[-2:-1] != "p", copies)


def ends(case: Case, rows: Started, bench: Bench | None) -> list[Row]:
    """Rows 'head: end'. more['end']: instructions of what comes after the head's last convolution."""
    graph, found = case.plan.graph, []
    deepest = heads_of(graph)[-1]
    last = told(case, "", plan_of(case, dense_at(case, deepest)), bench=bench, flash=True)
    for head in heads_of(graph):
        dense = plan_of(case, dense_at(case, head))
        ground = ground_cost(case, dense, convolutions(graph, head))
        for name, forest in fitted(case, rows, head):
            row = last if forest is None else told(case, "", plan_of(case, forest), bench=bench, flash=True)
            if forest is not None or head != deepest:
                more = row.more | {"head": head, "ground": ground, "end": row.cost - ground}
                found.append(replace(row, name=f"{head}: {name}", more=more))
    staged = told(case, "staged forest, as fitted", case.plan, bench=bench, flash=True)
    return [*found, staged]


def fitted(case: Case, rows: Started, head: str) -> Iterator[tuple[str, Forest | None]]:
    """The ends of a depth; None stands for the deeper convolutions with the deepest dense head."""
    graph = case.plan.graph
    own = replace(case.config.forest, stages=(), cost_weight=0.0, trees="class", threads=1)
    yield "dense head", dense_at(case, head)
    yield "dense head + trees on its logits", grown(case, rows, head, [head], replace(own, base=True))
    alone = replace(own, base=False, rounds=(max(ROUNDS),), learning_rate=RATE)
    yield "trees on the logits, none added", cut(case, grown(case, rows, head, [head], alone))
    yield "trees on pooled channels", cut(case, grown(case, rows, head, graph[head].inputs, alone))
    yield "deeper convolutions + dense head", None


def grown(case: Case, rows: Started, head: str, maps: list[str] | tuple[str, ...], config: ForestConfig) -> Forest:
    """A stage of trees that read some maps."""
    graph = case.plan.graph
    features = [Feature(m, tuple(map(int, at))) for m in maps for at in np.ndindex(graph[m].value.shape)]
    data = TreeData(rows.train, rows.target)
    return drop_dead(fit_forest(graph, data, [head], config, LOGIT_SCALE, case.seed, offered=[features]))


def cut(case: Case, forest: Forest) -> Forest:
    """The first rounds of the forest: as many as are right most often on the validation clips, of equals the fewest."""
    held, tried = case.windows["validation"], []
    for rounds in ROUNDS:
        end = min(rounds * forest.classes, forest.trees)
        some = replace(
            forest, tree_root=forest.tree_root[:end], tree_class=forest.tree_class[:end],
            stages=(replace(forest.stages[0], last=end),),
        )  # fmt: skip
        some = drop_dead(some)
        scores = interpret.decide_on(plan_of(case, some), case.maps["validation"]).scores
        tried.append((-float((held.clip_labels(scores) == held.clip_truth).mean()), rounds, some))
    return min(tried, key=lambda one: one[:2])[2]


def convolutions(graph: Graph, head: str) -> set[str]:
    """A head's convolutions and all that they are computed from."""
    closed = graph.closure([head])
    last = [m.name for m in closed if isinstance(m.op, (Conv, Depthwise))]
    return {m.name for m in graph.closure(last)}


def ground_cost(case: Case, plan: Plan, names: set[str]) -> float:
    """Instructions a clip of the maps that all ends at a depth stand on."""
    found, test = interpret.decide_on(plan, case.maps["test"]), case.windows["test"]
    own = [m.name for m in plan.maps if m.name in names]
    return sum(float(found.computed[name].sum()) * plan.price(name) for name in own) / len(test.clip_truth)


def scoutless(case: Case, rows: Started, bench: Bench | None) -> list[Row]:
    """Whole maps and on demand with a forest of the trunk's own heads, fitted anew; nothing where there is no scout."""
    heads = [h for h in heads_of(case.plan.graph) if not h.startswith("scout_")]
    if len(heads) == len(heads_of(case.plan.graph)):
        return []
    offered = [[Feature(h, (0, 0, c)) for c in range(len(case.plan.labels))] for h in heads]
    config = replace(case.config.forest, stages=(), cost_weight=0.0, trees="class", threads=1)
    data = TreeData(rows.train, rows.target)
    forest = fit_forest(case.plan.graph, data, heads, config, LOGIT_SCALE, case.seed, offered=offered)
    forest = taken(forest, range(len(forest.stages)))
    return three(case, "no gate, no scout", split_stages(chosen_together(case, forest), 0), bench)
