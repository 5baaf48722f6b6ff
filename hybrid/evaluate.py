"""Using a saved model: on held-out folders, on single files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.host import NativeModel
from hybrid.config import Config, apply
from hybrid.data import SILENCE, Clip, load_clip, load_corpus, open_held_out
from hybrid.errors import HybridError
from hybrid.metrics import accuracy
from hybrid.model_file import Model, load
from hybrid.windows import Windows, cut

ENGINES = ("c", "interpreter")


def load_model(folder: Path) -> tuple[Model, Config]:
    """A saved model and its settings. Raises HybridError."""
    model = load(folder)
    return model, apply(Config(), model.about.get("config", {}), f"{folder}")


def load_report(folder: Path) -> dict[str, Any]:
    """`report.json` of a model folder. Raises HybridError."""
    path = folder / "report.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise HybridError(f"{path} cannot be read ({error.strerror}): name a folder written by hybrid fit") from None
    except ValueError as error:
        raise HybridError(f"{path} is damaged ({error}): fit again") from None


def decide(model: Model, folder: Path, pcm: np.ndarray, engine: str, eager: bool) -> dict[str, np.ndarray]:
    """label, stage, margin, scores, cost of windows, int16 (n, samples), by compiled C or by the interpreter."""
    if engine not in ENGINES:
        raise HybridError(f"engine {engine!r} is unknown: choose from {', '.join(ENGINES)}")
    if eager and engine != "c":
        raise HybridError("--eager runs the compiled C: leave out --engine interpreter")
    if engine == "c":
        header = folder / f"{model.plan.name}.h"
        if not header.is_file():
            raise HybridError(f"{header} is missing: fit again, or use --engine interpreter")
        found: Any = NativeModel(folder, model.plan.name).run(pcm, eager)
    else:
        found = interpret.run(model.plan, pcm)
    return {key: getattr(found, key) for key in ("label", "stage", "margin", "scores", "cost")}


def evaluate(
    folder: Path,
    data: Path,
    *,
    split: str | None = None,
    engine: str = "c",
    eager: bool = False,
    skip_bad: bool = False,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    **layout: Any,
) -> dict[str, Any]:
    """Accuracy and cost on a folder in a known layout. Words that are no class count as `_unknown_`.

    Returns {'accuracy': {'all', 'without_silence'}, 'cost', 'data', ...}. Raises HybridError.
    """
    model, config = load_model(folder)
    labels = model.plan.labels
    corpus = open_held_out(
        data, labels, split=split, silence_clips=config.data.silence_clips,
        silence_fraction=config.data.silence_fraction, silence_seconds=config.audio.window_s, **layout,
    )  # fmt: skip
    loaded = load_corpus(corpus, config.audio.rate, skip_bad, lambda d, t: progress("decoding", d, t))
    for note in loaded.corpus.notes:
        say(f"note: {note}")
    windows = cut(*loaded.select("test"), labels, config)
    found = decide(model, folder, windows.pcm, engine, eager)
    cost = found["cost"].astype(np.int64)
    return {
        "model": str(folder),
        "data": {"path": str(data), "layout": corpus.layout, "notes": loaded.corpus.notes, "windows": len(windows.pcm)},
        "engine": engine,
        "eager": eager,
        "accuracy": _accuracies(windows, found["scores"], labels),
        "cost": {
            "unit": "MAC",
            "mean": float(cost.mean()),
            "p95": float(np.percentile(cost, 95)),
            "max_seen": int(cost.max()),
            "static_max": model.plan.cost_max,
        },
        "stages": np.bincount(found["stage"], minlength=len(model.plan.forest.stages)).tolist(),
    }


def _accuracies(windows: Windows, scores: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    predicted = windows.clip_labels(scores)
    result = {"all": accuracy(windows.clip_truth, predicted, labels)}
    if SILENCE in labels:
        kept = windows.clip_truth != labels.index(SILENCE)
        if not kept.all():
            result["without_silence"] = accuracy(windows.clip_truth[kept], predicted[kept], labels)
    return result


def predict(folder: Path, files: Sequence[Path], engine: str = "c", eager: bool = False) -> list[dict[str, Any]]:
    """One row per file: label, score per class (logits), margin, stage, cost (sum over the windows of a long file)."""
    model, config = load_model(folder)
    labels, unit = model.plan.labels, model.plan.forest.unit
    clips = [Clip(path, labels[0], name=str(path)) for path in files]
    pcm = [load_clip(clip, config.audio.rate) for clip in clips]
    windows = cut(clips, pcm, labels, config)
    found = decide(model, folder, windows.pcm, engine, eager)
    rows = []
    for number, path in enumerate(files):
        own = windows.clip == number
        scores = found["scores"][own].astype(np.int64).sum(axis=0) * unit / own.sum()
        order = np.argsort(-scores, kind="stable")
        rows.append(
            {
                "file": str(path),
                "label": labels[order[0]],
                "margin": float(scores[order[0]] - scores[order[1]]),
                "scores": {label: float(s) for label, s in zip(labels, scores, strict=True)},
                "windows": int(own.sum()),
                "stage": int(found["stage"][own].max()),
                "cost": int(found["cost"][own].astype(np.int64).sum()),
            }
        )
    return rows


