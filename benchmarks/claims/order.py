"""(b) The execution path: all trees always, exits in order, exact exits within trees, exits chosen together, orders."""

from __future__ import annotations

from itertools import permutations

from benchmarks.claims.case import Case
from benchmarks.claims.forests import (
    chosen_in_order,
    chosen_together,
    found_on_validation,
    gate_stages,
    never,
    plan_of,
    taken,
    whole_stages,
)
from benchmarks.claims.measure import Bench, Row, told
from tree_backends.exits import order_by_gain, split_stages
from tree_backends.forest import Forest

MOST_ORDERS = 24
"""Orders of stages that are tried: all of four stages."""

ALWAYS, SHARED = "all stages, all trees", "exits by stage, chosen together"
SURE, SHARED_SURE = "+ exact exits between base and trees", "+ exact exits between base and trees, chosen together"
IN_ORDER = "exits by stage, one after the other"
ON_CORE = (ALWAYS, IN_ORDER, SURE, SHARED, SHARED_SURE)
"""What is run on the core as well; the others differ by nodes only, or cost more."""


def paths(case: Case, bench: Bench | None) -> list[Row]:
    """The rows, from doing everything to what is left when path and exits are chosen over the whole forest."""
    own = whole_stages(case.plan.forest)
    in_order, shared = chosen_in_order(case, own), chosen_together(case, own, "shared")
    backwards = list(range(len(own.stages)))[::-1]
    orders = {
        "stages in the reverse order": taken(own, backwards),
        "stages in the order found best": taken(own, best_order(case, own)),
    }
    forests = {
        ALWAYS: never(own),
        IN_ORDER: in_order,
        SURE: split_stages(in_order, 0),
        SHARED: shared,
        SHARED_SURE: split_stages(shared, 0),
        "+ exact exits after every round of trees": split_stages(shared, 1),
        "+ rounds in the order of what they can change": split_stages(order_by_gain(shared), 1),
        "one margin for all stages, + exact exits between base and trees": split_stages(
            chosen_together(case, own, "one"), 0
        ),
        "as fitted": case.plan.forest,
    }
    forests |= {name: split_stages(chosen_together(case, f, "shared"), 0) for name, f in orders.items()}
    return [
        told(case, name, plan_of(case, forest), bench=bench if name in ON_CORE else None)
        for name, forest in forests.items()
    ]


def best_order(case: Case, own: Forest) -> list[int]:
    """The order of stages with the least cost on validation windows, exits chosen for each; gates stay first."""
    gate = gate_stages(own)
    rest = [i for i in range(len(own.stages)) if i not in gate]
    tried = {}
    for order in list(permutations(rest))[:MOST_ORDERS]:
        at = [*gate, *order]
        forest = chosen_together(case, taken(own, at), "shared")
        found = found_on_validation(case, forest)
        tried[tuple(at)] = found.judge([s.needed(forest.classes).tolist() for s in forest.stages])[0]
    return list(min(tried, key=lambda at: (tried[at], at)))
