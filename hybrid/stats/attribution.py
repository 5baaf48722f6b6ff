"""Who is to blame for the cost: every tile's price, and that of its inputs, shared evenly among those who asked for it.

Shared tiles make costs hard to assign: here each request for a tile bears an equal part of it. What trees, bases and
schedules are charged then adds up to what the tiles cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.interpret import Results


@dataclass(frozen=True, eq=False)
class Charges:
    """Instructions, float64. read: (n, features), for one read of a feature; 0 where it was not read.

    stages: (n, stages), for each stage's scheduled maps and base.
    """

    read: np.ndarray
    stages: np.ndarray


def charge(results: Results) -> Charges:
    """Share out what the tiles of each decision cost."""
    plan = results.plan
    per_request: dict[str, np.ndarray] = {}
    for item in plan.maps:
        asked, computed = results.asked[item.name], results.computed[item.name]
        owed = computed * float(plan.price(item.name))
        for source, matrix in plan.asked[item.name].items():
            owed = owed + computed * (per_request[source] @ matrix.T)
        per_request[item.name] = np.divide(owed, asked, out=np.zeros_like(owed), where=asked > 0)
    n = len(results.label)
    read = np.zeros((n, len(plan.forest.features)))
    for column, (feature, tile) in enumerate(zip(plan.forest.features, plan.feature_tiles, strict=True)):
        if plan.on_demand(feature.map):
            read[:, column] = per_request[feature.map][:, tile] * (results.reads[:, column] > 0)
    stages = np.zeros((n, len(plan.forest.stages)))
    for name, number in plan.scheduled.items():
        stages[:, number] += per_request[name][:, 0]
    for number, stage in enumerate(plan.forest.stages):
        if stage.base is not None and plan.on_demand(stage.base):
            stages[:, number] += per_request[stage.base].sum(axis=1) * (results.stage >= number)
    return Charges(read, stages)
