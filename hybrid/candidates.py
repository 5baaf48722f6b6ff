"""Which features the trees of each stage may ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.pool import Pool
from hybrid.errors import HybridError
from tree_backends.forest import Feature

KINDS = ("logits", "pooled", "positions", "log_mel", "log_mel_pooled", "frame")
"""logits: a depth head's rows. pooled: mean and max of a depth's channels over regions. positions: single outputs of a
depth's last convolution. log_mel: single cells; log_mel_pooled: their regions; frame: energy and zero crossings."""


def stage_features(graph: Graph, kinds: Sequence[str], heads: Sequence[str]) -> list[list[Feature]]:
    """For each head the features new at its stage (log-mel and frame features come with the first).

    heads: maps of logits, in order of the stages. Single positions are offered at the last stage only: there are many,
    and each costs a whole receptive field. Raises HybridError for an unknown kind.
    """
    check_kinds(kinds)
    result: list[list[Feature]] = [[] for _ in heads]
    known = [_convolutions(graph, head) for head in heads]
    for item in graph:
        kind, own = kind_of(graph, item), _convolutions(graph, item.name)
        stage = next((i for i, covered in enumerate(known) if own <= covered), None)
        if kind in kinds and stage is not None and (kind != "positions" or stage == len(heads) - 1):
            result[stage] += [Feature(item.name, index) for index in _elements(item)]
    return result


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise HybridError for a kind of feature that there is not."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise HybridError(f"forest.features: {', '.join(unknown)} is unknown: choose from {', '.join(KINDS)}")


def kind_of(graph: Graph, item: FeatureMap) -> str:
    """The feature kind of a map, or '' if trees never read it."""
    if item.op.name in ("frame_energy", "zero_crossings"):
        return "frame"
    if item.op.name in ("log_mel", "dct"):
        return "log_mel"
    if isinstance(item.op, Affine):
        return "logits"
    if isinstance(item.op, Pool):
        return "log_mel_pooled" if graph[item.inputs[0]].op.family == "front end" else "pooled"
    return "positions" if isinstance(item.op, Conv) else ""


def describe(graph: Graph, feature: Feature) -> str:
    """The kind of a feature, for people."""
    item = graph[feature.map]
    kind, depth = kind_of(graph, item), depth_of(graph, item)
    return f"{kind} of depth {depth}" if depth else f"{item.op.name} {kind}".replace("log_mel log_mel", "log_mel")


def depth_of(graph: Graph, item: FeatureMap) -> int:
    """Number of trunk blocks that a map closes over: the distinct standard convolutions on its way."""
    return len(_convolutions(graph, item.name))


def _convolutions(graph: Graph, name: str) -> set[str]:
    return {m.name for m in graph.closure([name]) if isinstance(m.op, Conv)}


def _elements(item: FeatureMap) -> Iterable[tuple[int, int, int]]:
    return itertools.product(*(range(s) for s in item.value.shape))  # type: ignore[return-value]

