"""Damaged model texts of LightGBM, and ensemble files: refused as ForestError, or trees that compile."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np

from codegen.forests import Options, prepare
from codegen.forests.artifacts import files_of
from tests.fuzz.finding import Finding
from tests.fuzz.mutate import damage_bytes, damage_json, damage_lines, one
from tree_backends.ensemble import Ensemble
from tree_backends.ensemble_file import dump_ensemble, read_ensemble
from tree_backends.forest import ForestError
from tree_backends.lightgbm_text import read_lightgbm_text


def lightgbm_texts() -> list[str]:
    """Model texts of every kind that is read: regression, binary, multiclass, missing values, categories, forest."""
    import lightgbm

    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 4] = rng.integers(0, 70, 300)
    y = (np.nan_to_num(x[:, 0]) > 0).astype(int) + (x[:, 4] % 3 == 0)
    kinds: list[dict[str, Any]] = [
        {"objective": "regression"},
        {"objective": "binary", "use_missing": False},
        {"objective": "multiclass", "num_class": 3},
        {"objective": "multiclassova", "num_class": 3, "zero_as_missing": True},
        {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ]
    common: dict[str, Any] = {"num_leaves": 6, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1, "seed": 0}
    found = []
    for kind in kinds:
        target = y > 0 if kind["objective"] == "binary" else y
        data = lightgbm.Dataset(x, target, categorical_feature=[4], free_raw_data=False)
        found.append(lightgbm.train({**common, **kind}, data, 4).model_to_string())
    return found


class Texts:
    """Executions on changed LightGBM texts."""

    def __init__(self) -> None:
        self.bases = lightgbm_texts()

    def __call__(self, rng: np.random.Generator) -> str:
        text = one(rng, self.bases)
        for _ in range(int(rng.integers(1, 4))):
            text = damage_lines(rng, text, one(rng, self.bases))
        if rng.random() < 0.1:
            text = damage_bytes(rng, text.encode()).decode("utf-8", "replace")
        try:
            ensemble = read_lightgbm_text(text)
        except ForestError as error:
            return refused(error)
        return use(rng, ensemble)


class Files:
    """Executions on changed ensemble files."""

    def __init__(self) -> None:
        self.bases = [dump_ensemble(read_lightgbm_text(text)) for text in lightgbm_texts()]

    def __call__(self, rng: np.random.Generator) -> str:
        document = json.loads(one(rng, self.bases))
        for _ in range(int(rng.integers(1, 4))):
            damage_json(rng, document)
        text = json.dumps(document)
        if rng.random() < 0.1:
            text = damage_bytes(rng, text.encode()).decode("utf-8", "replace")
        try:
            ensemble = read_ensemble(text)
        except ForestError as error:
            return refused(error)
        return use(rng, ensemble)


def refused(error: ForestError) -> str:
    """A refusal is one line of a length that can be read."""
    if "\n" in str(error) or len(str(error)) > 2000:
        raise Finding(f"a refusal that is not one short line: {str(error)[:200]!r}")
    return "refused"


def use(rng: np.random.Generator, ensemble: Ensemble) -> str:
    """What anyone does with trees that were accepted: rows decided, C printed."""
    rows = rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, -0.5, 1e30]), (4, len(ensemble.feature_names)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = ensemble.scores(rows)
    if not np.isfinite(scores).all():
        return "accepted, sums beyond any float"
    if read_ensemble(dump_ensemble(ensemble)).scores(rows).tolist() != scores.tolist():
        raise Finding("written and read again it decides otherwise")
    options = Options("model", one(rng, ["int16", "float32"]), optimise=one(rng, ["size", "speed"]))
    try:
        files_of(prepare(ensemble, options))
    except ForestError as error:
        return f"{refused(error)} by the printer"
    return "accepted"
