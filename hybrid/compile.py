"""Trained trees that need no audio, as C: LightGBM and scikit-learn models over features of the user's own."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from codegen.forests import Callback, Model, Options, prepare
from codegen.forests.artifacts import MARK, drawn_rows, files_of
from hybrid.errors import HybridError
from tree_backends.ensemble import Ensemble
from tree_backends.ensemble_file import FORMAT, dump_ensemble, read_ensemble
from tree_backends.forest import ForestError
from tree_backends.lightgbm_text import MAX_BYTES, read_lightgbm_text
from tree_backends.sklearn import SUPPORTED, read_sklearn

DRAWN = 200
PICKLE_REMEDY = "save it from Python with hybrid.compile.save_model(model, 'model.json') and compile that"


def read_model(model: Any, labels: Sequence[str] | None = None) -> Ensemble:
    """The ensemble of a file (path), a LightGBM Booster or wrapper, or a fitted scikit-learn estimator.

    labels: names of a LightGBM model's classes. A file is LightGBM's model text or what `save_model` wrote; nothing
    in it is ever run. Raises HybridError or ForestError in one line.
    """
    if isinstance(model, Ensemble):
        return model
    if isinstance(model, str | os.PathLike):
        return _read_file(Path(model), labels)
    if hasattr(model, "booster_") or hasattr(model, "_Booster"):
        named = getattr(model, "classes_", None)
        given = labels if labels is not None else None if named is None else [str(c) for c in named]
        return read_lightgbm_text(model.booster_.model_to_string(num_iteration=model.best_iteration_ or -1), given)
    if hasattr(model, "model_to_string"):
        return read_lightgbm_text(model.model_to_string(), labels)
    return read_sklearn(model)


def _read_file(path: Path, labels: Sequence[str] | None) -> Ensemble:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise HybridError(f"{path} is larger than {MAX_BYTES // 2**20} MB: no model for a microcontroller")
        content = path.read_bytes()
    except IsADirectoryError:
        raise HybridError(f"{path} is a folder: name a model file") from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    try:
        if text.lstrip().startswith("{"):
            return read_ensemble(text)
        if text.startswith("tree"):
            return read_lightgbm_text(text, labels)
    except ForestError as error:
        raise HybridError(f"{path}: {error}") from None
    if content[:1] in (b"\x80", b"P") or path.suffix in (".pkl", ".joblib", ".pickle"):
        raise HybridError(f"{path} is a pickle or an archive, which could run code when loaded: {PICKLE_REMEDY}")
    raise HybridError(
        f"{path} is neither a LightGBM model text nor an ensemble of format {FORMAT}: save the model again"
    )


def save_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a trained model as an ensemble file for the command line. Raises ForestError."""
    Path(path).write_text(dump_ensemble(read_model(model)), encoding="utf-8")


def compile_model(
    model: Any,
    out: str | os.PathLike[str],
    *,
    name: str = "model",
    dtype: str = "float32",
    optimize: str = "size",
    callbacks: Sequence[Callback] | None = None,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    exits: int | None = None,
    nan: bool = True,
    cpu: str | None = None,
    compiler: str | None = None,
    rows: np.ndarray | None = None,
) -> dict[str, Any]:
    """Compile a trained model to C in the folder `out`; returns what was made (plain JSON values).

    dtype: 'int16' or 'float32', what a feature is on the device. callbacks: a function for each feature that the model
    reads; default is an array. names: new names of the features, in order. exits: places where a decision may leave
    early without changing it. nan: whether float features can be NaN. cpu: measure both layouts on this emulated core,
    over `rows` (n, features) or rows drawn at the model's thresholds. Raises HybridError, ForestError or TargetError.
    """
    ensemble = read_model(model, labels)
    if names is not None:
        if len(names) != len(ensemble.feature_names):
            raise HybridError(f"{len(names)} names for {len(ensemble.feature_names)} features: name every feature once")
        ensemble = replace(ensemble, feature_names=tuple(names))
    options = Options(name, dtype, None if callbacks is None else tuple(callbacks), optimize, exits, nan)
    made = prepare(ensemble, options)
    report = _report(made)
    if cpu is not None:
        report["measured"] = _measure(ensemble, options, cpu, compiler, rows)
    folder = Path(out)
    report["files"] = _write(files_of(made), folder)
    return report


def _report(made: Model) -> dict[str, Any]:
    e = made.ensemble
    result = {
        "name": made.options.name, "source": e.source, "task": e.task, "trees": e.trees, "nodes": e.nodes,
        "leaves": len(e.values), "features": len(e.feature_names), "read": len(made.lowered.features),
        "type": made.options.dtype, "optimized_for": made.options.optimise, "exits": len(made.ends) - 1,
        "max_score_error": made.error, "labels_exact": bool(made.votes and made.votes.exact), "labels": list(e.labels),
    }  # fmt: skip
    if made.options.callbacks is not None:
        result["cost_max"] = sum(c.cost for c in made.callbacks)
    return result


