"""(c) Features on demand: whole maps, on demand without and with exits, with and without what a front end has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.claims.case import Case, heads_of
from benchmarks.claims.forests import (
    gate_stages,
    never,
    plan_of,
    taken,
    whole_stages,
)
from benchmarks.claims.measure import Bench, Row, priced, told
from codegen import interpret
from codegen.plan import Plan
from feature_extractors.graph import Graph
from hybrid.staging import dense_forest
from tree_backends.exits import split_stages
from tree_backends.forest import NEVER, Forest


def on_demand(case: Case, bench: Bench | None) -> list[Row]:
    """Rows 'front: way'."""
    shipped = case.plan.forest
    rows = [told(case, "dense head: eager", plan_of(case, dense_end(case)), eager=True, bench=bench)]
    rows += three(case, "as fitted", shipped, bench)
    open_ = ungated(case)
    if open_ is not None:
        rows += three(case, "no gate", open_, bench)
    return rows + unplaced(case)


def dense_end(case: Case) -> Forest:
    """The dense head at the end of the trunk."""
    return dense_at(case, heads_of(case.plan.graph)[-1])


def dense_at(case: Case, head: str) -> Forest:
    """A dense head, whose scores have the shift that the model gives its bases."""
    shifts = [s.base_shift for s in case.plan.forest.stages if s.base]
    return dense_forest(len(case.plan.labels), head, shifts[-1] if shifts else 0, case.plan.forest.unit)


def three(case: Case, name: str, forest: Forest, bench: Bench | None) -> list[Row]:
    """Whole maps, on demand without exits, on demand with exits."""
    with_exits, without_exits = plan_of(case, forest), plan_of(case, never(forest))
    return [
        told(case, f"{name}: eager", with_exits, eager=True, bench=bench),
        told(case, f"{name}: on demand, no exits", without_exits, bench=bench),
        told(case, f"{name}: on demand, exits", with_exits, bench=bench),
    ]


def ungated(case: Case) -> Forest | None:
    """The forest without its gate: what passes is decided as if there were none."""
    own = whole_stages(case.plan.forest)
    gate = gate_stages(own)
    left = [i for i in range(len(own.stages)) if i not in gate]
    return split_stages(taken(own, left), 0) if gate else None


def unplaced(case: Case) -> list[Row]:
    """The same decisions, path by path, where every frame of the window is heard: prices only, nothing is answered.

    The trunk was not trained on so many frames, so its answers there would say nothing.
    """
    graph = all_frames(case.plan.graph)
    if graph is None:
        return []
    rows = []
    for way, forest in (("eager", None), ("on demand, no exits", never(case.plan.forest)), ("on demand, exits", None)):
        chosen = forest or case.plan.forest
        plan = Plan(case.plan.name, case.plan.labels, graph, chosen, case.plan.core)
        rows.append(_same_path(case, f"all frames: {way}", plan, way == "eager"))
    return rows


def _same_path(case: Case, name: str, plan: Plan, eager: bool) -> Row:
    found = interpret.decide_on(plan_of(case, plan.forest), case.maps["test"])
    closed = plan.spread(plan.requests(found.reads, found.stage + 1))
    moved = replace(
        found, plan=plan, computed={n: pair[0] for n, pair in closed.items()},
        asked={n: pair[1] for n, pair in closed.items()},
    )  # fmt: skip
    whole = {m.name: float(plan.prices.whole[m.name]) for m in plan.maps} if eager else None
    spent = moved.eager_cost if eager else moved.cost
    test = case.windows["test"]
    among = test.asked(found.scores, NEVER if eager else plan.forest.clip_margin)
    return priced(name, moved, spent, whole, np.zeros(0, dtype=bool), (test.clip, among))


def all_frames(graph: Graph) -> Graph | None:
    """The graph with every frame heard, where a window is placed; else None."""
    if not any(m.op.name == "log_mel" and getattr(m.op, "placed", 0) for m in graph):
        return None
    result = Graph()
    for item in graph:
        if item.op.name == "log_mel":
            result.add(item.name, replace(item.op, placed=0), item.inputs[:1])  # type: ignore[type-var]
        else:
            result.add(item.name, item.op, item.inputs)
    return result
