"""`hybrid fit`: recordings in, a folder with C, model and report out."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.artifacts import write_code, write_test_vectors
from codegen.host import NativeModel
from codegen.plan import Plan
from feature_extractors.cnn.train import TrainedTrunk
from hybrid import anytime, footprint, front, metrics, parity, robustness, stats, summary
from hybrid import report as reports
from hybrid.budget import Found, Limits, find
from hybrid.closures import Closures
from hybrid.config import Config
from hybrid.data import SILENCE, LoadedCorpus, load_corpus, open_corpus
from hybrid.data.options import Options
from hybrid.errors import HybridError
from hybrid.gate import Gate
from hybrid.limits import check_name, check_settings
from hybrid.model_file import Model, save
from hybrid.output import check_writable, replaced_folder
from hybrid.prune import prune_bands
from hybrid.training import Console, Fitted, Grown, fit_windows, grow, lay_ground, window_maps, with_exits
from hybrid.windows import Windows, cut
from tree_backends.forest import NEVER

HEADS = ("trees", "dense")
PARITY_LEAST = 200
"""Parity is checked on the test windows, and on training windows beside them where the test split has fewer."""

ROBUSTNESS_CLIPS = 300
"""Test clips that robustness is measured on, at most."""

NO_SPLIT = "no tree found a split (too few clips, or all alike)"


def fit(
    data: Path,
    out: Path,
    config: Config,
    *,
    name: str = "model",
    seed: int = 0,
    head: str = "trees",
    skip_bad: bool = False,
    compiler: str | None = None,
    preset: str | None = None,
    command: str = "",
    synthetic: bool = False,
    limits: Limits | None = None,
    target: front.Target | None = None,
    prune: float | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Fit a model on the recordings in `data` and write the folder `out`. Returns the report.

    limits: search for the best model inside them, see hybrid.budget; target: fit forests of many settings on one trunk
    and take one, see hybrid.front;
    prune: leave out the mel bands that are not worth their price, the share of validation accuracy that this may cost;
    else the model as configured.
    Raises HybridError for everything that a user can get wrong; `out` is replaced only when all went well.
    """
    console = console or Console()
    check_request(out, config, name, head, compiler)
    check_search({"--front": target, "--prune-bands": prune, "--max-flash/--max-ram/--max-cost/--board": limits}, head)
    with console.phase("data"):
        loaded = _load(data, config, skip_bad, seed, console)
        corpus = loaded.corpus
        splits = {s: cut(*loaded.select(s), corpus.labels, config) for s in ("train", "validation", "test")}
    labels = tuple(corpus.labels)
    budget: dict[str, Any] = {}
    if target is not None:
        chosen = _fit_front(target, splits, loaded.noise, labels, config, name, seed, console)
        config, fitted = chosen.chosen.config, chosen.chosen.fitted
        budget = {"front": chosen.table()}
    elif limits is None:
        fitted = fit_windows(splits["train"], splits["validation"], loaded.noise, labels, config, name, seed, console)
    else:
        found = _fit_within(limits, splits, loaded.noise, labels, config, name, seed, head, console)
        config, fitted = found.config, found.fitted
        budget = {"budget": {"limits": asdict(limits), "need": asdict(found.need), "tried": found.tried}}
    if prune is not None:
        pruned = prune_bands(
            fitted, config,
            lambda c: fit_windows(splits["train"], splits["validation"], loaded.noise, labels, c, name, seed, console),
            splits, head, prune, console.say, console.progress,
        )  # fmt: skip
        config, fitted, budget = pruned.config, pruned.fitted, pruned.report
    plan, other = (fitted.plan, fitted.dense) if head == "trees" else (fitted.dense, fitted.plan)
    if not plan.maps:
        raise HybridError(f"{data}: {NO_SPLIT}: add clips, lower forest.min_leaf, or use --head dense")
    about = {"config": config.to_dict(), "preset": preset, "seed": seed, "head": head, "data": str(data)}
    report = {
        "format": 1, "name": name, "created_with": _version(), "command": command, "seed": seed, "preset": preset,
        "synthetic": synthetic, "head": head, "config": config.to_dict(), "data": _describe(loaded, data, config),
        "learning": _learning(fitted.trunk), "warnings": [], **budget,
    }  # fmt: skip
    with replaced_folder(out) as folder:
        report |= _write_and_check(plan, folder, splits, console, compiler)
        if head == "trees":
            inner = folder / "dense"
            inner.mkdir()
            dense = _write_and_check(other, inner, splits, console, compiler)
            save(Model(other, about | {"head": "dense"}), inner)
            report["baseline"] = {"head": "dense"} | {k: dense[k] for k in ("accuracy", "cost", "code")}
        with console.phase("robustness"):
            report["robustness"] = _robustness(plan, folder, splits["test"], loaded.noise, compiler)
        if head == "trees" and fitted.gate:
            report["gate"] = _settled(plan, fitted.gate, splits["test"])
        closures = Closures(plan.graph)
        report["closure"] = closures.table()
        report["forest"] = summary.forest(plan, fitted.offered)
        report["exits"] = {
            "budget": config.forest.exit_loss, "harm": config.forest.exit_harm, "margins": fitted.exits.way,
            "share": fitted.exits.share, "harmed": fitted.exits.harmed,
            "clip_margin": None if fitted.exits.clip == NEVER else fitted.exits.clip,
        }  # fmt: skip
        report["timing_s"] = {k: round(v, 2) for k, v in console.seconds.items()}
        save(Model(plan, about), folder)
        reports.write(report, folder)
    return report


