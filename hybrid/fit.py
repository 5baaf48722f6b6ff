"""`hybrid fit`: recordings in, a folder with C, model and report out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.artifacts import write_code, write_test_vectors
from codegen.plan import Plan
from feature_extractors.cnn.pool import Pool, spoken_copies
from feature_extractors.cnn.quantise import LOGIT_SCALE
from feature_extractors.cnn.to_graph import add_trunk
from feature_extractors.cnn.train import TrainedTrunk
from feature_extractors.graph import Graph
from hybrid import anytime, footprint, metrics, parity, stats, summary
from hybrid import report as reports
from hybrid.budget import Found, Limits, find
from hybrid.candidates import stage_features
from hybrid.closures import Closures
from hybrid.config import Config
from hybrid.data import SILENCE, LoadedCorpus, cached, load_corpus, open_corpus
from hybrid.data.options import Options
from hybrid.errors import HybridError
from hybrid.exits import Chosen, evidence, fit_exits
from hybrid.front_end import LOG_MEL, front_end
from hybrid.limits import check_name, check_settings
from hybrid.model_file import Model, save
from hybrid.output import check_writable, replaced_folder
from hybrid.prune import prune_bands
from hybrid.staging import TreeData, cleaned, dense_forest, fit_forest
from hybrid.trunk import mel_settings, train
from hybrid.windows import Windows, cut
from tree_backends.evaluate import stage_scores
from tree_backends.exits import split_stages

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]
HEADS = ("trees", "dense")
PARITY_LEAST = 200
"""Parity is checked on the test windows, and on training windows beside them where the test split has fewer."""

NO_SPLIT = "no tree found a split (too few clips, or all alike)"


def _quiet(*_: Any) -> None:
    return None


@dataclass
class Console:
    """Where messages and progress go."""

    say: Say = _quiet
    progress: Progress = _quiet
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase."""
        start = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained classifier: the plan asked for, the dense head on the same trunk, and where it came from."""

    plan: Plan
    dense: Plan
    trunk: TrainedTrunk
    offered: int
    exits: Chosen


def fit_windows(
    training: Windows,
    validation: Windows,
    noise: list[np.ndarray],
    labels: tuple[str, ...],
    config: Config,
    name: str,
    seed: int,
    console: Console,
    trunk: TrainedTrunk | None = None,
) -> Fitted:
    """Train trunk and forest on windows. Raises HybridError for settings that give no model.

    trunk: one that was trained before on the same windows and settings, which only the forest's may differ from.
    """
    check_settings(config)
    graph = front_end(config)
    with console.phase("trunk"):
        trunk = trunk or train(
            config, training.pcm, training.truth, validation.pcm, validation.truth, noise, len(labels), seed,
            lambda phase, done, total, _: console.progress(phase, done, total),
        )  # fmt: skip
    add_trunk(graph, trunk.quantised, LOG_MEL, config.trunk.group)
    with console.phase("forest"):
        wanted, offered = _feature_maps(graph, config, trunk.quantised.heads)
        spoken = spoken_copies(
            training.pcm, noise, mel_settings(config), config.augment, seed, _tree_copies(trunk.pool, config)
        )
        data = _tree_data(graph, trunk.pool, config, wanted, spoken)
        forest = fit_forest(
            graph, data, trunk.quantised.heads, config.forest, LOGIT_SCALE, seed,
            lambda done, total: console.progress("forest stages", done, total),
        )  # fmt: skip
        forest = cleaned(forest, data.maps, config.forest)
        core = config.cost.core
        plan = Plan(name, labels, graph, forest, core)
        maps = window_maps(graph, validation.pcm, wanted)
        exits = _exits(plan, maps, validation.truth, config)
        forest = forest.with_margins(exits.margins)
        plan = Plan(name, labels, graph, split_stages(forest, 0) if config.forest.sure_exits else forest, core)
    shift = round(np.log2(LOGIT_SCALE / config.forest.unit))
    last = dense_forest(len(labels), trunk.quantised.heads[-1], shift, config.forest.unit)
    return Fitted(plan, Plan(name, labels, graph, last, core), trunk, offered, exits)


def _feature_maps(graph: Graph, config: Config, heads: Sequence[str]) -> tuple[list[str], int]:
    offered = list(chain.from_iterable(stage_features(graph, config.forest.features, heads)))
    bases = set(heads) if config.forest.base else set()
    return sorted({f.map for f in offered} | bases), len(offered)


def _tree_copies(pool: Pool, config: Config) -> int:
    return min(config.forest.copies, len(pool.logmel))


def _tree_data(
    graph: Graph, pool: Pool, config: Config, wanted: list[str], spoken: Iterator[np.ndarray]
) -> TreeData:
    """Feature maps and targets of augmented copies: on unchanged training clips a trunk is overconfident.

    spoken: samples of each copy, for maps that are computed from them beside the log-mel.
    """
    copies = _tree_copies(pool, config)
    log_mel = pool.logmel[:copies].reshape(-1, *pool.logmel.shape[2:], 1)
    target = np.eye(int(pool.labels.max()) + 1)[np.tile(pool.labels, copies)]
    if pool.teacher is not None:
        soft = np.exp(pool.teacher[:copies].astype(np.float64)).reshape(target.shape[0], -1)
        share = config.forest.soft_share
        target = (1 - share) * target + share * soft / soft.sum(axis=1, keepdims=True)
    given = {LOG_MEL: log_mel} | _framed(graph, wanted, spoken)
    return TreeData(interpret.evaluate_maps(graph, given, wanted), target)


def _framed(graph: Graph, wanted: list[str], spoken: Iterator[np.ndarray]) -> dict[str, np.ndarray]:
    """Maps other than the log-mel that read the samples, such as energies, over all copies."""
    names = [m.name for m in graph.closure(wanted, {LOG_MEL}) if graph.source.name in m.inputs and m.name != LOG_MEL]
    if not names:
        return {}
    parts = [interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), names) for pcm in spoken]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def window_maps(graph: Graph, pcm: np.ndarray, wanted: list[str]) -> dict[str, np.ndarray]:
    """Whole maps of windows; the front end's are cached by content of samples and settings."""
    front = [m.name for m in graph.closure(wanted) if m.op.family == "front end" and m.op.name != "pool"]
    key = ["front end", [graph[n].key for n in front], hashlib.sha256(pcm.tobytes()).hexdigest(), pcm.shape]
    given = cached(key, lambda: interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), front))
    return interpret.evaluate_maps(graph, dict(given), wanted)


