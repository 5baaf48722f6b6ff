"""From an integer trunk to maps of the feature graph."""

from __future__ import annotations

import numpy as np

from feature_extractors.cnn.quantise import LOGMEL, QuantisedLayer, QuantisedTrunk
from feature_extractors.graph import Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.base import Op
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.pool import Pool


def add_trunk(graph: Graph, trunk: QuantisedTrunk, log_mel: str) -> None:
    """Add every layer of `trunk` to `graph`, reading the map named `log_mel`.

    A depthwise tile holds all channels of a position, since every pointwise tile reads them all.
    """
    names = {LOGMEL: log_mel}
    for layer in trunk.layers:
        inputs = [names[i] for i in layer.inputs]
        fold = trunk.family == "time" and layer.inputs == (LOGMEL,)
        lengths = [int(np.prod(graph[i].value.shape)) for i in inputs]
        names[layer.name] = graph.add(layer.name, _op(layer, fold, lengths), inputs)


def _op(layer: QuantisedLayer, fold: bool, lengths: list[int]) -> Op:
    channels = layer.shape[2]
    if layer.kind in ("pool_mean", "pool_max"):
        return Pool(layer.kind.removeprefix("pool_"), layer.parts, 1, min(layer.group, channels))
    assert layer.weights is not None and layer.bias is not None
    assert layer.multiplier is not None and layer.shift is not None
    scaling = {"bias": layer.bias, "multiplier": layer.multiplier, "shift": layer.shift}
    if layer.kind == "affine":
        parts = np.split(layer.weights, np.cumsum(lengths)[:-1], axis=1)
        weights = tuple(np.ascontiguousarray(part) for part in parts)
        return Affine(weights=weights, shifts=layer.segment_shifts, group=1, **scaling)
    window = {
        "stride": (int(layer.stride[0]), int(layer.stride[1])),
        "pad": tuple(int(p) for axis in layer.pads for p in axis),
        "dtype": layer.dtype,
        "fold_bands": fold,
    }
    if layer.kind == "depthwise":
        weights = np.ascontiguousarray(np.moveaxis(layer.weights, 0, -1))
        return Depthwise(weights=weights, group=channels, **scaling, **window)  # type: ignore[arg-type]
    weights = layer.weights[:, None, None, :] if layer.kind == "pointwise" else layer.weights
    return Conv(
        weights=np.ascontiguousarray(weights), group=min(layer.group, channels), **scaling, **window  # type: ignore[arg-type]
    )
