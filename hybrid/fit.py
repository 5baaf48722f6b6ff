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
from codegen.host import NativeModel
from codegen.plan import Plan
from feature_extractors.cnn.pool import Pool, spoken_copies
from feature_extractors.cnn.quantise import LOGIT_SCALE
from feature_extractors.cnn.to_graph import add_trunk
from feature_extractors.cnn.train import TrainedTrunk
from feature_extractors.graph import Graph
from hybrid import anytime, footprint, front, metrics, parity, robustness, stats, summary
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
from hybrid.gate import Gate, behind, fit_gate, gate_features, gather, trimmed
from hybrid.limits import check_name, check_settings
from hybrid.model_file import Model, save
from hybrid.output import check_writable, replaced_folder
from hybrid.prune import prune_bands
from hybrid.staging import TreeData, cleaned, dense_forest, fit_forest
from hybrid.trunk import mel_settings, train
from hybrid.windows import Windows, cut
from tree_backends.evaluate import stage_scores
from tree_backends.exits import split_stages
from tree_backends.forest import NEVER, Forest

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]
HEADS = ("trees", "dense")
PARITY_LEAST = 200
"""Parity is checked on the test windows, and on training windows beside them where the test split has fewer."""

ROBUSTNESS_CLIPS = 300
"""Test clips that robustness is measured on, at most."""

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
class Ground:
    """What forests stand on: a trunk in its graph, what they are trained on, and the maps that exits are chosen on."""

    name: str
    labels: tuple[str, ...]
    graph: Graph
    trunk: TrainedTrunk
    data: TreeData
    training: Windows
    noise: list[np.ndarray]
    validation: Windows
    maps: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained classifier: the plan asked for, the dense head on the same trunk, and where it came from."""

    plan: Plan
    dense: Plan
    trunk: TrainedTrunk
    offered: int
    exits: Chosen
    gate: Gate | None = None
    """The first stage of the plan's forest, where there is one that settles classes by energies."""


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
    ground = lay_ground(training, validation, noise, labels, config, name, seed, console, trunk)
    with console.phase("forest"):
        return with_exits(ground, grow(ground, config, seed, console), config)


def lay_ground(
    training: Windows,
    validation: Windows,
    noise: list[np.ndarray],
    labels: tuple[str, ...],
    config: Config,
    name: str,
    seed: int,
    console: Console,
    trunk: TrainedTrunk | None = None,
) -> Ground:
    """All that comes before the forest; see `fit_windows`."""
    check_settings(config)
    graph = front_end(config)
    with console.phase("trunk"):
        trunk = trunk or train(
            config, training.pcm, training.truth, validation.pcm, validation.truth, noise, len(labels), seed,
            lambda phase, done, total, _: console.progress(phase, done, total),
        )  # fmt: skip
    add_trunk(graph, trunk.quantised, LOG_MEL)
    with console.phase("forest"):
        wanted = _feature_maps(graph, config, trunk.quantised.heads)
        spoken = spoken_copies(
            training.pcm, noise, mel_settings(config), config.augment, seed, _tree_copies(trunk.pool, config)
        )
        data = _tree_data(graph, trunk.pool, config, wanted, spoken)
        named = {*wanted, *(f.map for f in gate_features(graph) if config.gate.on)}
        maps = window_maps(graph, validation.pcm, sorted(named))
    return Ground(name, labels, graph, trunk, data, training, noise, validation, maps)


@dataclass(frozen=True, eq=False)
class Grown:
    """A forest without exits, and the gate for it."""

    forest: Forest
    gate: Gate | None


def grow(ground: Ground, config: Config, seed: int, console: Console) -> Grown:
    """The forest of the settings, without exits."""
    forest = fit_forest(
        ground.graph, ground.data, _stages(ground, config), config.forest, LOGIT_SCALE, seed,
        lambda done, total: console.progress("forest stages", done, total), config.cost.core,
    )  # fmt: skip
    forest = cleaned(forest, ground.data.maps, config.forest)
    return Grown(forest, _gate(ground, forest, config, seed))


