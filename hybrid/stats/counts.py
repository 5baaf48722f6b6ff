"""Totals over decisions: exactly what the C counts with HYB_STATS, so that both fill the same tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.interpret import Results
from codegen.plan import Plan


@dataclass(frozen=True, eq=False)
class Counts:
    """Sums over `decisions`. Integer arrays; computes and hits are tiles, in the order of plan.maps.

    left: decisions that left after each stage (stages,); decided: decisions for each class (classes,);
    node_visits: (nodes,). costs in instructions. streamed: windows overlapped, so that parts of maps were kept between
    decisions and a tile has no one price.
    """

    plan: Plan
    decisions: int
    cost_sum: int
    cost_max: int
    left: np.ndarray
    decided: np.ndarray
    computes: np.ndarray
    hits: np.ndarray
    node_visits: np.ndarray
    streamed: bool = False

    @cached_property
    def reads(self) -> np.ndarray:
        """How often trees read each feature, int64 (features,)."""
        forest = self.plan.forest
        reads = np.zeros(len(forest.features), dtype=np.int64)
        np.add.at(reads, forest.node_feature, self.node_visits)
        return reads

    @cached_property
    def entered(self) -> np.ndarray:
        """How many decisions entered each stage, int64 (stages,)."""
        return self.left[::-1].cumsum()[::-1]

    @cached_property
    def ever(self) -> dict[str, np.ndarray]:
        """The tiles that some decision needed: map -> (tiles,) bool.

        What a decision computes is the closure of what it asks for, and closures of unions are unions of closures: so
        the totals tell this exactly.
        """
        stages = int((self.entered > 0).sum())
        return self.plan.tiles_of(np.flatnonzero(self.reads).tolist(), stages)


def count(results: Results) -> Counts:
    """The totals of a batch of decisions."""
    plan = results.plan
    computes, hits = results.counts()
    return Counts(
        plan=plan,
        decisions=len(results.label),
        cost_sum=int(results.cost.sum()),
        cost_max=int(results.cost.max(initial=0)),
        left=np.bincount(results.stage, minlength=len(plan.forest.stages)),
        decided=np.bincount(results.label, minlength=plan.forest.classes),
        computes=computes.sum(axis=0),
        hits=hits.sum(axis=0),
        node_visits=results.node_visits,
    )
