"""An ensemble made ready for a device: every node compares a column with a small integer.

Leaf indices stay those of the ensemble, so a test can hold the two against each other on any input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.forests.columns import Column, columns_of, rule_of
from tree_backends.ensemble import NONE, Ensemble


@dataclass(frozen=True)
class Leaf:
    """number: row of the ensemble's leaf values."""

    number: int


@dataclass(frozen=True)
class Test:
    """column <= k goes to `left`, everything else to `right`."""

    column: int
    k: int
    left: Tree
    right: Tree


Tree = Leaf | Test


@dataclass(frozen=True, eq=False)
class Lowered:
    """dtype: what a feature is on the device, 'int16' or 'float32'; trees in the ensemble's order.

    direct: columns are the int16 features themselves and k is the threshold: nothing is computed before the trees.
    """

    ensemble: Ensemble
    dtype: str
    columns: tuple[Column, ...]
    trees: tuple[Tree, ...]
    direct: bool

    def column_values(self, x: np.ndarray) -> np.ndarray:
        """What the nodes compare, for rows of features of the device's type: (n, columns)."""
        if self.direct:
            return np.stack([x[:, c.feature] for c in self.columns], axis=1) if self.columns else x[:, :0]
        tiny = self.ensemble.tiny_is_zero
        found = [c.values(x[:, c.feature], self.dtype, tiny) for c in self.columns]
        return np.stack(found, axis=1) if found else np.zeros((len(x), 0), np.uint8)

    @cached_property
    def features(self) -> list[int]:
        """Sorted numbers of the features that are read."""
        return sorted({c.feature for c in self.columns if c.cuts})

    def leaf_numbers(self, x: np.ndarray) -> np.ndarray:
        """The leaf that each row reaches in each tree, int64 (n, trees)."""
        values = self.column_values(x)
        out = np.zeros((len(x), len(self.trees)), dtype=np.int64)
        for number, tree in enumerate(self.trees):
            _walk(tree, values, np.arange(len(x)), out[:, number])
        return out


def _walk(tree: Tree, values: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    if isinstance(tree, Leaf):
        out[rows] = tree.number
        return
    left = values[rows, tree.column].astype(np.int64) <= tree.k
    _walk(tree.left, values, rows[left], out)
    _walk(tree.right, values, rows[~left], out)


def lower(ensemble: Ensemble, dtype: str, direct: bool = True, nan: bool = True) -> Lowered:
    """Choose columns for an ensemble whose features come as `dtype`.

    direct: whether features themselves may be compared; nan: whether a float feature can be NaN.
    """
    rules = [rule_of(ensemble, node, dtype, nan) for node in range(ensemble.nodes)]
    columns, find = columns_of(rules, dtype)
    plain = direct and dtype == "int16" and all(not c.members and c.missing == NONE for c in columns)
    if plain:
        columns = _features(columns)
        places = [(rule.feature, rule.cut) for rule in rules]
    else:
        places = [find(rule) for rule in rules]

    def build(at: int) -> Tree:
        if at < 0:
            return Leaf(~at)
        column, k = places[at]
        if k == (-32769 if plain else -1):
            return build(int(ensemble.right[at]))
        return Test(column, k, build(int(ensemble.left[at])), build(int(ensemble.right[at])))

    trees = tuple(build(int(root)) for root in ensemble.roots)
    lowered = Lowered(ensemble, dtype, tuple(columns), trees, plain)
    return lowered if plain else _drop_unread(lowered)


def _features(columns: Sequence[Column]) -> list[Column]:
    """One column for each feature up to the last that is read: column numbers are feature numbers."""
    cuts: list[set[int]] = [set() for _ in range(max((c.feature for c in columns), default=-1) + 1)]
    for column in columns:
        cuts[column.feature].update(column.cuts)
    return [Column(f, False, NONE, False, tuple(sorted(c))) for f, c in enumerate(cuts)]


def _drop_unread(lowered: Lowered) -> Lowered:
    """The same without columns that no node reads any more."""
    used: set[int] = set()

    def note(tree: Tree) -> None:
        if isinstance(tree, Test):
            used.add(tree.column)
            note(tree.left)
            note(tree.right)

    for tree in lowered.trees:
        note(tree)
    order = sorted(used)
    number = {old: new for new, old in enumerate(order)}

    def renumber(tree: Tree) -> Tree:
        if isinstance(tree, Leaf):
            return tree
        return Test(number[tree.column], tree.k, renumber(tree.left), renumber(tree.right))

    columns = tuple(lowered.columns[i] for i in order)
    trees = tuple(renumber(t) for t in lowered.trees)
    return Lowered(lowered.ensemble, lowered.dtype, columns, trees, lowered.direct)