def _robustness(
    plan: Plan, folder: Path, test: Windows, noise: list[np.ndarray], compiler: str | None
) -> dict[str, Any]:
    """Accuracy in the field, by the folder's C."""
    native = NativeModel(folder, plan.name, compiler)
    decide = lambda pcm: vars(native.run(pcm))  # noqa: E731
    return robustness.measure(robustness.some(test, ROBUSTNESS_CLIPS), decide, noise, plan.forest.clip_margin)


def _settled(plan: Plan, gate: Gate, test: Windows) -> list[dict[str, Any]]:
    """What leaves by the gate of each class that it settles, on the test windows. Plain values.

    'lost': windows of other classes that it takes and that the forest gets right without it.
    """
    maps = window_maps(plan.graph, test.pcm, plan.named)
    taken = interpret.decide_on(plan, maps)
    without = plan.forest.with_margins([NEVER, *([s.class_margins or s.margin for s in plan.forest.stages[1:]])])
    right = interpret.decide_on(Plan(plan.name, plan.labels, plan.graph, without, plan.core), maps).label == test.truth
    rows = []
    for found in gate.settled:
        own, by_gate = test.truth == found.cls, (taken.stage == 0) & (taken.label == found.cls)
        rows.append(
            {
                "class": plan.labels[found.cls], "leaves": found.leaves, "windows": int(own.sum()),
                "settled": float(by_gate[own].mean()) if own.any() else 0.0,
                "others": int((~own).sum()), "lost": int((by_gate & ~own & right).sum()),
                "held_out": {"settled": found.settled, "lost": found.lost},
            }
        )  # fmt: skip
    return rows


def _fit_front(
    target: front.Target,
    splits: dict[str, Windows],
    noise: list[np.ndarray],
    labels: tuple[str, ...],
    config: Config,
    name: str,
    seed: int,
    console: Console,
) -> front.Front:
    """Forests of many settings on one trunk, and the one for the target."""
    ground = lay_ground(splits["train"], splits["validation"], noise, labels, config, name, seed, console)

    def judge(settings: Config, grown: Grown) -> front.Point:
        fitted = with_exits(ground, grown, settings)
        results, margin = interpret.decide_on(fitted.plan, ground.maps), fitted.plan.forest.clip_margin
        right = ground.validation.clip_labels(results.scores, margin) == ground.validation.clip_truth
        spent = results.cost * ground.validation.asked(results.scores, margin)
        return front.Point(settings, fitted, float(right.mean()), float(spent.mean()), float(np.percentile(spent, 95)))

    with console.phase("forest"):
        return front.find(config, target, lambda settings: grow(ground, settings, seed, console), judge, console.say)


def _fit_within(
    limits: Limits,
    splits: dict[str, Windows],
    noise: list[np.ndarray],
    labels: tuple[str, ...],
    config: Config,
    name: str,
    seed: int,
    head: str,
    console: Console,
) -> Found:
    """The best model inside limits."""
    training, validation = splits["train"], splits["validation"]

    def train_one(settings: Config, trunk: TrainedTrunk | None) -> Fitted:
        return fit_windows(training, validation, noise, labels, settings, name, seed, console, trunk)

    def probe(settings: Config) -> Plan:
        brief = replace(settings.training, copies=1, teachers=0, epochs=1, quant_epochs=1, min_steps=1)
        bare = replace(settings, training=brief, forest=replace(settings.forest, rounds=(0,), copies=1))
        few = training.first_of_each(len(labels))
        fitted = fit_windows(few, few, [], labels, bare, name, seed, Console())
        return fitted.plan if head == "trees" else fitted.dense

    # without bases a forest of no trees needs no map, so it would say nothing
    tells = probe if head == "dense" or config.forest.base else None
    return find(limits, config, head, train_one, tells, validation, console.say)


def check_request(out: Path, config: Config, name: str, head: str, compiler: str | None) -> None:
    """Raise HybridError for what would make the fit fail in the end, before it has taken any time."""
    check_name(name)
    if head not in HEADS:
        raise HybridError(f"head {head!r} is unknown: choose from {', '.join(HEADS)}")
    check_settings(config)
    check_writable(out)
    parity.check_compiler(compiler)


