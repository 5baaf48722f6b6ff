"""Ensembles as JSON: how a model that only lives in Python reaches the command line. Loading never runs code.

The document holds the fields of `Ensemble`; arrays are lists, infinite thresholds the strings "inf" and "-inf".
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from tree_backends.ensemble import ARRAYS, Ensemble
from tree_backends.forest import ForestError

FORMAT = "hybrid-ensemble-1"
PLAIN = {"source": str, "task": str, "sigmoid": float, "one_versus_all": bool, "tie_is_positive": bool,
         "tiny_is_zero": bool}  # fmt: skip


def dump_ensemble(ensemble: Ensemble) -> str:
    """The ensemble as JSON text; the same ensemble gives the same text."""
    document: dict[str, Any] = {"format": FORMAT, **{name: getattr(ensemble, name) for name in PLAIN}}
    document["feature_names"], document["labels"] = list(ensemble.feature_names), list(ensemble.labels)
    document["category_sets"] = [list(members) for members in ensemble.category_sets]
    document["counts"] = None if ensemble.counts is None else ensemble.counts.tolist()
    for name in ARRAYS:
        document[name] = getattr(ensemble, name).tolist()
    document["threshold"] = [t if math.isfinite(t) else ("inf" if t > 0 else "-inf") for t in document["threshold"]]
    return json.dumps(document, allow_nan=False, indent=None, separators=(",", ":"), sort_keys=True) + "\n"


def read_ensemble(text: str) -> Ensemble:
    """The ensemble in a JSON text. Raises ForestError for anything that `dump_ensemble` does not write."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ForestError(f"the ensemble file is no JSON ({error}): save it again") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ForestError(f"the file is not an ensemble of format {FORMAT}: save it with hybrid.compile.save_model")
    try:
        fields: dict[str, Any] = {name: _typed(document[name], kind) for name, kind in PLAIN.items()}
        for name, dtype in ARRAYS.items():
            fields[name] = _array(document[name], dtype)
        fields["values"] = fields["values"].reshape(len(document["values"]), -1)
        fields["feature_names"] = tuple(_typed(n, str) for n in document["feature_names"])
        fields["labels"] = tuple(_typed(n, str) for n in document["labels"])
        fields["category_sets"] = tuple(tuple(_typed(c, int) for c in s) for s in document["category_sets"])
        counts = document["counts"]
        fields["counts"] = None if counts is None else _array(counts, np.int64)
        _check_counts(fields["counts"], fields["values"])
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ForestError(f"the ensemble file is damaged ({type(error).__name__}: {error}): save it again") from None
    return Ensemble(**fields)


def _typed(value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _array(value: Any, dtype: Any) -> np.ndarray:
    """A list as an array, refusing what numpy would bend into the type."""
    raw = np.asarray(value, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        array = raw.astype(dtype)
    if (array.astype(np.float64) != raw).any():
        raise ValueError(f"a number does not fit {np.dtype(dtype).name}")
    return array


def _check_counts(counts: np.ndarray | None, values: np.ndarray) -> None:
    """Counts are taken for exact, so they must be."""
    if counts is None:
        return
    if counts.shape != values.shape or (counts < 0).any() or (counts.sum(axis=1) == 0).any() or (counts >= 2**20).any():
        raise ValueError("counts do not belong to the leaves")
    if (counts / counts.sum(axis=1, keepdims=True) != values).any():
        raise ValueError("counts are not those of the leaves' values")
