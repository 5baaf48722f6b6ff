"""Fitting the staged forest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from codegen.interpret import values_of
from codegen.prices import DEFAULT_CORE
from feature_extractors.graph import Graph
from hybrid import cost_aware
from hybrid.candidates import stage_features
from hybrid.config import ForestConfig
from hybrid.marginal import Market
from tree_backends.build import ForestBuilder
from tree_backends.cleanup import cut_leaves, drop_dead, merge_thresholds
from tree_backends.forest import Feature, Forest
from tree_backends.lightgbm import add_booster, fit_rounds

Maps = dict[str, np.ndarray]
EARLY = 1 / 16
"""Scores of a stage before the first base count so much: they rank decisions among themselves, which is all that an
exit needs, and leave it to the logits of a base to say what they weigh."""


@dataclass(frozen=True, eq=False)
class TreeData:
    """Whole maps of training windows and class probabilities to aim at, (n, classes)."""

    maps: Maps
    target: np.ndarray


def fit_forest(
    graph: Graph,
    data: TreeData,
    heads: Sequence[str | None],
    config: ForestConfig,
    logit_unit: float,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    core: str = DEFAULT_CORE,
    offered: Sequence[Sequence[Feature]] | None = None,
    accounts: type[cost_aware.Ledger] = cost_aware.Ledger,
) -> Forest:
    """Boost one stage per head; stage i may read features of heads up to its own.

    heads: maps of logits; None, first, stands for a stage before the first block, of features that need no trunk.
    Each stage starts from the scores of the stages before (LightGBM's init_score), and from its depth's logits as well
    if `config.base` is set. core: in whose instructions features are priced where `config.cost_weight` or vector trees
    are asked for. offered: the features that each stage adds, those of `config.features` where not given; accounts:
    what keeps the prices. Raises HybridError for bad settings.
    """
    classes = data.target.shape[1]
    offered = offered or stage_features(graph, config.features, heads)
    builder = ForestBuilder(classes, [f for group in offered for f in group], config.unit)
    prior = np.clip(data.target.mean(axis=0), 1e-4, None)
    bias = np.zeros(classes) if config.base else np.log(prior) - np.log(prior).mean()
    scores = np.tile(bias, (len(data.target), 1))
    values = np.zeros((len(data.target), 0), dtype=np.int32)
    ledger = _ledger(graph, offered, heads, data, config, core, accounts)
    for number, head in enumerate(heads):
        values = np.hstack([values, values_of(data.maps, offered[number])])
        base = head if config.base else None
        shift = round(np.log2(logit_unit / config.unit)) if base else 0
        if base:
            scores = scores + data.maps[base].reshape(len(scores), -1) * logit_unit
        rounds = config.rounds[min(number, len(config.rounds) - 1)]
        if rounds:
            sharp = sharpness(scores, data.target)
            given = builder, values, data.target, sharp * scores, (number, rounds), config, seed
            scores = (_add_priced(*given, ledger) if ledger else _add_unpriced(*given)) / sharp
            builder.scale(1 / sharp)
        if base is None and config.base:
            builder.scale(EARLY)
            scores = EARLY * scores
        builder.stage(base, shift)
        if progress:
            progress(number + 1, len(heads))
    return builder.finish(bias, int(prior.argmax()))


def sharpness(scores: np.ndarray, target: np.ndarray) -> float:
    """The factor on scores (n, classes) that makes them say the target's probabilities best, by cross entropy.

    Logits of several depths add up to more than any of them: sums are surer than they are right. Trees that start from
    them would spend their splits on taking that back, class by class, and not on what the sums get wrong (temperature
    scaling, Guo et al. 2017, arXiv 1706.04599, before the trees instead of after).
    """

    def loss(power: float) -> float:
        given = log_softmax(np.exp2(power) * scores, axis=1)
        return -float((target * given).sum())

    return float(np.exp2(minimize_scalar(loss, bounds=(-6.0, 3.0), method="bounded").x))


def _ledger(
    graph: Graph,
    offered: Sequence[Sequence[Feature]],
    heads: Sequence[str | None],
    data: TreeData,
    config: ForestConfig,
    core: str,
    accounts: type[cost_aware.Ledger],
) -> cost_aware.Ledger | None:
    """What decisions on the training rows have computed, where trees are to know it."""
    if not config.cost_weight and config.trees == "class":
        return None
    bases = [head if config.base else None for head in heads]
    market = Market(graph, offered, bases, data.target.shape[1], core)
    return accounts(market, len(data.target), config.cost_weight)


def _add_unpriced(
    builder: ForestBuilder,
    values: np.ndarray,
    target: np.ndarray,
    scores: np.ndarray,
    place: tuple[int, int],
    config: ForestConfig,
    seed: int,
) -> np.ndarray:
    """Add a stage's trees; returns the scores. place: the stage's number, its rounds."""
    number, rounds = place
    booster = fit_rounds(values, target, scores, rounds, _params(config), seed + number)
    add_booster(builder, booster, np.arange(values.shape[1]))
    return scores + booster.predict(values.astype(np.float32), raw_score=True)


def _add_priced(
    builder: ForestBuilder,
    values: np.ndarray,
    target: np.ndarray,
    scores: np.ndarray,
    place: tuple[int, int],
    config: ForestConfig,
    seed: int,
    ledger: cost_aware.Ledger,
) -> np.ndarray:
    """Add a stage's trees that pay for what they read; returns the scores. place: the stage's number, its rounds."""
    number, rounds = place
    ledger.enter(number + 1)
    if config.trees == "vector":
        scores = cost_aware.add_vector_trees(builder, values, target, scores, rounds, config, seed + number, ledger)
    else:
        params = _params(config)
        scores = cost_aware.add_class_trees(builder, values, target, scores, rounds, params, seed + number, ledger)
    ledger.leave(cost_aware.provisional_exit(scores, target, config.exit_loss))
    return scores


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
