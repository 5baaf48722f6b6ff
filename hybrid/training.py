"""From windows to a fitted classifier: trunk, forest, gate and exits."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from codegen import interpret
from codegen.plan import Plan
from feature_extractors.cnn.pool import Pool, spoken_copies
from feature_extractors.cnn.quantise import LOGIT_SCALE
from feature_extractors.cnn.to_graph import add_trunk
from feature_extractors.cnn.train import TrainedTrunk
from feature_extractors.graph import Graph
from hybrid.candidates import stage_features
from hybrid.clip_exits import Clips, fit_clip_exits
from hybrid.config import Config
from hybrid.data import cached
from hybrid.exits import Chosen, evidence, fit_exits
from hybrid.front_end import LOG_MEL, front_end
from hybrid.gate import Gate, behind, fit_gate, gate_features, gather, trimmed
from hybrid.limits import check_settings
from hybrid.staging import TreeData, cleaned, dense_forest, fit_forest
from hybrid.trunk import mel_settings, train
from hybrid.windows import Windows
from tree_backends.evaluate import stage_scores
from tree_backends.exits import split_stages
from tree_backends.forest import Forest

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


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
    """What forests stand on: a trunk in its graph, what they are trained on, and maps of the validation windows.

    judged: maps that exits are chosen on: of these windows, and of augmented copies of them behind them.
    """

    name: str
    labels: tuple[str, ...]
    graph: Graph
    trunk: TrainedTrunk
    data: TreeData
    training: Windows
    noise: list[np.ndarray]
    validation: Windows
    maps: dict[str, np.ndarray]
    judged: dict[str, np.ndarray]


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
        named = sorted({*wanted, *(f.map for f in gate_features(graph) if config.gate.on)})
        changed = spoken_copies(
            validation.pcm, noise, mel_settings(config), config.augment, seed, config.forest.exit_copies
        )
        maps, *copies = (window_maps(graph, pcm, named) for pcm in chain([validation.pcm], changed))
        judged = {name: np.concatenate([maps[name], *(copy[name] for copy in copies)]) for name in named}
    return Ground(name, labels, graph, trunk, data, training, noise, validation, maps, judged)


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
    gate, exits = _gated_exits(grown.gate, open_plan, ground.judged, ground.validation, config)
    forest = exits.on(behind(gate, grown.forest) if gate else grown.forest)
    if config.forest.sure_exits:
        forest = with_sure_exits(forest, ground.validation)
    plan = Plan(name, labels, graph, forest, core)
    shift = round(np.log2(LOGIT_SCALE / config.forest.unit))
    last = dense_forest(len(labels), ground.trunk.quantised.heads[-1], shift, config.forest.unit)
    offered = sum(map(len, stage_features(graph, config.forest.features, _stages(ground, config))))
    return Fitted(plan, Plan(name, labels, graph, last, core), ground.trunk, offered, exits, gate)


def with_sure_exits(forest: Forest, windows: Windows) -> Forest:
    """Stages that leave out trees which cannot change a window's label, except where they change a sum over windows."""
    return forest if windows.several else split_stages(forest, 0)


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
    gate: Gate | None, plan: Plan, maps: dict[str, np.ndarray], windows: Windows, config: Config
) -> tuple[Gate | None, Chosen]:
    """Exit margins of all stages, and the gate that they leave: its leaves that no decision leaves by are dropped."""
    while gate is not None:
        gated = Plan(plan.name, plan.labels, plan.graph, behind(gate, plan.forest), plan.core)
        exits = choose_margins(gated, maps, windows, config)
        left = trimmed(gate, exits.margins[0], plan.forest.bias)
        if left is not None and np.array_equal(left.forest.leaf_scores, gate.forest.leaf_scores):
            return gate, exits
        gate = left
    return None, choose_margins(plan, maps, windows, config)


def choose_margins(plan: Plan, maps: dict[str, np.ndarray], windows: Windows, config: Config) -> Chosen:
    """Exit margins by whole maps of windows and of copies of them all behind. Where clips are cut into several windows,
    the margin of clips, too."""
    values = interpret.values_of(maps, plan.forest.features)
    scores = stage_scores(plan.forest, values, lambda name: maps[name].reshape(len(values), -1))
    copies, chosen = len(values) // len(windows.truth), config.forest
    every = windows.repeated(copies)
    prices = np.array([float(plan.bound(s + 1)) for s in range(len(plan.forest.stages))])
    judged = chosen.exit_harm == "truth"
    if windows.several:
        truth = every.clip_truth if judged else None
        return fit_clip_exits(Clips(scores, every.clip, truth, prices, plan.forest.unit), chosen.exit_loss)
    found = evidence(scores, prices, every.truth if judged else None)
    return fit_exits(found, chosen.exit_loss, chosen.exit_margins, copies=copies)
