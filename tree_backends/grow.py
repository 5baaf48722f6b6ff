"""Collecting an ensemble's trees node by node; what every source of ensembles shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tree_backends.ensemble import ARRAYS, NAN, NODES, NONE, NUMERIC, ZERO, Ensemble
from tree_backends.forest import ForestError

__all__ = ["NAN", "NONE", "NUMERIC", "ZERO", "Grower"]


class Grower:
    """Takes trees whose nodes are numbered in any order and renumbers them in preorder."""

    def __init__(self) -> None:
        self._nodes: list[list[Any]] = []
        self._values: list[Sequence[float]] = []
        self._counts: list[Sequence[int]] = []
        self._roots: list[int] = []
        self._outputs: list[int] = []
        self._sets: dict[tuple[int, ...], int] = {}
        self.members = 0
        """Of all category sets together."""

    def category_set(self, members: Iterable[int]) -> int:
        """The number of a set of categories."""
        chosen = tuple(sorted(set(members)))
        if chosen not in self._sets:
            self._sets[chosen] = len(self._sets)
            self.members += len(chosen)
        return self._sets[chosen]

    def tree(
        self,
        output: int,
        nodes: Sequence[tuple[int, float, int, bool, int, int, int]],
        values: Sequence[Sequence[float]],
        counts: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Add a tree. nodes: (feature, threshold, missing, default left, category set, left, right), the first one the
        root; children >= 0 are nodes of this list, ~child rows of `values`. Raises ForestError unless every node and
        leaf is reached exactly once."""
        number, seen_nodes, seen_leaves = len(self._roots), 0, 0
        reached: set[int] = set()
        parents: list[tuple[int, int] | None] = [None]
        stack: list[int] = [0 if nodes else -1]
        while stack:
            at, parent = stack.pop(), parents.pop()
            leaf = at < 0
            if at in reached or (~at >= len(values) if leaf else at >= len(nodes)):
                raise ForestError(f"tree {number}: node {at} is reached twice or is not there: the model is damaged")
            reached.add(at)
            if leaf:
                seen_leaves += 1
                new = ~len(self._values)
                self._values.append(values[~at])
                if counts is not None:
                    self._counts.append(counts[~at])
            else:
                seen_nodes += 1
                new = len(self._nodes)
                self._nodes.append(list(nodes[at]))
                stack += [nodes[at][6], nodes[at][5]]
                parents += [(new, 6), (new, 5)]
            if parent is None:
                self._roots.append(new)
            else:
                self._nodes[parent[0]][parent[1]] = new
        if seen_nodes != len(nodes) or seen_leaves != len(values):
            raise ForestError(f"tree {number}: a node or leaf is not reached: the model is damaged")
        self._outputs.append(output)

    def finish(self, **fields: Any) -> Ensemble:
        """The ensemble; `fields` are those that are not arrays of nodes, leaves or trees."""
        columns = list(zip(*self._nodes, strict=True)) if self._nodes else [()] * len(NODES)
        arrays: dict[str, Any] = {
            name: np.asarray(column, dtype=ARRAYS[name]) for name, column in zip(NODES, columns, strict=True)
        }
        return Ensemble(
            **arrays,
            values=np.asarray(self._values, dtype=np.float64).reshape(len(self._values), -1),
            roots=np.asarray(self._roots, dtype=np.int32),
            outputs=np.asarray(self._outputs, dtype=np.int32),
            counts=np.asarray(self._counts, dtype=np.int64) if self._counts else None,
            category_sets=tuple(self._sets),
            **fields,
        )