def _measure(
    ensemble: Ensemble, options: Options, cpu: str, compiler: str | None, rows: np.ndarray | None
) -> list[dict[str, Any]]:
    from codegen.forests.measure import measure
    from codegen.target.cores import find_core
    from codegen.target.cross import find_cross

    core, chosen, found = find_core(cpu), find_cross(compiler), []
    for layout in ("size", "speed"):
        model = prepare(ensemble, replace(options, optimise=layout))
        kind = np.int16 if options.dtype == "int16" else np.float32
        drawn = drawn_rows(model, DRAWN) if rows is None else np.asarray(rows).astype(kind)
        if drawn.ndim != 2 or drawn.shape[1] != len(ensemble.feature_names):
            raise HybridError(f"rows have shape {drawn.shape}, the model has {len(ensemble.feature_names)} features")
        for level in ("-O2", "-Os"):
            cost = measure(model, drawn, core, chosen, level)
            found.append(
                {"layout": layout, "flags": level, "cpu": cpu, "compiler": chosen, "flash": cost.flash,
                 "stack": cost.stack,
                 "instructions": cost.instructions, "rows": len(drawn), "agree": cost.agree}
            )  # fmt: skip
    return found


def _write(files: dict[str, str], folder: Path) -> list[str]:
    """Write files of this program's own; a file of the same name that is not is left alone."""
    if folder.exists() and not folder.is_dir():
        raise HybridError(f"{folder} is a file: choose another folder with --out")
    for name in files:
        path = folder / name
        if path.exists() and (path.is_dir() or MARK not in path.read_text("utf-8", "replace")):
            raise HybridError(
                f"{path} was not {MARK} and would be overwritten: choose another folder with --out, or --name"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{name}.", delete=False, encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(stream.name, 0o644)
        os.replace(stream.name, folder / name)
    return [str(folder / name) for name in files]


def read_callbacks(path: Path) -> list[Callback]:
    """Callbacks from a CSV file with a header: feature, and optionally function (default: its name) and cost.

    Raises HybridError naming the line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if "feature" not in (reader.fieldnames or ()):
                raise HybridError(f"{path}: no column 'feature' in its first line: write feature,function,cost")
            return [_callback(row, f"{path} line {reader.line_num}") for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise HybridError(f"{path} is no CSV file ({error}): write feature,function,cost") from None


def _callback(row: dict[str, str | None], where: str) -> Callback:
    feature, cost = row["feature"] or "", (row.get("cost") or "0").strip()
    if not feature or not cost.isascii() or not cost.isdigit() or len(cost) > 10:
        raise HybridError(
            f"{where}: write a feature's name and a whole, not negative cost (found {feature!r}, {cost!r})"
        )
    return Callback(feature, row.get("function") or feature, int(cost))


def read_rows(path: Path) -> np.ndarray:
    """Rows of numbers from a CSV file, comma separated, a first line of names allowed. Raises HybridError."""
    try:
        lines = [line.split(",") for line in path.read_text("utf-8").splitlines() if line.strip()]
        if lines and any(_no_number(word) for word in lines[0]):
            lines = lines[1:]
        return np.array([[float(word) for word in line] for line in lines], dtype=np.float64)
    except (UnicodeDecodeError, ValueError) as error:
        raise HybridError(f"{path} does not hold rows of numbers ({error}): write one row of features a line") from None


def _no_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return True
    return False


def text_of(report: dict[str, Any]) -> str:
    """The result of a compilation in a few lines."""
    exact = "labels as in Python on every input" if report["labels_exact"] else (
        f"no score off by more than {report['max_score_error']:.3g}"
    )  # fmt: skip
    lines = [
        f"{report['source']}, {report['task']}: {report['trees']} trees, {report['nodes']} nodes; "
        f"{report['read']} of {report['features']} features read as {report['type']}; {exact}"
    ]
    for row in report.get("measured", ()):
        lines.append(
            f"{row['layout']:>5} {row['flags']}: flash {row['flash'] / 1000:.1f} kB, "
            f"{row['instructions']:,.0f} instructions, stack {row['stack']} bytes on {row['cpu']} ({row['compiler']}); "
            f"{row['agree']} of {row['rows']} rows as the reference"
        )
    return "\n".join([*lines, f"wrote {', '.join(report['files'])}"])


__all__ = [
    "SUPPORTED",
    "Callback",
    "compile_model",
    "read_callbacks",
    "read_model",
    "read_rows",
    "save_model",
    "text_of",
]
