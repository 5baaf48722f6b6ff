"""Decisions that can be looked at one by one, and what of each table only they can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.interpret import Results
from codegen.plan import Plan
from hybrid.stats.attribution import Charges, charge
from tree_backends.evaluate import Split, leaves, splits
from tree_backends.forest import VECTOR


@dataclass(frozen=True, eq=False)
class Watched:
    """results of a batch; values: the forest's features, int64 (n, features); truth: class numbers (n,)."""

    results: Results
    values: np.ndarray
    truth: np.ndarray

    @property
    def plan(self) -> Plan:
        """The plan that decided."""
        return self.results.plan

    @cached_property
    def charges(self) -> Charges:
        """The cost of tiles, shared among those who asked."""
        return charge(self.results)

    @cached_property
    def splits(self) -> list[Split]:
        """Every node with the decisions that pass it."""
        return list(splits(self.plan.forest, self.values, self.results.stage))

    @cached_property
    def node_cost(self) -> np.ndarray:
        """Instructions charged to each node: its visits and its share of the tiles, float64 (nodes,)."""
        forest, cost = self.plan.forest, np.zeros(self.plan.forest.nodes)
        for split in self.splits:
            read = self.charges.read[split.rows, forest.node_feature[split.node]]
            cost[split.node] += float(read.sum()) + self.plan.prices.visit * len(split.rows)
        return cost

    @cached_property
    def second(self) -> np.ndarray:
        """The class that came second in each decision, (n,)."""
        scores = self.results.scores.copy()
        scores[np.arange(len(scores)), self.results.label] = np.iinfo(np.int64).min
        return scores.argmax(axis=1)

    def pushed(self, tree: int) -> np.ndarray:
        """What a tree adds to the lead of the label over the second, in logits, float64 (n,); 0 where it never ran."""
        forest, results = self.plan.forest, self.results
        number = next(i for i, stage in enumerate(forest.stages) if stage.first <= tree < stage.last)
        gained = forest.leaf_scores[leaves(forest, self.values, tree)].astype(np.int64)
        rows, cls = np.arange(len(gained)), int(forest.tree_class[tree])
        if cls == VECTOR:
            lead = gained[rows, results.label] - gained[rows, self.second]
        else:
            lead = gained[:, 0] * ((results.label == cls).astype(np.int64) - (self.second == cls))
        return np.where(results.stage >= number, lead, 0) * forest.unit

    def by_stage(self) -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
        """For each stage the tiles computed and asked for until its end, as in Results."""
        forest, reads = self.plan.forest, np.zeros_like(self.results.reads)
        ends, own = [stage.last for stage in forest.stages], iter(self.splits)
        split = next(own, None)
        for number, end in enumerate(ends):
            while split is not None and split.tree < end:
                reads[split.rows, forest.node_feature[split.node]] += 1
                split = next(own, None)
            closed = self.plan.spread(self.plan.requests(reads, np.minimum(self.results.stage, number) + 1))
            yield {name: pair[0] for name, pair in closed.items()}, {name: pair[1] for name, pair in closed.items()}
