"""A dense-head plan of the shape of MLPerf Tiny's keyword spotter: 49 x 10 cepstra, five blocks of 25 x 5 x 64."""

from __future__ import annotations

import numpy as np

from codegen.plan import Plan
from feature_extractors.graph import Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.dct import dct
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.samples import Samples
from tests.random_plans import Draw
from tree_backends.build import ForestBuilder

CHANNELS, CLASSES = 64, 12


def ds_cnn_plan(seed: int = 0) -> Plan:
    """Random weights; the geometry is all that counts here."""
    draw, graph = Draw(seed), Graph()
    graph.add("pcm", Samples(16000, 16000))
    graph.add("log_mel", log_mel(16000, 512, 320, 40, 20, 4000), ["pcm"])
    graph.add("mfcc", dct(40, 10), ["log_mel"])
    common = {"dtype": "uint8", "fold_bands": False, "group": CHANNELS}
    stem = Conv(
        weights=draw.weights(CHANNELS, 10, 4, 1),
        stride=(2, 2),
        pad=(4, 5, 1, 1),
        **draw.scaling(CHANNELS, 2e-4),
        **common,
    )
    below = graph.add("stem", stem, ["mfcc"])
    for number in range(4):
        depthwise = Depthwise(
            weights=draw.weights(3, 3, CHANNELS),
            stride=(1, 1),
            pad=(1, 1, 1, 1),
            **draw.scaling(CHANNELS, 1e-3),
            **common,
        )
        pointwise = Conv(
            weights=draw.weights(CHANNELS, 1, 1, CHANNELS), stride=(1, 1), pad=(0, 0, 0, 0),
            **draw.scaling(CHANNELS, 1e-3), **common,
        )  # fmt: skip
        below = graph.add(f"pw{number}", pointwise, [graph.add(f"dw{number}", depthwise, [below])])
    graph.add("pool", Pool("mean", 1, 1, CHANNELS), [below])
    dense = Affine(
        weights=(draw.weights(CLASSES, CHANNELS),), shifts=(0,), group=CLASSES, **draw.scaling(CLASSES, 1e-4)
    )
    graph.add("dense", dense, ["pool"])
    builder = ForestBuilder(CLASSES, [], 1 / 1024)
    builder.stage("dense")
    return Plan("dscnn", tuple(f"class {i}" for i in range(CLASSES)), graph, builder.finish(np.zeros(CLASSES)))
