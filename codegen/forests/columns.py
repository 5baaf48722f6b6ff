"""What the nodes of a stand-alone forest compare: columns, small integers made from a feature's value.

A node's `x <= t`, with its way of treating missing values, or its set of categories, becomes `column <= k`. Two nodes
share a column if they read the same feature and treat missing values alike, so every rule of LightGBM and scikit-learn
turns into one comparison of bytes. Cuts are int16, or the bits of a float32 as an ordered integer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tree_backends.ensemble import NAN, NONE, NUMERIC, TINY, ZERO, Ensemble

PER_COLUMN = 254
"""Cuts of one column: its values and those for 'missing' must fit a byte."""
HIGH = 255
INFINITE = 0x7F800000
TYPES = ("int16", "float32")


@dataclass(frozen=True, order=True)
class Column:
    """feature: number in the ensemble. `low`: missing values come before all others (0), else after (255).

    members: a column of a category set: 0 inside, 1 outside; the cuts are the edges of its runs.
    """

    feature: int
    members: bool
    missing: int
    low: bool
    cuts: tuple[int, ...]

    def values(self, x: np.ndarray, dtype: str, tiny_is_zero: bool) -> np.ndarray:
        """The column's bytes for feature values of a device type: the reference of hyb_column_*. uint8 (n,)."""
        if dtype == "int16":
            key, nan, zero = x.astype(np.int64), np.zeros(len(x), dtype=bool), x == 0
        else:
            key, nan = float_key(x), np.isnan(x)
            zero = np.abs(key) <= float_key(np.array([TINY], dtype=np.float32))[0]
        missing = nan if self.missing == NAN else (zero | nan) & (self.missing == ZERO)
        key = np.where(nan, INFINITE if self.members or self.missing == NAN else 0, key)
        below = np.searchsorted(np.array(self.cuts, dtype=np.int64), key, side="left")
        if self.members:
            return (1 - below % 2).astype(np.uint8)
        return np.where(missing, 0 if self.low else HIGH, below + self.low).astype(np.uint8)


def float_key(x: np.ndarray) -> np.ndarray:
    """float32 as int64 of the same order; -0 is 0."""
    bits = np.asarray(x, dtype=np.float32).view(np.uint32).astype(np.int64)
    return np.where(bits >> 31 == 1, -(bits & 0x7FFFFFFF), bits)


def float_cut(threshold: float, tiny_is_zero: bool) -> int:
    """The key of the largest float32 that is <= threshold; what LightGBM reads as 0 stays on one side of it."""
    with np.errstate(over="ignore"):
        single = np.float32(threshold)
    if float(single) > threshold:
        single = np.nextafter(single, np.float32(-np.inf))
    tiny = np.float32(TINY)
    if tiny_is_zero and -tiny <= single < tiny:
        single = tiny if threshold >= 0 else np.nextafter(-tiny, np.float32(-np.inf))
    return int(float_key(np.array([single]))[0])


def int16_cut(threshold: float) -> int:
    """The largest int16 that is <= threshold; -32769 if there is none."""
    return int(max(-32769, min(32767, math.floor(threshold)))) if math.isfinite(threshold) else (
        32767 if threshold > 0 else -32769
    )  # fmt: skip


def set_cuts(members: Sequence[int], dtype: str) -> tuple[int, ...]:
    """Edges of a category set: a value is inside if an odd number of them lies below it. -0.5 is category 0."""
    edges: list[int] = []
    ordered = sorted(members)
    for i, member in enumerate(ordered):
        if i == 0 or ordered[i - 1] != member - 1:
            edges.append(_before(member if member else -1, dtype, at_zero=member == 0))
        if i + 1 == len(ordered) or ordered[i + 1] != member + 1:
            edges.append(_before(member + 1, dtype, at_zero=False))
    return tuple(edges)


def _before(value: int, dtype: str, at_zero: bool) -> int:
    """The last value that is truncated to less than `value`. Category 0 begins after -1, so there it is -1."""
    if dtype == "int16":
        return int(min(32767, -1 if at_zero else value - 1))
    single = np.float32(value) if at_zero else np.nextafter(np.float32(value), np.float32(-np.inf))
    return int(float_key(np.array([single]))[0])


@dataclass(frozen=True)
class Rule:
    """How one node reads its feature, before its column is known: `cut` for thresholds, `members` for sets."""

    feature: int
    missing: int
    low: bool
    cut: int = 0
    members: tuple[int, ...] | None = None


def rule_of(ensemble: Ensemble, node: int, dtype: str, nan: bool = True) -> Rule:
    """The rule of a node on a device type; nan: whether a feature can be NaN."""
    feature = int(ensemble.feature[node])
    if ensemble.categories[node] != NUMERIC:
        return Rule(feature, NONE, False, members=ensemble.category_sets[ensemble.categories[node]])
    threshold, missing = float(ensemble.threshold[node]), int(ensemble.missing[node])
    low = bool(ensemble.default_left[node])
    if (missing == ZERO and low == (threshold >= 0)) or (missing == NAN and (dtype == "int16" or not nan)):
        missing = NONE  # zero goes where it would go anyway; an int16 is never NaN
    cut = int16_cut(threshold) if dtype == "int16" else float_cut(threshold, ensemble.tiny_is_zero)
    return Rule(feature, missing, low and missing != NONE, cut)


def columns_of(rules: Sequence[Rule], dtype: str) -> tuple[list[Column], Callable[[Rule], tuple[int, int]]]:
    """The columns that rules need, and what gives a rule's (column number, k): go left if column <= k.

    k is -1 where no value goes left.
    """
    groups: dict[tuple[int, int, bool], set[int]] = {}
    sets: set[tuple[int, tuple[int, ...]]] = set()
    for rule in rules:
        if rule.members is None:
            groups.setdefault((rule.feature, rule.missing, rule.low), set()).add(rule.cut)
        else:
            sets.add((rule.feature, rule.members))
    columns, of_set = [], {}
    for feature, members in sets:
        of_set[feature, members] = Column(feature, True, NONE, False, set_cuts(members, dtype))
        columns.append(of_set[feature, members])
    for (feature, missing, low), cuts in groups.items():
        ordered = sorted(c for c in cuts if dtype != "int16" or c > -32769) or [0]
        for first in range(0, len(ordered), PER_COLUMN):
            columns.append(Column(feature, False, missing, low, tuple(ordered[first : first + PER_COLUMN])))
    columns.sort()
    numbers = {column: number for number, column in enumerate(columns)}
    holders: dict[tuple[int, int, bool, int], tuple[int, int]] = {}
    for number, column in enumerate(columns):
        if not column.members:
            for k, cut in enumerate(column.cuts):
                holders[column.feature, column.missing, column.low, cut] = number, k + column.low
    first_of: dict[tuple[int, int, bool], int] = {}
    for number, column in enumerate(columns):
        if not column.members:
            first_of.setdefault((column.feature, column.missing, column.low), number)

    def find(rule: Rule) -> tuple[int, int]:
        if rule.members is not None:
            return numbers[of_set[rule.feature, rule.members]], 0
        if dtype == "int16" and rule.cut == -32769:
            return first_of[rule.feature, rule.missing, rule.low], 0 if rule.low else -1
        return holders[rule.feature, rule.missing, rule.low, rule.cut]

    return columns, find