def with_exits(ground: Ground, grown: Grown, config: Config) -> Fitted:
    """A forest of `grow` with the exits that the settings ask for, chosen on the validation windows."""
    name, labels, graph, core = ground.name, ground.labels, ground.graph, config.cost.core
    open_plan = Plan(name, labels, graph, grown.forest, core)
    gate, exits = _gated_exits(grown.gate, open_plan, ground.maps, ground.validation.truth, config)
    forest = (behind(gate, grown.forest) if gate else grown.forest).with_margins(exits.margins)
    plan = Plan(name, labels, graph, split_stages(forest, 0) if config.forest.sure_exits else forest, core)
    shift = round(np.log2(LOGIT_SCALE / config.forest.unit))
    last = dense_forest(len(labels), ground.trunk.quantised.heads[-1], shift, config.forest.unit)
    offered = sum(map(len, stage_features(graph, config.forest.features, _stages(ground, config))))
    return Fitted(plan, Plan(name, labels, graph, last, core), ground.trunk, offered, exits, gate)


def _stages(ground: Ground, config: Config) -> list[str | None]:
    """The heads that have a stage; None stands for the one before the first block."""
    heads = ground.trunk.quantised.heads
    numbers = config.forest.stages or range(1, len(heads) + 1)
    return [heads[number - 1] if number else None for number in numbers]


def _feature_maps(graph: Graph, config: Config, heads: Sequence[str]) -> list[str]:
    """The maps that forests on these settings may name, whichever heads have a stage."""
    offered = chain.from_iterable(stage_features(graph, config.forest.features, heads))
    bases = set(heads) if config.forest.base else set()
    return sorted({f.map for f in offered} | bases)


def _tree_copies(pool: Pool, config: Config) -> int:
    return min(config.forest.copies, len(pool.logmel))


def _tree_data(graph: Graph, pool: Pool, config: Config, wanted: list[str], spoken: Iterator[np.ndarray]) -> TreeData:
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


def _gate(ground: Ground, forest: Forest, config: Config, seed: int) -> Gate | None:
    """The gate for a fitted forest, where one is wanted and some class can be settled."""
    if not config.gate.on:
        return None
    graph, labels, noise, truth = ground.graph, ground.labels, ground.noise, ground.trunk.pool.labels
    copies = min(config.gate.copies, _tree_copies(ground.trunk.pool, config))
    spoken = spoken_copies(ground.training.pcm, noise, mel_settings(config), config.augment, seed, copies)
    found = final_labels(forest, ground.data.maps).reshape(-1, len(truth))
    windows = gather(graph, spoken, truth, found == truth, noise, labels, config, seed)
    return fit_gate(windows, gate_features(graph), len(labels), config.forest.unit, config.gate, seed)


def final_labels(forest: Forest, maps: dict[str, np.ndarray]) -> np.ndarray:
    """The labels after the last stage, int64 (n,). maps: whole maps of the windows."""
    values = interpret.values_of(maps, forest.features)
    return stage_scores(forest, values, lambda name: maps[name].reshape(len(values), -1))[-1].argmax(axis=1)


def _gated_exits(
    gate: Gate | None, plan: Plan, maps: dict[str, np.ndarray], truth: np.ndarray, config: Config
) -> tuple[Gate | None, Chosen]:
    """Exit margins of all stages, and the gate that they leave: its leaves that no decision leaves by are dropped."""
    while gate is not None:
        gated = Plan(plan.name, plan.labels, plan.graph, behind(gate, plan.forest), plan.core)
        exits = _exits(gated, maps, truth, config)
        left = trimmed(gate, exits.margins[0], plan.forest.bias)
        if left is not None and np.array_equal(left.forest.leaf_scores, gate.forest.leaf_scores):
            return gate, exits
        gate = left
    return None, _exits(plan, maps, truth, config)


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
            "budget": config.forest.exit_loss, "harm": config.forest.exit_harm, "by_class": fitted.exits.by_class,
            "share": fitted.exits.share, "harmed": fitted.exits.harmed,
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
    return robustness.measure(robustness.some(test, ROBUSTNESS_CLIPS), decide, noise)


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
        results = interpret.decide_on(fitted.plan, ground.maps)
        right = ground.validation.clip_labels(results.scores) == ground.validation.clip_truth
        spent = results.cost
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
