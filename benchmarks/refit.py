"""A saved model as a start for new forests: its trunk, training maps and windows, without any training of a trunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from codegen import interpret
from feature_extractors.cnn.augment import integer_log_mel
from feature_extractors.cnn.pool import Pool, make_pool, pool_key, spoken_copies
from feature_extractors.cnn.run import Run
from feature_extractors.graph import Graph
from feature_extractors.ops.affine import Affine
from hybrid.candidates import kind_of
from hybrid.config import Config
from hybrid.data import cached, load_corpus, open_corpus
from hybrid.data.options import Options
from hybrid.evaluate import load_model
from hybrid.front_end import LOG_MEL
from hybrid.training import window_maps
from hybrid.trunk import mel_settings
from hybrid.windows import Windows, cut

Maps = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Started:
    """A trunk's graph, and what forests on it are trained and judged on.

    heads: maps of logits; train: maps of augmented copies of the training windows; target: (n, classes) to aim at;
    taught: whether the targets are the teachers' (their labels were in the cache) or the labels alone.
    """

    graph: Graph
    heads: tuple[str, ...]
    config: Config
    labels: tuple[str, ...]
    train: Maps
    target: np.ndarray
    taught: bool
    held: dict[str, tuple[Windows, Maps]]


def start(folder: Path, data: Path, keep: Callable[[str, str], bool], copies: int) -> Started:
    """Load the model in `folder` and the recordings that it was fitted on.

    keep: says by name and kind which maps forests may name.
    """
    model, config = load_model(folder)
    graph, seed = model.plan.graph, int(model.about["seed"])
    wanted = [m.name for m in graph if kind_of(graph, m) and keep(m.name, kind_of(graph, m))]
    config = replace(config, forest=replace(config.forest, copies=copies))
    windows, noise = read_splits(data, config, model.plan.labels)
    pool = _pool(windows["train"], noise, config, seed, copies, len(model.plan.labels))
    target = np.eye(len(model.plan.labels))[np.tile(pool.labels, copies)]
    if pool.teacher is not None:
        soft = np.exp(pool.teacher[:copies].astype(np.float64)).reshape(target.shape)
        share = config.forest.soft_share
        target = (1 - share) * target + share * soft / soft.sum(axis=1, keepdims=True)
    given = {LOG_MEL: pool.logmel[:copies].reshape(-1, *pool.logmel.shape[2:], 1)}
    given |= _heard(graph, wanted, windows["train"], noise, config, seed, copies)
    held = {s: (w, window_maps(graph, w.pcm, wanted)) for s, w in windows.items() if s != "train"}
    train = interpret.evaluate_maps(graph, given, wanted)
    heads = tuple(m.name for m in graph if isinstance(m.op, Affine))
    return Started(graph, heads, config, model.plan.labels, train, target, pool.teacher is not None, held)


def read_splits(data: Path, config: Config, labels: tuple[str, ...]) -> tuple[dict[str, Windows], list[np.ndarray]]:
    """Windows of each split as the fit drew them, and the background noise."""
    chosen = config.data
    corpus = open_corpus(
        data, classes=chosen.classes, layout=chosen.layout, subset=chosen.subset, test_fold=chosen.test_fold,
        validation_fold=chosen.validation_fold, leave_out=chosen.leave_out, test_takes=chosen.test_takes,
        silence_clips=chosen.silence_clips, silence_fraction=chosen.silence_fraction,
        silence_seconds=config.audio.window_s, validation_share=chosen.validation_share, seed=Options().seed,
    )  # fmt: skip
    loaded = load_corpus(corpus, config.audio.rate, True)
    splits = ("train", "validation", "test")
    return {s: cut(*loaded.select(s), labels, config) for s in splits}, loaded.noise


def _pool(training: Windows, noise: list[np.ndarray], config: Config, seed: int, copies: int, classes: int) -> Pool:
    """The copies that the trunk learned from, with the teachers' labels if they are in the cache."""
    mel, settings = mel_settings(config), config.training
    taught = settings.teacher_log_mel(mel)
    key = pool_key(settings, config.augment, taught, seed, [training.pcm, training.truth, *noise], (classes, None, 0))

    def alone() -> dict[str, np.ndarray]:
        run = Run(settings, config.augment, seed, None, integer_log_mel(training.pcm[:1], mel), training.truth[:1])
        pool = make_pool(run, training.pcm, training.truth, noise, mel, None, 0, copies)
        return {"logmel": pool.logmel, "labels": pool.labels}

    try:
        found = cached(key, _missing)
    except LookupError:
        found = {}
    if taught == mel and found:
        return Pool(found["logmel"][:copies], found["labels"], found.get("teacher"))
    own = cached([*key, "copies heard by the trunk", copies, repr(mel)], alone)
    return Pool(own["logmel"], own["labels"], found.get("teacher"))


def _missing() -> dict[str, np.ndarray]:
    raise LookupError


def _heard(
    graph: Graph, wanted: list[str], training: Windows, noise: list[np.ndarray], config: Config, seed: int, copies: int
) -> Maps:
    """Maps other than the log-mel that read the samples, over all copies."""
    names = [m.name for m in graph.closure(wanted, {LOG_MEL}) if graph.source.name in m.inputs and m.name != LOG_MEL]
    if not names:
        return {}

    def heard() -> Maps:
        spoken = spoken_copies(training.pcm, noise, mel_settings(config), config.augment, seed, copies)
        parts = [interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), names) for pcm in spoken]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    keys = [graph[name].key for name in names]
    return cached(["heard copies", keys, seed, copies, len(training.pcm), config.to_dict()["augment"]], heard)
