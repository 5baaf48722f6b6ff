"""LightGBM's model text, read by our own parser: LightGBM's loader crashes on damaged files.

Meaning of the fields as in LightGBM's documentation of its model and its tree.h: bit 0 of decision_type marks a
categorical split, bit 1 the default direction, bits 2 and 3 what counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tree_backends.ensemble import MAX_CATEGORY, Ensemble
from tree_backends.forest import ForestError
from tree_backends.grow import NAN, NUMERIC, Grower

MAX_BYTES = 128 * 2**20
MAX_COLUMNS = 100_000
MAX_MEMBERS = 2**20
"""Members of all category sets together: they are kept one by one, and each takes bytes on a device, too."""
CATEGORICAL, DEFAULT_LEFT = 1, 2
IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg")
BINARY = ("binary", "cross_entropy", "xentropy")
INTEGER = re.compile(r"-?\d{1,10}\Z")


class _Text:
    """The `key=value` lines of one section."""

    def __init__(self, lines: Sequence[str], where: str) -> None:
        self.where = where
        self.flags = {line for line in lines if line and "=" not in line}
        self._values = dict(line.split("=", 1) for line in lines if "=" in line)

    def get(self, key: str, default: str | None = None) -> str:
        value = self._values.get(key, default)
        if value is None:
            raise ForestError(f"{self.where}: {key} is missing: the file is truncated or damaged, save the model again")
        return value

    def integers(self, key: str, count: int, default: str | None = None) -> list[int]:
        words = self.get(key, default).split()
        if len(words) != count or not all(INTEGER.match(w) for w in words):
            raise ForestError(f"{self.where}: {key} does not hold {count} integers: the file is damaged")
        return [int(w) for w in words]

    def integer(self, key: str, low: int, high: int, default: str | None = None) -> int:
        value = self.integers(key, 1, default)[0]
        if not low <= value <= high:
            raise ForestError(f"{self.where}: {key}={value} is not in {low}..{high}: the file is damaged")
        return value

    def numbers(self, key: str, count: int) -> list[float]:
        words = self.get(key, "" if count == 0 else None).split()
        try:
            values = [float(w) for w in words]
        except ValueError:
            values = []
        if len(values) != count:
            raise ForestError(f"{self.where}: {key} does not hold {count} numbers: the file is damaged")
        return values


def read_lightgbm_text(text: str, labels: Sequence[str] | None = None) -> Ensemble:
    """The ensemble in a model text (`Booster.save_model`, `model_to_string`).

    labels: names of the classes, default their numbers. Raises ForestError for a file that is truncated, damaged, or
    of a kind that cannot be compiled (linear trees, an objective that transforms its output).
    """
    head, trees = _sections(text)
    classes = head.integer("num_class", 1, MAX_COLUMNS)
    per_round = head.integer("num_tree_per_iteration", 1, MAX_COLUMNS)
    names = tuple(head.get("feature_names").split())
    columns = head.integer("max_feature_idx", 0, MAX_COLUMNS - 1) + 1
    if len(names) != columns:
        raise ForestError(f"{head.where}: {len(names)} feature names for {columns} features: the file is damaged")
    if len(trees) % per_round or len(trees) != len(head.get("tree_sizes", "").split()):
        raise ForestError(f"{head.where}: {len(trees)} trees are not the number that it states: the file is truncated")
    meaning = _objective(head, classes, per_round, labels)
    share = per_round / len(trees) if "average_output" in head.flags and trees else 1.0
    grower = Grower()
    for number, tree in enumerate(trees):
        _add_tree(grower, tree, number % per_round, columns, share)
    return grower.finish(source="LightGBM", feature_names=names, tiny_is_zero=True, **meaning)


def _sections(text: str) -> tuple[_Text, list[_Text]]:
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0] != "tree":
        raise ForestError("this is no LightGBM model text (its first line must be 'tree'): save it with save_model()")
    if "end of trees" not in lines:
        raise ForestError("the model text has no 'end of trees': the file is truncated, save the model again")
    lines = lines[: lines.index("end of trees")]
    starts = [i for i, line in enumerate(lines) if line.startswith("Tree=")] + [len(lines)]
    sections = [_Text(lines[a:b], f"tree {n}") for n, (a, b) in enumerate(pairwise(starts))]
    for number, section in enumerate(sections):
        if section.get("Tree") != str(number):
            raise ForestError(f"tree {number}: it is numbered {section.get('Tree')!r}: the file is damaged")
    return _Text(lines[: starts[0]], "the model's head"), sections


def _objective(head: _Text, classes: int, per_round: int, labels: Sequence[str] | None) -> dict[str, Any]:
    name, *options = head.get("objective", "custom").split() or ["custom"]
    given = dict(option.split(":", 1) for option in options if ":" in option)
    result: dict[str, Any] = {"bias": np.zeros(per_round), "labels": ()}
    if "sqrt" in options or name not in (*IDENTITY, *BINARY, "multiclass", "multiclassova", "softmax", "custom"):
        raise ForestError(
            f"objective {' '.join([name, *options])!r} transforms the sum of its trees, which is not compiled: "
            "train with a plain regression or classification objective"
        )
    if name in BINARY:
        result |= {"task": "binary", "sigmoid": _slope(given), "labels": _labels(labels, 2)}
    elif per_round > 1:
        result |= {"task": "multiclass", "labels": _labels(labels, classes), "one_versus_all": name == "multiclassova"}
        result["sigmoid"] = _slope(given) if name == "multiclassova" else 1.0
    else:
        result["task"] = "regression"
    if per_round != (classes if result["task"] == "multiclass" else 1):
        raise ForestError(f"{per_round} trees a round do not fit {classes} classes: the file is damaged")
    return result


def _slope(given: dict[str, str]) -> float:
    try:
        return float(given.get("sigmoid", "1"))
    except ValueError:
        raise ForestError("the objective's sigmoid is not a number: the file is damaged") from None


def _labels(labels: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    if labels is not None and len(labels) != classes:
        raise ForestError(f"{len(labels)} labels for {classes} classes: name every class once")
    return tuple(labels) if labels is not None else tuple(map(str, range(classes)))


def _add_tree(grower: Grower, tree: _Text, output: int, columns: int, share: float) -> None:
    if tree.integer("is_linear", 0, 1, "0"):
        raise ForestError(f"{tree.where}: linear trees are not compiled: train with linear_tree=false")
    leaves = tree.integer("num_leaves", 1, len(tree.get("leaf_value").split()))
    count = leaves - 1
    values = [[share * v] for v in tree.numbers("leaf_value", leaves)]
    if count == 0:
        grower.tree(output, [], values)
        return
    thresholds = tree.numbers("threshold", count)
    sets = _category_sets(grower, tree)
    rows = []
    fields = [tree.integers(k, count) for k in ("split_feature", "decision_type", "left_child", "right_child")]
    for node, (feature, decision, left, right) in enumerate(zip(*fields, strict=True)):
        if not 0 <= feature < columns or not 0 <= decision <= 15 or decision >> 2 > NAN:
            raise ForestError(f"{tree.where} node {node}: feature {feature} or decision {decision} is not there")
        chosen = NUMERIC
        if decision & CATEGORICAL:
            if thresholds[node] not in range(len(sets)):
                raise ForestError(f"{tree.where} node {node}: category set {thresholds[node]} is not there")
            chosen = sets[int(thresholds[node])]
        threshold = 0.0 if decision & CATEGORICAL else thresholds[node]
        rows.append((feature, threshold, decision >> 2, bool(decision & DEFAULT_LEFT), chosen, left, right))
    grower.tree(output, rows, values)


def _category_sets(grower: Grower, tree: _Text) -> list[int]:
    count = tree.integer("num_cat", 0, 2**20, "0")
    if not count:
        return []
    bounds = tree.integers("cat_boundaries", count + 1)
    if bounds[0] != 0 or any(b < a for a, b in pairwise(bounds)) or bounds[-1] > MAX_CATEGORY // 32:
        raise ForestError(f"{tree.where}: cat_boundaries do not rise from 0: the file is damaged")
    words = tree.integers("cat_threshold", bounds[-1])
    if any(not 0 <= w < 2**32 for w in words):
        raise ForestError(f"{tree.where}: cat_threshold does not hold 32-bit words: the file is damaged")
    members = grower.members + sum(w.bit_count() for w in words)
    if members > MAX_MEMBERS:
        raise ForestError(
            f"{tree.where}: the category sets up to here have {members:,} members, more than {MAX_MEMBERS:,}: train "
            "with a smaller max_cat_threshold, or group rare categories"
        )
    return [grower.category_set(_members(words[a:b])) for a, b in pairwise(bounds)]


def _members(words: Sequence[int]) -> list[int]:
    """The numbers of the bits that are set, 32 a word."""
    return [32 * i + bit for i, word in enumerate(words) if word for bit in range(32) if word >> bit & 1]
