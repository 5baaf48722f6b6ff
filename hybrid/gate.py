"""A gate: a first stage on contrasts of energies that settles classes before the first FFT.

For each class a small tree tells its windows from those of other classes that the rest of the forest gets right. It is
grown on half of the training clips and judged on the other half, in augmented copies; background noise stands beside
them at levels drawn at random, since real background seldom sounds like a clip of silence. A leaf settles its class if
it holds a share of its windows and all such leaves together take no more than a stated share of the others. No leaf is
promised: where none is pure there is no gate.

Leaves that settle give their class a score that nothing else in the forest comes near, the purer the higher, and all
other leaves nothing, so that windows which pass are decided as if there were no gate. Which of them leave is chosen
like every other exit, on validation windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codegen import interpret
from codegen.interpret import values_of
from feature_extractors.graph import Graph
from hybrid.candidates import kind_of
from hybrid.config import Config, GateConfig
from hybrid.data import SILENCE
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature, Forest
from tree_backends.join import joined, leaves_of
from tree_backends.lightgbm import add_tree, fit_tree

SCORE = 16.0
"""Logits that a leaf gives which settles; further ones a rank give the purer leaves more."""
RANK = 1.0
CHUNK = 512
"""Windows whose maps are worked out at once."""


@dataclass(frozen=True, eq=False)
class Windows:
    """What a gate is fitted on. values: integer (n, features); truth: class of each; matter: the forest gets it right.

    judged: rows on which leaves are judged; the trees grow on the others. bool (n,) both.
    """

    values: np.ndarray
    truth: np.ndarray
    matter: np.ndarray
    judged: np.ndarray


@dataclass(frozen=True)
class Settled:
    """What the gate settles of one class, by held-out training windows: shares of it, and of the others that it takes.

    leaves: how many of its tree's leaves settle; the shares are of all that could, before exits were chosen.
    """

    cls: int
    leaves: int
    settled: float
    lost: float


@dataclass(frozen=True, eq=False)
class Gate:
    """forest: one stage, a tree for each class (of classes that are not settled a bare leaf), no bias."""

    forest: Forest
    settled: tuple[Settled, ...]


def gate_features(graph: Graph) -> list[Feature]:
    """What a gate may ask for: every contrast in the graph."""
    maps = [m for m in graph if kind_of(graph, m) == "contrast"]
    return [Feature(m.name, (0, 0, c)) for m in maps for c in range(m.value.shape[2])]


def contrasts(graph: Graph, parts: Iterator[np.ndarray]) -> np.ndarray:
    """Features of windows, int32 (n, features); parts: samples, int16 (some, samples) each."""
    features = gate_features(graph)
    names = list(dict.fromkeys(f.map for f in features))
    done = []
    for pcm in parts:
        for i in range(0, len(pcm), CHUNK):
            given = interpret.source_map(graph, pcm[i : i + CHUNK])
            done.append(values_of(interpret.evaluate_maps(graph, given, names), features))
    return np.concatenate(done) if done else np.zeros((0, len(features)), dtype=np.int32)


def gather(
    graph: Graph,
    spoken: Iterator[np.ndarray],
    truth: np.ndarray,
    right: np.ndarray,
    noise: Sequence[np.ndarray],
    labels: Sequence[str],
    config: Config,
    seed: int,
) -> Windows:
    """The windows that a gate is fitted on: augmented copies of the training clips, and background noise.

    spoken: samples of each copy, int16 (clips, samples); truth: (clips,); right: bool (copies, clips), whether the
    forest without a gate gets the copy right. Half of the clips, and the later half of every noise recording, judge.
    """
    rng = np.random.default_rng((seed, len(truth)))
    values = contrasts(graph, spoken)
    copies = len(values) // len(truth)
    judged = np.tile(rng.permutation(len(truth)) % 2 == 1, copies)
    found = Windows(values, np.tile(truth, copies), right[:copies].reshape(-1), judged)
    if SILENCE not in labels or not noise or not config.gate.noise_windows:
        return found
    size = graph.source.value.shape[0]
    halves = [background(noise, size, late, config.gate, rng) for late in (False, True)]
    heard = contrasts(graph, iter(halves))
    late = np.repeat([False, True], [len(h) for h in halves])
    return Windows(
        np.concatenate([found.values, heard]),
        np.concatenate([found.truth, np.full(len(heard), labels.index(SILENCE))]),
        np.concatenate([found.matter, np.ones(len(heard), dtype=bool)]),
        np.concatenate([found.judged, late]),
    )


def background(
    noise: Sequence[np.ndarray], size: int, late: bool, config: GateConfig, rng: np.random.Generator
) -> np.ndarray:
    """Windows int16 (n, size) from the first or the `late` half of noise recordings, at gains drawn at random."""
    rows = []
    for number in range(config.noise_windows // 2):
        recording = noise[number % len(noise)]
        recording = np.tile(recording, -(-2 * size // len(recording))) if len(recording) < 2 * size else recording
        half = len(recording) // 2
        start = int(rng.integers(half - size + 1)) + (half if late else 0)
        rows.append(recording[start : start + size] * 10 ** (rng.uniform(*config.noise_db) / 20))
    return np.clip(np.rint(np.array(rows).reshape(len(rows), size)), -32768, 32767).astype(np.int16)


def fit_gate(
    windows: Windows, features: Sequence[Feature], classes: int, unit: float, config: GateConfig, seed: int
) -> Gate | None:
    """A gate, or None where no class has a leaf that is pure enough."""
    builder = ForestBuilder(classes, features, unit)
    settled = []
    for cls in range(classes):
        found = _of_class(windows, cls, config, seed)
        if found is None:
            builder.tree(builder.leaf(0.0), cls)
        else:
            add_tree(builder, found[0], cls, found[1].tolist())
            settled.append(found[2])
    builder.stage()
    return Gate(builder.finish(), tuple(settled)) if settled else None


def _of_class(windows: Windows, cls: int, config: GateConfig, seed: int) -> tuple[Any, np.ndarray, Settled] | None:
    """(booster, score of each leaf, what it settles) of one class."""
    own, others = windows.truth == cls, (windows.truth != cls) & windows.matter
    grow, judge = ~windows.judged, windows.judged
    counts = [int((rows & part).sum()) for rows in (own, others) for part in (grow, judge)]
    if min(counts) == 0:
        return None
    rows = np.flatnonzero((own | others) & grow)
    # all that may be lost weighs as much as the whole class: a tree cares for few windows among many no further
    weight = np.where(own[rows], 1.0, counts[0] / counts[2] / max(config.lost, 1e-5))
    booster = fit_tree(windows.values[rows], own[rows], weight, config.leaves, seed)
    leaf = booster.predict(windows.values.astype(np.float32), pred_leaf=True).reshape(-1)
    count = int(leaf.max()) + 1
    gained = np.bincount(leaf[own & judge], minlength=count) / counts[1]
    taken = np.bincount(leaf[others & judge], minlength=count) / counts[3]
    taken = np.maximum(taken, np.bincount(leaf[others & grow], minlength=count) / counts[2])
    return _chosen(booster, gained, taken, cls, config)


def _chosen(
    booster: Any, gained: np.ndarray, taken: np.ndarray, cls: int, config: GateConfig
) -> tuple[Any, np.ndarray, Settled] | None:
    """The leaves that settle, the purest first, as long as together they take few enough of the others."""
    order = np.argsort(taken / np.maximum(gained, 1e-12), kind="stable")
    order = order[gained[order] > 0]
    kept = order[np.cumsum(taken[order]) <= config.lost]
    if gained[kept].sum() < max(config.least, 1e-9):
        return None
    scores = np.zeros(len(gained))
    scores[kept] = SCORE + RANK * np.arange(len(kept), 0, -1)
    return booster, scores, Settled(cls, len(kept), float(gained[kept].sum()), float(taken[kept].sum()))


def behind(gate: Gate, forest: Forest) -> Forest:
    """The forest with the gate as its first stage."""
    return joined(gate.forest, forest)


def trimmed(gate: Gate, needed: Sequence[int], bias: np.ndarray) -> Gate | None:
    """The gate without leaves that do not reach their class's exit margin; None if none does.

    What passes would else go on with a score that nothing stands behind. needed: (classes,); bias: of the forest
    behind, (classes,), in score units.
    """
    forest, scores = gate.forest, gate.forest.leaf_scores.copy()
    left: list[Settled] = []
    for found in gate.settled:
        own = leaves_of(forest, found.cls)
        ahead = int(bias[found.cls]) - int(np.delete(bias, found.cls).max())
        low = own[scores[own, 0] + ahead < needed[found.cls]]
        scores[low] = 0
        if scores[own].any():
            left.append(replace(found, leaves=int(np.count_nonzero(scores[own]))))
    return Gate(replace(forest, leaf_scores=scores), tuple(left)) if left else None
