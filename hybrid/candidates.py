"""Which features the trees of each stage may ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from feature_extractors.cnn.quantise import head_name
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.convolution import Conv
from feature_extractors.ops.pool import Pool
from hybrid.errors import HybridError
from tree_backends.forest import Feature

KINDS = ("logits", "pooled", "positions", "log_mel", "log_mel_pooled", "frame")
"""logits: a depth head's rows. pooled: mean and max of a depth's channels over regions. positions: single outputs of a
depth's last convolution. log_mel: single cells; log_mel_pooled: their regions; frame: energy and zero crossings."""
TRUNKLESS = ("frame", "log_mel", "log_mel_pooled")
"""Kinds that need no trunk."""


def stage_features(graph: Graph, kinds: Sequence[str], depth: int, last: bool) -> list[Feature]:
    """Features of one stage: those new at `depth` (log-mel and frame features come with the first depth).

    Single positions are offered at the last depth only: there are many, and each costs a whole receptive field.
    Raises HybridError for an unknown kind.
    """
    check_kinds(kinds)
    chosen = [m for m in graph if kind_of(graph, m) in kinds and _depth_of(graph, m) == depth]
    if not last:
        chosen = [m for m in chosen if kind_of(graph, m) != "positions"]
    return [Feature(m.name, index) for m in chosen for index in _elements(m)]


def staged_features(graph: Graph, kinds: Sequence[str], stages: Sequence[int]) -> list[list[Feature]]:
    """The features that each stage adds: those of the depths from after the stage before up to its own.

    stages: depths with a head, in order; 0 stands for a stage before the first block, which may read what needs no
    trunk (else that comes with the first depth). Raises HybridError for an unknown kind.
    """
    heads = sorted(depth_of(graph, m) for m in graph if isinstance(m.op, Affine))
    deep = [stage for stage in stages if stage]
    starts = [0, *deep]
    groups = [[h for h in heads if start < h <= stage] for start, stage in zip(starts, deep, strict=False)]
    found = [[f for h in group for f in stage_features(graph, kinds, h, h == heads[-1])] for group in groups]
    if 0 not in stages:
        return found
    early = [[f for f in group if not depth_of(graph, graph[f.map])] for group in found]
    late = [[f for f in group if depth_of(graph, graph[f.map])] for group in found]
    return [[f for group in early for f in group], *late]


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
    return sum(isinstance(m.op, Conv) for m in graph.closure([item.name]))


def _depth_of(graph: Graph, item: FeatureMap) -> int:
    # Stages begin at the first head, so what is shallower belongs to it.
    heads = [depth_of(graph, m) for m in graph if isinstance(m.op, Affine)]
    own = depth_of(graph, item)
    return min((h for h in heads if h >= own), default=own)


def _elements(item: FeatureMap) -> Iterable[tuple[int, int, int]]:
    return itertools.product(*(range(s) for s in item.value.shape))  # type: ignore[return-value]


def head_map(graph: Graph, depth: int) -> str | None:
    """The map of a depth's logits, if the trunk has a head there."""
    return head_name(depth) if head_name(depth) in graph else None
