"""LightGBM as a source of trees: fitting one stage on integer features, and reading a booster into the forest."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tree_backends.build import ForestBuilder
from tree_backends.forest import ForestError


def load_lightgbm() -> ModuleType:
    """The lightgbm module. On a system without libgomp the copy that the torch wheel brings is loaded first.

    Raises ForestError with the remedy if neither is there.
    """
    try:
        return importlib.import_module("lightgbm")
    except OSError as error:
        if "libgomp" not in str(error):
            raise
    for path in _bundled_libgomp():
        try:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            return importlib.import_module("lightgbm")
        except OSError:
            continue
    raise ForestError("LightGBM needs the library libgomp.so.1: install it (Debian, Ubuntu: apt install libgomp1)")


def _bundled_libgomp() -> list[Path]:
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return []
    root = Path(spec.submodule_search_locations[0])
    return sorted([*root.glob("lib/libgomp*.so*"), *root.parent.glob("torch.libs/libgomp*.so*")])


def fit_rounds(
    values: np.ndarray, target: np.ndarray, start: np.ndarray, rounds: int, params: dict[str, Any], seed: int
) -> Any:
    """Boost `rounds` rounds of one tree per class with softmax cross-entropy against soft targets.

    values: integer features (n, features); target: class probabilities (n, classes); start: logits (n, classes) to
    boost from. Returns a lightgbm.Booster. With one-hot targets this is LightGBM's own multiclass objective; soft
    targets carry a teacher's doubt (Hinton et al. 2015, arXiv 1503.02531).
    """
    lgb = load_lightgbm()
    classes = target.shape[1]

    def objective(scores: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
        logits = scores.reshape(-1, classes)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = shifted / shifted.sum(axis=1, keepdims=True)
        # LightGBM's multiclass objective scales the hessian by K/(K-1) (Friedman 2001); so do we.
        return p - target, classes / (classes - 1) * p * (1 - p) + 1e-6

    data = lgb.Dataset(
        values.astype(np.float32), label=np.zeros(len(values)), init_score=start.T.ravel(), free_raw_data=False
    )
    settings = {
        "objective": objective,
        "num_class": classes,
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "feature_pre_filter": False,
        **params,
    }
    return lgb.train(settings, data, num_boost_round=rounds)


def fit_tree(values: np.ndarray, positive: np.ndarray, weight: np.ndarray, leaves: int, seed: int) -> Any:
    """One tree that tells rows apart: values integer (n, features), positive bool (n,), weight float (n,).

    Returns a lightgbm.Booster; its leaves are found by `predict(values, pred_leaf=True)`.
    """
    lgb = load_lightgbm()
    settings = {
        "objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 20, "min_sum_hessian_in_leaf": 0.0,
        "boost_from_average": False, "verbosity": -1, "deterministic": True, "force_row_wise": True, "seed": seed,
        "feature_pre_filter": False, "num_threads": 1,
    }  # fmt: skip
    data = lgb.Dataset(values.astype(np.float32), label=positive.astype(np.float64), weight=weight)
    return lgb.train(settings, data, num_boost_round=1)


def add_tree(builder: ForestBuilder, booster: Any, cls: int, scores: Sequence[float]) -> None:
    """Add a booster's one tree, which adds scores[leaf] to a class. Column i is the builder's feature i."""
    tree = booster.dump_model()["tree_info"][0]["tree_structure"]
    columns = np.arange(booster.num_feature())
    builder.tree(_add_node(builder, tree, columns, 0, lambda leaf: float(scores[leaf.get("leaf_index", 0)])), cls)


def add_booster(builder: ForestBuilder, booster: Any, columns: np.ndarray) -> None:
    """Add all trees of a booster. columns: builder feature number of each booster column.

    Integer features make the threshold exact: x <= t is x <= floor(t).
    """
    dump = booster.dump_model()
    per_round = dump["num_tree_per_iteration"]
    for number, tree in enumerate(dump["tree_info"]):
        root = _add_node(builder, tree["tree_structure"], columns, number, lambda leaf: float(leaf["leaf_value"]))
        builder.tree(root, number % per_round)


def _add_node(
    builder: ForestBuilder, node: dict[str, Any], columns: np.ndarray, tree: int, score: Callable[[dict], float]
) -> int:
    if "split_feature" not in node:
        return builder.leaf(score(node))
    if node["decision_type"] != "<=":
        raise ForestError(f"tree {tree}: a {node['decision_type']} split cannot be an integer threshold")
    threshold = math.floor(node["threshold"])
    if not -32768 <= threshold <= 32767:
        raise ForestError(f"tree {tree}: threshold {node['threshold']} does not fit int16")
    number = builder.node()
    left = _add_node(builder, node["left_child"], columns, tree, score)
    right = _add_node(builder, node["right_child"], columns, tree, score)
    builder.set_node(number, int(columns[node["split_feature"]]), threshold, left, right)
    return number