def check_search(asked: dict[str, Any], head: str) -> None:
    """Raise HybridError where more than one search is asked for (option -> what for), or a front of dense heads."""
    several = [option for option, what in asked.items() if what is not None]
    if len(several) > 1:
        raise HybridError(f"{' and '.join(several)} cannot be combined: ask for one at a time")
    if several == ["--front"] and head == "dense":
        raise HybridError("--front chooses among forests and cannot be combined with --head dense: leave out one")


def _load(data: Path, config: Config, skip_bad: bool, seed: int, console: Console) -> LoadedCorpus:
    chosen = config.data
    corpus = open_corpus(
        data, classes=chosen.classes, layout=chosen.layout, subset=chosen.subset, test_fold=chosen.test_fold,
        validation_fold=chosen.validation_fold, leave_out=chosen.leave_out, test_takes=chosen.test_takes,
        silence_clips=chosen.silence_clips, silence_fraction=chosen.silence_fraction,
        silence_seconds=config.audio.window_s,
        validation_share=chosen.validation_share, seed=Options().seed,
    )  # fmt: skip
    loaded = load_corpus(
        corpus, config.audio.rate, skip_bad, lambda done, total: console.progress("decoding", done, total)
    )
    console.say(f"layout {corpus.layout}: {corpus.split_description}")
    for split, counts in loaded.corpus.counts().items():
        shown = ", ".join(f"{label} {n}" for label, n in counts.items())
        console.say(f"{split:>10}: {sum(counts.values())} clips ({shown})")
    for note in loaded.corpus.notes:
        console.say(f"note: {note}")
    return loaded


def _write_and_check(
    plan: Plan, folder: Path, splits: dict[str, Windows], console: Console, compiler: str | None
) -> dict[str, Any]:
    """Write the C, hold it against the interpreter, and gather everything that is measured on it."""
    with console.phase("c"):
        write_code(plan, folder)
        code = footprint.measure(folder, plan.name)
    with console.phase("parity"):
        test = splits["test"]
        extra = splits["train"].pcm[: max(0, PARITY_LEAST - len(test.pcm))]
        names = (*test.names, *splits["train"].names[: len(extra)])
        both, summary_of = parity.check(plan, folder, np.concatenate([test.pcm, extra]), names, compiler)
        results = interpret.run(plan, test.pcm) if len(extra) else both
        write_test_vectors(plan, test.pcm, results, folder)
    validation = interpret.run(plan, splits["validation"].pcm)
    steps = {split: _steps(plan, splits[split]) for split in ("validation", "test")}
    judged = {"validation": (splits["validation"], validation), "test": (test, results)}
    return {
        "accuracy": accuracies(judged, plan.labels),
        "cost": summary.cost(results),
        "clips": summary.clips(test, results.scores, results.cost, plan.forest.clip_margin),
        "maps": summary.maps(results),
        "stages": summary.stages(results, test.truth, steps["test"][0].scores[-1].argmax(axis=1)),
        "anytime": anytime.curve(steps),
        "features": summary.features(results, Closures(plan.graph)),
        "access": stats.in_brief(results),
        "code": code,
        "parity": summary_of,
    }


def _steps(plan: Plan, windows: Windows) -> tuple[anytime.Progress, np.ndarray]:
    """Windows after every step of a decision, and their classes."""
    wanted = {f.map for f in plan.forest.features} | {s.base for s in plan.forest.stages if s.base}
    return anytime.run(plan, window_maps(plan.graph, windows.pcm, sorted(wanted))), windows.truth


def accuracies(found: dict[str, tuple[Windows, interpret.Results]], labels: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy per clip of each split, and without `_silence_` clips where there is such a class."""
    result = {}
    for split, (windows, results) in found.items():
        predicted = windows.clip_labels(results.scores, results.plan.forest.clip_margin)
        result[split] = metrics.accuracy(windows.clip_truth, predicted, labels)
        if SILENCE in labels:
            kept = windows.clip_truth != labels.index(SILENCE)
            name = f"{split}_without_silence"
            result[name] = metrics.accuracy(windows.clip_truth[kept], predicted[kept], labels)
    return result


def _describe(loaded: LoadedCorpus, data: Path, config: Config) -> dict[str, Any]:
    corpus = loaded.corpus
    return {
        "path": str(data),
        "layout": corpus.layout,
        "split": corpus.split_description,
        "notes": corpus.notes,
        "rate": config.audio.rate,
        "window_s": config.audio.window_s,
        "counts": corpus.counts(),
    }


def _learning(trunk: TrainedTrunk) -> dict[str, Any]:
    points = [p for p in trunk.curves if not p.phase.startswith("teacher")]
    starts: dict[str, int] = {}
    last = 0
    for point in points:
        starts.setdefault(point.phase, last)
        last = starts[point.phase] + point.epoch
    heads = trunk.spec.head_names()
    return {
        "epoch": [starts[p.phase] + p.epoch for p in points],
        "train_loss": [p.loss for p in points],
        "band_strengths": list(trunk.bands),
        "validation_accuracy": {h: [p.validation[i] for p in points] for i, h in enumerate(heads)},
    }


def _version() -> str:
    from hybrid import __version__

    return f"hybrid {__version__}"
