"""Using a saved model: on held-out folders, on single files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from codegen import interpret
from codegen.artifacts import write_code
from codegen.header import HEADER
from codegen.host import NativeModel
from codegen.plan import Plan
from hybrid import report as reports
from hybrid import robustness, summary
from hybrid.config import Config, apply
from hybrid.data import SILENCE, AudioError, Clip, load_clip
from hybrid.errors import DataError, HybridError, few
from hybrid.metrics import accuracy
from hybrid.model_file import Model, load
from hybrid.recordings import read_windows
from hybrid.summary import UNIT
from hybrid.windows import Windows, cut

ENGINES = ("c", "interpreter")
Decide = Callable[[np.ndarray], dict[str, np.ndarray]]
"""label, stage, margin, scores and cost of windows, int16 (n, samples)."""


def load_model(folder: Path) -> tuple[Model, Config]:
    """A saved model and its settings. Raises HybridError."""
    model = load(folder)
    settings = model.about.get("config", {})
    if not isinstance(settings, dict):
        raise HybridError(f"{folder}: the model's settings are damaged: fit again")
    return model, apply(Config(), settings, f"{folder}")


def load_report(folder: Path) -> dict[str, Any]:
    """`report.json` of a model folder. Raises HybridError."""
    path = folder / "report.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise HybridError(f"{path} cannot be read ({error.strerror}): name a folder written by hybrid fit") from None
    except (ValueError, RecursionError) as error:
        raise HybridError(f"{path} is damaged ({error}): fit again") from None
    if not isinstance(found, dict):
        raise HybridError(f"{path} is damaged (it holds no object): fit again")
    return found


def rewrite_report(folder: Path, summary: Callable[[dict[str, Any]], str]) -> tuple[dict[str, Any], str]:
    """Write `report.html` anew; returns the report and its summary in text. Raises HybridError."""
    load_model(folder)  # a report on a model that is damaged helps nobody
    found = load_report(folder)
    try:
        text = summary(found)
        reports.write(found, folder)
    except (LookupError, TypeError, ValueError, AttributeError, jinja2.TemplateError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise HybridError(f"{folder / 'report.json'} is damaged or edited ({reason}): fit again") from None
    return found, text


def engine_of(model: Model, folder: Path, engine: str, eager: bool) -> Decide:
    """What decides windows: the folder's C, compiled, or the interpreter.

    Raises HybridError for an unknown engine, or C in the folder that is not what the model gives.
    """
    if engine not in ENGINES:
        raise HybridError(f"engine {engine!r} is unknown: choose from {', '.join(ENGINES)}")
    if eager and engine != "c":
        raise HybridError("--eager runs the compiled C: leave out --engine interpreter")
    native = _native(model.plan, folder) if engine == "c" else None

    def decide(pcm: np.ndarray) -> dict[str, np.ndarray]:
        found: Any = native.run(pcm, eager) if native else interpret.run(model.plan, pcm)
        return {key: getattr(found, key) for key in ("label", "stage", "margin", "scores", "cost")}

    return decide


def _native(plan: Plan, folder: Path) -> NativeModel:
    """The folder's C, compiled. It is written anew and compared first: what is built and run is never a stranger's."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        write_code(plan, Path(scratch))
        for name in (f"{plan.name}.h", HEADER):
            path = folder / name
            if not path.is_file():
                raise HybridError(f"{path} is missing: fit again, or use --engine interpreter")
            if path.read_bytes() != (Path(scratch) / name).read_bytes():
                raise HybridError(
                    f"{path} is not what this version writes for the model (edited, damaged, or of another version): "
                    f"fit again, or use --engine interpreter"
                )
        return NativeModel(Path(scratch), plan.name)


