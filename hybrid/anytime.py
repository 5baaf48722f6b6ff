"""Accuracy against budget: what `decide_within` answers when it may spend so much."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen import interpret
from codegen.anytime import Anytime, Progress, progress
from codegen.plan import Plan

POINTS = 50


def run(plan: Plan, maps: dict[str, np.ndarray]) -> Progress:
    """All steps of a batch. maps: whole maps that the forest names."""
    return progress(plan, interpret.values_of(maps, plan.forest.features), maps)


def budgets(how: Anytime) -> list[int]:
    """Even steps from the answer that computes nothing to the bound, and where each step comes to be allowed."""
    even = np.linspace(how.answer, how.most, POINTS).astype(np.int64).tolist()
    allowed = [step.total + how.overhead for step in how.steps]
    return sorted({*even, *allowed, how.start + how.steps[0].price})


def curve(found: dict[str, tuple[Progress, np.ndarray]]) -> dict[str, Any]:
    """Accuracy and mean cost by budget. found: split -> (windows after every step, their classes (n,))."""
    how = next(iter(found.values()))[0].how
    points = budgets(how)
    result: dict[str, Any] = {
        "budgets": points, "least": how.answer, "most": how.most, "prior": how.plan.labels[how.plan.forest.prior],
        "splits": {},
    }  # fmt: skip
    for split, (steps, truth) in found.items():
        inside = [steps.inside(budget) for budget in points]
        result["splits"][split] = {
            "accuracy": [float((one.label == truth).mean()) for one in inside],
            "mean_cost": [float(one.cost.mean()) for one in inside],
            "prior": float((truth == how.plan.forest.prior).mean()),
        }
    return result
