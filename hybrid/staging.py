"""Fitting the staged forest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.interpret import values_of
from feature_extractors.graph import Graph
from hybrid.candidates import stage_features
from hybrid.config import ForestConfig
from tree_backends.build import ForestBuilder
from tree_backends.cleanup import cut_leaves, drop_dead, merge_thresholds
from tree_backends.forest import Forest
from tree_backends.lightgbm import add_booster, fit_rounds

Maps = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class TreeData:
    """Whole maps of training windows and class probabilities to aim at, (n, classes)."""

    maps: Maps
    target: np.ndarray


def fit_forest(
    graph: Graph,
    data: TreeData,
    heads: Sequence[str],
    config: ForestConfig,
    logit_unit: float,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Forest:
    """Boost one stage per depth; stage i may read features of depths up to its own.

    Each stage starts from the scores of the stages before (LightGBM's init_score), and from its depth's logits as well
    if `config.base` is set. Raises HybridError for bad settings.
    """
    classes = data.target.shape[1]
    offered = stage_features(graph, config.features, heads)
    builder = ForestBuilder(classes, [f for group in offered for f in group], config.unit)
    prior = np.clip(data.target.mean(axis=0), 1e-4, None)
    bias = np.zeros(classes) if config.base else np.log(prior) - np.log(prior).mean()
    scores = np.tile(bias, (len(data.target), 1))
    values = np.zeros((len(data.target), 0), dtype=np.int32)
    for number, head in enumerate(heads):
        values = np.hstack([values, values_of(data.maps, offered[number])])
        base = head if config.base else None
        shift = round(np.log2(logit_unit / config.unit)) if base else 0
        if base:
            scores = scores + data.maps[base].reshape(len(scores), -1) * logit_unit
        rounds = config.rounds[min(number, len(config.rounds) - 1)]
        if rounds:
            booster = fit_rounds(values, data.target, scores, rounds, _params(config), seed + number)
            add_booster(builder, booster, np.arange(values.shape[1]))
            scores = scores + booster.predict(values.astype(np.float32), raw_score=True)
        builder.stage(base, shift)
        if progress:
            progress(number + 1, len(heads))
    return builder.finish(bias, int(prior.argmax()))


def _params(config: ForestConfig) -> dict[str, float | int]:
    return {
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_leaf,
        "lambda_l2": config.lambda_l2,
        "feature_fraction": config.feature_fraction,
        "max_bin": 63,
        "num_threads": config.threads,
    }


def dense_forest(classes: int, base: str, shift: int, unit: float) -> Forest:
    """The dense head: one stage whose scores are the logits of the map `base`, no trees."""
    builder = ForestBuilder(classes, [], unit)
    builder.stage(base, shift)
    return builder.finish()


def cleaned(forest: Forest, maps: Maps, config: ForestConfig) -> Forest:
    """The forest without dead nodes; thresholds joined and leaves rounded as far as the settings say.

    maps: whole maps of training windows.
    """
    if config.merge_share > 0:
        forest = merge_thresholds(forest, values_of(maps, forest.features), config.merge_share)
    return cut_leaves(forest, config.leaf_step) if config.leaf_step > 1 else drop_dead(forest)
