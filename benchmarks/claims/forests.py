"""The forest of a model with other stages: joined, dropped, in another order, with exits chosen in other ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.claims.case import Case
from codegen.interpret import values_of
from codegen.plan import Plan
from hybrid.exits import Evidence, choose_exits, evidence
from hybrid.training import choose_margins
from tree_backends.cleanup import drop_dead
from tree_backends.evaluate import stage_scores
from tree_backends.forest import NEVER, Forest, Stage


def whole_stages(forest: Forest) -> Forest:
    """The stages that `split_stages` was given: a base without trees goes with the trees behind it."""
    kept: list[Stage] = []
    for stage in forest.stages:
        before = kept[-1] if kept else None
        if stage.base is None and before and before.base is not None and before.first == before.last:
            kept[-1] = replace(stage, first=before.first, base=before.base, base_shift=before.base_shift)
        else:
            kept.append(stage)
    return replace(forest, stages=tuple(kept))


def never(forest: Forest) -> Forest:
    """No exits at all."""
    open_forest = whole_stages(forest).with_margins([NEVER] * (len(whole_stages(forest).stages) - 1) + [0])
    return replace(open_forest, clip_margin=NEVER)


def taken(forest: Forest, order: Sequence[int]) -> Forest:
    """Some of the stages (of `whole_stages`), in the order given, with their margins, and what they read."""
    trees, stages = [], []
    for number in order:
        stage = forest.stages[number]
        first = len(trees)
        trees += range(stage.first, stage.last)
        stages.append(replace(stage, first=first, last=len(trees)))
    roots, classes = forest.tree_root[trees], forest.tree_class[trees]
    return drop_dead(replace(forest, tree_root=roots, tree_class=classes, stages=tuple(stages)))


def gate_stages(forest: Forest) -> list[int]:
    """Stages that read energies alone: before the first base."""
    based = [i for i, s in enumerate(forest.stages) if s.base is not None]
    return list(range(based[0])) if based else []


def plan_of(case: Case, forest: Forest) -> Plan:
    """The model's plan with another forest."""
    return Plan(case.plan.name, case.plan.labels, case.plan.graph, forest, case.plan.core)


def chosen_together(case: Case, forest: Forest, margins: str | None = None) -> Forest:
    """Exits as the fit chooses them, on validation windows. margins: other `forest.exit_margins` than the model's."""
    config = case.config
    if margins:
        config = replace(config, forest=replace(config.forest, exit_margins=margins))
    found = choose_margins(plan_of(case, forest), case.maps["validation"], case.windows["validation"], config)
    return found.on(forest)


def found_on_validation(case: Case, forest: Forest) -> Evidence:
    """What the validation windows say of leaving."""
    maps, plan = case.maps["validation"], plan_of(case, forest)
    values = values_of(maps, forest.features)
    scores = stage_scores(forest, values, lambda name: maps[name].reshape(len(values), -1))
    prices = np.array([float(plan.bound(s + 1)) for s in range(len(forest.stages))])
    truth = case.windows["validation"].truth if case.config.forest.exit_harm == "truth" else None
    return evidence(scores, prices, truth)


def chosen_in_order(case: Case, forest: Forest) -> Forest:
    """One stage's exit after the other, each with an equal part of what may be harmed, on the windows left over."""
    found, last = found_on_validation(case, forest), len(forest.stages) - 1
    rows, spent, margins = np.arange(found.windows), 0, []
    for stage in range(last):
        allowed = int(case.config.forest.exit_loss * found.windows * (stage + 1) / last + 1e-9) - spent
        pair = _two(found.of(rows), stage)
        needed = choose_exits(pair, allowed, "shared")
        margins.append(needed[0])
        left = pair.stage(needed) == 0
        spent += int(pair.harm[0, left].sum())
        rows = rows[~left]
    return forest.with_margins([*margins, 0])


def _two(found: Evidence, stage: int) -> Evidence:
    at = [stage, len(found.margins) - 1]
    return Evidence(found.margins[at], found.labels[at], found.harm[at], found.cost[at], found.classes)