def _exits(plan: Plan, maps: dict[str, np.ndarray], truth: np.ndarray, config: Config) -> Chosen:
    values = interpret.values_of(maps, plan.forest.features)
    scores = stage_scores(plan.forest, values, lambda name: maps[name].reshape(len(truth), -1))
    prices = [float(plan.bound(s + 1)) for s in range(len(plan.forest.stages))]
    chosen = config.forest
    found = evidence(scores, np.array(prices), truth if chosen.exit_harm == "truth" else None)
    by_class = {"shared": False, "by class": True}.get(chosen.exit_margins)
    return fit_exits(found, chosen.exit_loss, by_class)


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
    prune: float | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Fit a model on the recordings in `data` and write the folder `out`. Returns the report.

    limits: search for the best model inside them, see hybrid.budget; else the model as configured.
    prune: leave out the mel bands that are not worth their price, see hybrid.prune; the share of validation accuracy
    that this may cost.
    Raises HybridError for everything that a user can get wrong; `out` is replaced only when all went well.
    """
    console = console or Console()
    check_request(out, config, name, head, compiler)
    if prune is not None and limits is not None:
        raise HybridError("--prune-bands cannot be combined with --max-flash, --max-ram, --max-cost or --board: fit "
                          "inside the limits first, then prune with the settings found (trunk.channels)")  # fmt: skip
    with console.phase("data"):
        loaded = _load(data, config, skip_bad, seed, console)
        corpus = loaded.corpus
        splits = {s: cut(*loaded.select(s), corpus.labels, config) for s in ("train", "validation", "test")}
    labels = tuple(corpus.labels)
    budget: dict[str, Any] = {}
    if limits is None:
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
        closures = Closures(plan.graph)
        report["closure"] = closures.table()
        report["forest"] = summary.forest(plan, fitted.offered)
        report["exits"] = {
            "budget": config.forest.exit_loss, "harm": config.forest.exit_harm, "by_class": fitted.exits.by_class,
            "share": fitted.exits.share, "harmed": fitted.exits.harmed,
        }  # fmt: skip
        report["timing_s"] = {k: round(v, 2) for k, v in console.seconds.items()}
        save(Model(plan, about), folder)
        reports.write(report, folder)
    return report


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
        predicted = windows.clip_labels(results.scores)
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
