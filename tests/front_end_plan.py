"""A plan as `hybrid fit` makes them: log-mel frames, a trunk over time, heads at two depths, trees, two stages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen import interpret
from codegen.plan import Plan
from feature_extractors.graph import Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.samples import Samples
from tests.random_plans import Draw
from tree_backends.build import ForestBuilder
from tree_backends.evaluate import margin, stage_scores
from tree_backends.forest import Feature


@dataclass(frozen=True)
class Shape:
    """The front end and the trunk; heads: the depths that have one."""

    bands: int
    channels: int
    classes: int
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    heads: tuple[int, ...]


SMALL = Shape(20, 24, 3, (5, 5, 3), (2, 2, 1), (1, 2))
KWS12 = Shape(32, 72, 12, (9, 9, 9, 9, 9), (2, 2, 1, 1, 1), (1, 2, 4))
"""The keyword model of the default settings."""


def front_end_plan(pcm: np.ndarray, seed: int = 0, shape: Shape = SMALL) -> Plan:
    """Random weights. pcm: int16 (n, 16000), windows of which about half leave after the first stage."""
    draw, graph = Draw(seed), Graph()
    graph.add("pcm", Samples(16000, 16000))
    below = graph.add("log_mel", log_mel(16000, 512, 320, shape.bands, 20, 8000), ["pcm"])
    channels, fold = shape.bands, True
    for depth, (kernel, stride) in enumerate(zip(shape.kernels, shape.strides, strict=True)):
        pad = (kernel // 2, kernel // 2, 0, 0)
        depthwise = Depthwise(
            weights=draw.weights(kernel, 1, channels), stride=(stride, 1), pad=pad, dtype="int8", fold_bands=fold,
            group=channels, **draw.scaling(channels, 3e-4 if fold else 3e-3),
        )  # fmt: skip
        pointwise = Conv(
            weights=draw.weights(shape.channels, 1, 1, channels), stride=(1, 1), pad=(0, 0, 0, 0), dtype="uint8",
            fold_bands=False, group=8, **draw.scaling(shape.channels, 5e-3),
        )  # fmt: skip
        below = graph.add(f"pw{depth}", pointwise, [graph.add(f"dw{depth}", depthwise, [below])])
        channels, fold = shape.channels, False
        if depth in shape.heads:
            _head(draw, graph, depth, below, shape)
    return _with_trees(draw, graph, pcm, shape)


def _head(draw: Draw, graph: Graph, depth: int, below: str, shape: Shape) -> None:
    mean = graph.add(f"mean{depth}", Pool("mean", 1, 1, 8), [below])
    peak = graph.add(f"peak{depth}", Pool("max", 1, 1, 8), [below])
    weights = draw.weights(shape.classes, shape.channels), draw.weights(shape.classes, shape.channels)
    affine = Affine(weights=weights, shifts=(0, 2), group=1, **draw.scaling(shape.classes, 1e-2))
    graph.add(f"head{depth}", affine, [mean, peak])


def _with_trees(draw: Draw, graph: Graph, pcm: np.ndarray, shape: Shape) -> Plan:
    features = [Feature(f"head{d}", (0, 0, i)) for d in shape.heads for i in range(shape.classes)]
    heads = [f"head{d}" for d in shape.heads]
    maps = interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), heads)
    builder = ForestBuilder(shape.classes, features, 1 / 1024)
    for stage, head in enumerate(heads):
        for tree in range(2 * shape.classes):
            own = tree % shape.classes
            node = builder.node()
            leaves = builder.leaf(draw.rng.normal()), builder.leaf(draw.rng.normal())
            builder.set_node(node, stage * shape.classes + own, int(np.median(maps[head][:, 0, 0, own])), *leaves)
            builder.tree(node, own)
        builder.stage(head)
    plan = Plan("frames", tuple(f"class {i}" for i in range(shape.classes)), graph, builder.finish())
    values = interpret.values_of(maps, plan.forest.features)
    scores = stage_scores(plan.forest, values, lambda name: maps[name].reshape(len(pcm), -1))
    margins = [int(np.median(margin(own))) for own in scores[:-1]]
    return Plan(plan.name, plan.labels, graph, plan.forest.with_margins([*margins, 0]))
