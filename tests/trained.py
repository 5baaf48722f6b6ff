"""Small trained models of every supported kind, and rows drawn where their comparisons could go wrong."""

from __future__ import annotations

import functools

import numpy as np
from sklearn import ensemble as sk
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tree_backends.lightgbm import load_lightgbm
from tree_backends.lightgbm_text import read_lightgbm_text
from tree_backends.sklearn import read_sklearn

EDGES = (
    0.0,
    -0.0,
    np.nan,
    np.inf,
    -np.inf,
    1e-35,
    -1e-35,
    2e-35,
    1e-40,
    -1e-40,
    1e-45,
    3.4e38,
    -3.4e38,
    -0.5,
    0.5,
    7.9,
)
CATEGORIES = 40


def table(seed: int, kind: str, n: int = 400):
    """Features (n, 6), float32, and a target of three classes that depends on all of them.

    kind: 'plain', 'nan' (some missing), 'zero' (many zeros), 'categories' (two columns of small integers) or 'int16'.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    if kind == "int16":
        x = np.rint(x * 300).astype(np.float32)
    if kind == "zero":
        x[rng.random(x.shape) < 0.4] = 0
    if kind == "categories":
        x[:, :2] = rng.integers(0, CATEGORIES, (n, 2))
    score = x[:, 2] + np.sin(x[:, 3]) + (x[:, 0] % 3 if kind == "categories" else x[:, 0]) + 0.3 * rng.normal(size=n)
    target = np.digitize(score, np.quantile(score, [0.35, 0.7]))
    if kind == "nan":
        x[rng.random(x.shape) < 0.2] = np.nan
    return x, target


LIGHTGBM = [
    (task, kind) for task in ("binary", "multiclass", "regression", "multiclassova")
    for kind in ("plain", "nan", "zero", "categories", "int16")
]  # fmt: skip


@functools.cache
def lightgbm_model(task: str, kind: str):
    """(booster, ensemble) of a LightGBM model."""
    lgb = load_lightgbm()
    x, target = table(1, kind)
    if task == "binary":
        target = target > 0
    if task == "regression":
        target = x[:, 2] * 100 + target
        target = np.nan_to_num(target)
    params = {"objective": task, "verbosity": -1, "num_threads": 1, "num_leaves": 9, "min_data_in_leaf": 5,
              "deterministic": True, "zero_as_missing": kind == "zero", "seed": 1, "cat_smooth": 1.0,
              "min_data_per_group": 5}  # fmt: skip
    if task.startswith("multiclass"):
        params["num_class"] = 3
    categorical = [0, 1] if kind == "categories" else []
    booster = lgb.train(params, lgb.Dataset(x, target, categorical_feature=categorical), 12)
    return booster, read_lightgbm_text(booster.model_to_string())


SKLEARN = {
    "forest": lambda: sk.RandomForestClassifier(9, max_leaf_nodes=12, random_state=1),
    "even forest": lambda: sk.RandomForestClassifier(4, random_state=1),
    "weighted forest": lambda: sk.ExtraTreesClassifier(
        9, max_depth=5, class_weight={0: 1, 1: 2.3, 2: 0.7}, random_state=1
    ),
    "extra trees": lambda: sk.ExtraTreesClassifier(7, max_depth=6, random_state=1),
    "tree": lambda: DecisionTreeClassifier(max_depth=5, random_state=1),
    "boosting": lambda: sk.GradientBoostingClassifier(n_estimators=6, max_depth=3, random_state=1),
    "histogram boosting": lambda: sk.HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=9, random_state=1),
    "forest regressor": lambda: sk.RandomForestRegressor(8, max_depth=5, random_state=1),
    "tree regressor": lambda: DecisionTreeRegressor(max_depth=5, random_state=1),
    "boosting regressor": lambda: sk.GradientBoostingRegressor(n_estimators=6, random_state=1),
    "histogram boosting regressor": lambda: sk.HistGradientBoostingRegressor(
        max_iter=6, max_leaf_nodes=9, random_state=1
    ),
}


@functools.cache
def sklearn_model(name: str, kind: str):
    """(estimator, ensemble) of a scikit-learn model; gradient boosting knows no missing values."""
    x, target = table(2, kind)
    model = SKLEARN[name]().fit(x, target)
    return model, read_sklearn(model)


def edge_rows(ensemble, seed: int, n: int = 60, nan: bool = True, whole: bool = False):
    """float32 rows of thresholds, their float neighbours and special values; `whole`: int16 values instead."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((n, len(ensemble.feature_names)), dtype=np.float32)
    for feature in range(rows.shape[1]):
        own = ensemble.feature == feature
        with np.errstate(over="ignore"):
            at = np.float32(ensemble.threshold[own])
        pool = np.concatenate([
            at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf)), np.float32(EDGES),
            rng.integers(-2, CATEGORIES + 40, 20).astype(np.float32), rng.normal(size=10).astype(np.float32),
        ])  # fmt: skip
        if whole:
            pool = np.clip(np.concatenate([np.floor(pool + d) for d in (-1, 0, 1)]), -32768, 32767)
        rows[:, feature] = rng.choice(pool if nan and not whole else pool[np.isfinite(pool)], n)
    return rows
