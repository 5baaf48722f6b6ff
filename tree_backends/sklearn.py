"""scikit-learn's tree models as ensembles: forests, extra trees, single trees, both kinds of gradient boosting.

Trees of `sklearn.tree` compare float32 inputs with double thresholds; histogram boosting compares doubles. A NaN goes
where the node was taught to send it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tree_backends.ensemble import Ensemble
from tree_backends.forest import VECTOR, ForestError
from tree_backends.grow import NAN, NUMERIC, Grower

VOTING = ("RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier")
AVERAGING = ("RandomForestRegressor", "ExtraTreesRegressor", "DecisionTreeRegressor", "ExtraTreeRegressor")
BOOSTING = ("GradientBoostingClassifier", "GradientBoostingRegressor")
HISTOGRAM = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
SUPPORTED = (*VOTING, *AVERAGING, *BOOSTING, *HISTOGRAM)


def read_sklearn(model: Any) -> Ensemble:
    """The ensemble of a fitted estimator. Raises ForestError for another kind, or one that cannot be compiled."""
    kind = type(model).__name__
    if kind not in SUPPORTED:
        raise ForestError(f"a {kind} cannot be compiled: pass one of {', '.join(SUPPORTED)}, or a LightGBM model")
    if not hasattr(model, "n_features_in_") or not (hasattr(model, "tree_") or len(_members(model))):
        raise ForestError(f"the {kind} is not fitted: call fit first")
    if np.ndim(getattr(model, "n_outputs_", 1)) or getattr(model, "n_outputs_", 1) != 1:
        raise ForestError(f"the {kind} predicts several outputs: train one model for each")
    if kind in VOTING:
        return _voting(model)
    if kind in AVERAGING:
        return _averaging(model)
    return _boosting(model) if kind in BOOSTING else _histogram(model)


def _members(model: Any) -> Any:
    return getattr(model, "estimators_", getattr(model, "_predictors", ()))


def _common(model: Any) -> dict[str, Any]:
    names = getattr(model, "feature_names_in_", None)
    chosen = [f"f{i}" for i in range(model.n_features_in_)] if names is None else [str(n) for n in names]
    labels = [str(c) for c in getattr(model, "classes_", ())]
    return {"source": f"scikit-learn {type(model).__name__}", "feature_names": tuple(chosen), "labels": tuple(labels)}


def _trees(model: Any) -> list[Any]:
    return [model.tree_] if hasattr(model, "tree_") else [member.tree_ for member in model.estimators_]


def _split(tree: Any) -> tuple[list[tuple[int, float, int, bool, int, int, int]], np.ndarray]:
    """Nodes as `Grower.tree` takes them, and the tree's own numbers of its leaves."""
    leaf = tree.children_left < 0
    number = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(~leaf) - 1)
    default = np.asarray(tree.missing_go_to_left, dtype=bool)
    rows = [
        (int(tree.feature[i]), float(tree.threshold[i]), NAN, bool(default[i]), NUMERIC,
         int(number[tree.children_left[i]]), int(number[tree.children_right[i]]))
        for i in np.flatnonzero(~leaf)
    ]  # fmt: skip
    return rows, np.flatnonzero(leaf)


def _voting(model: Any) -> Ensemble:
    if not len(getattr(model, "classes_", ())) > 1:
        raise ForestError("the classifier knows one class only: train it on two or more")
    trees = [(tree, *_split(tree)) for tree in _trees(model)]
    counted = [_counts(tree, leaves) for tree, _, leaves in trees]
    exact = all(c is not None for c in counted)
    grower = Grower()
    for (tree, rows, leaves), counts in zip(trees, counted, strict=True):
        values = tree.value[leaves, 0, :]
        grower.tree(VECTOR, rows, values.tolist(), counts.tolist() if exact and counts is not None else None)
    return grower.finish(task="votes", bias=np.zeros(len(model.classes_)), **_common(model))


def _counts(tree: Any, leaves: np.ndarray) -> np.ndarray | None:
    """Rows of each class in each leaf, if their quotients are exactly the leaf's probabilities."""
    values = tree.value[leaves, 0, :]
    counts = np.rint(values * tree.weighted_n_node_samples[leaves][:, None])
    total = counts.sum(axis=1, keepdims=True)
    if (total == 0).any() or (total >= 2**20).any() or (counts / total != values).any():
        return None
    return counts.astype(np.int64)


def _averaging(model: Any) -> Ensemble:
    grower, trees = Grower(), _trees(model)
    for tree in trees:
        rows, leaves = _split(tree)
        grower.tree(0, rows, (tree.value[leaves, 0, :1] / len(trees)).tolist())
    return grower.finish(task="regression", bias=np.zeros(1), **_common(model))


def _boosting(model: Any) -> Ensemble:
    outputs = model.estimators_.shape[1]
    grower = Grower()
    for row in model.estimators_:
        for output, member in enumerate(row):
            rows, leaves = _split(member.tree_)
            grower.tree(output, rows, (model.learning_rate * member.tree_.value[leaves, 0, :1]).tolist())
    return grower.finish(bias=_start(model, outputs), **_task(model, outputs), tie_is_positive=True, **_common(model))


def _task(model: Any, outputs: int) -> dict[str, Any]:
    if not hasattr(model, "classes_"):
        return {"task": "regression"}
    if getattr(model, "loss", "log_loss") == "exponential":
        return {"task": "binary", "sigmoid": 2.0}
    return {"task": "binary" if outputs == 1 else "multiclass"}


def _start(model: Any, outputs: int) -> np.ndarray:
    """What boosting starts from: constant for the built-in initial estimators, which look at no feature."""
    if isinstance(model.init_, str):
        return np.zeros(outputs)
    if type(model.init_).__name__ not in ("DummyClassifier", "DummyRegressor"):
        raise ForestError("boosting starts from an estimator of its own, which is not compiled: train without init")
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    return np.asarray(model._raw_predict_init(row), dtype=np.float64).reshape(outputs).copy()


def _histogram(model: Any) -> Ensemble:
    if getattr(model, "is_categorical_", None) is not None and np.any(model.is_categorical_):
        raise ForestError("categorical features of histogram boosting are not compiled: encode them as numbers")
    loss = getattr(model, "loss", "")
    if loss in ("poisson", "gamma"):
        raise ForestError(f"loss {loss!r} transforms the sum of its trees, which is not compiled: use squared_error")
    grower = Grower()
    for round_ in model._predictors:
        for output, predictor in enumerate(round_):
            grower.tree(output, *_histogram_tree(predictor.nodes))
    outputs = len(model._predictors[0])
    bias = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(outputs).copy()
    return grower.finish(bias=bias, **_task(model, outputs), **_common(model))


def _histogram_tree(nodes: Any) -> tuple[list[Any], list[list[float]]]:
    leaf = nodes["is_leaf"].astype(bool)
    number = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(~leaf) - 1)
    rows = [
        (int(n["feature_idx"]), float(n["num_threshold"]), NAN, bool(n["missing_go_to_left"]), NUMERIC,
         int(number[n["left"]]), int(number[n["right"]]))
        for n in nodes[~leaf]
    ]  # fmt: skip
    return rows, [[float(v)] for v in nodes[leaf]["value"]]