def evaluate(
    folder: Path,
    data: Path,
    *,
    split: str | None = None,
    engine: str = "c",
    eager: bool = False,
    skip_bad: bool = False,
    robust: bool = False,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    **layout: Any,
) -> dict[str, Any]:
    """Accuracy and cost on a folder in a known layout. Words that are no class count as `_unknown_`.

    robust: at other gains, in noise and with an offset as well, see hybrid.robustness.

    split: only the clips that the fit put there; what `layout` does not say of the split is taken from the fit.
    Returns {'accuracy': {'all', 'without_silence'}, 'cost', 'data', ...}. Raises HybridError.
    """
    model, config = load_model(folder)
    labels = model.plan.labels
    decide = engine_of(model, folder, engine, eager)
    read = read_windows(model, config, data, split=split, skip_bad=skip_bad, say=say, progress=progress, **layout)
    windows = read.windows
    found = decide(windows.pcm)
    cost = found["cost"].astype(np.int64)
    clip_margin = model.plan.forest.clip_margin
    field = {"robustness": robustness.measure(windows, decide, read.noise, clip_margin)} if robust else {}
    return {
        "model": str(folder),
        "data": {"path": str(data), "layout": read.layout, "notes": read.notes, "windows": len(windows.pcm)},
        "engine": engine,
        "eager": eager,
        "accuracy": _accuracies(windows, found["scores"], labels, clip_margin),
        "cost": {
            "unit": UNIT,
            "core": model.plan.core,
            "mean": float(cost.mean()),
            "p95": float(np.percentile(cost, 95)),
            "max_seen": int(cost.max()),
            "static_max": model.plan.cost_max,
        },
        "clips": summary.clips(windows, found["scores"], cost, clip_margin),
        "stages": np.bincount(found["stage"], minlength=len(model.plan.forest.stages)).tolist(),
        **field,
    }


def _accuracies(windows: Windows, scores: np.ndarray, labels: Sequence[str], clip_margin: int) -> dict[str, Any]:
    predicted = windows.clip_labels(scores, clip_margin)
    result = {"all": accuracy(windows.clip_truth, predicted, labels)}
    if SILENCE in labels:
        kept = windows.clip_truth != labels.index(SILENCE)
        if not kept.all():
            result["without_silence"] = accuracy(windows.clip_truth[kept], predicted[kept], labels)
    return result


def predict(
    folder: Path,
    files: Sequence[Path],
    engine: str = "c",
    eager: bool = False,
    skip_bad: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """One row per file: label, score per class (logits), margin, stage, cost (sum over the windows of a long file that
    are decided: `windows` of `windows_there`).

    skip_bad: files that cannot be read are told to `say` and left out. Raises HybridError where none is left.
    """
    model, config = load_model(folder)
    labels, unit = model.plan.labels, model.plan.forest.unit
    decide = engine_of(model, folder, engine, eager)
    files, pcm = _read(files, config.audio.rate, skip_bad, say)
    clips = [Clip(path, labels[0], name=str(path)) for path in files]
    windows = cut(clips, pcm, labels, config)
    found = decide(windows.pcm)
    decided = windows.asked(found["scores"], model.plan.forest.clip_margin)
    rows = []
    for number, path in enumerate(files):
        own = (windows.clip == number) & decided
        scores = found["scores"][own].astype(np.int64).sum(axis=0) * unit / own.sum()
        order = np.argsort(-scores, kind="stable")
        rows.append(
            {
                "file": str(path),
                "label": labels[order[0]],
                "margin": float(scores[order[0]] - scores[order[1]]),
                "scores": {label: float(s) for label, s in zip(labels, scores, strict=True)},
                "windows": int(own.sum()),
                "windows_there": int((windows.clip == number).sum()),
                "stage": int(found["stage"][own].max()),
                "cost": int(found["cost"][own].astype(np.int64).sum()),
            }
        )
    return rows


def _read(
    files: Sequence[Path], rate: int, skip_bad: bool, say: Callable[[str], None]
) -> tuple[list[Path], list[np.ndarray]]:
    """The files that can be used, and their samples. All zero is a sound like another here."""
    good: list[Path] = []
    pcm: list[np.ndarray] = []
    bad: list[str] = []
    for path in files:
        try:
            pcm.append(load_clip(Clip(path, SILENCE), rate))
            good.append(path)
        except AudioError as error:
            bad.append(f"{path} ({error.reason})")
    if bad and not (skip_bad and good):
        remedy = "name others" if not good else "fix them, or pass --skip-bad to leave them out"
        raise DataError(f"{len(bad)} of {len(files)} files cannot be used: {few(bad)}: {remedy}")
    if bad:
        say(f"note: left out {len(bad)} bad files: {few(bad, 20)}")
    return good, pcm
