"""What each mel band costs: its share of the filter bank, its logarithm, its share of the first convolutions."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from codegen.plan import Plan
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.base import Value, parts
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.log_mel import LogMel
from feature_extractors.tiles import whole
from hybrid.importance import log_mel_map

STEP = 8
"""Channels by which the first convolutions are narrowed to see what one costs: kernels take several at once."""


def band_prices(plan: Plan) -> dict[str, Any] | None:
    """Instructions of a window whose maps are all computed, by the plan's prices, as plain values.

    `bands`: for each band `taps` (its bins in the filter bank; two filters share a bin evenly), `log2`,
    `first_convolution` and `total`; `spectrum`: what no band can save, window, FFT and power; `eager`: the whole model.
    None for a plan that computes no log-mel.
    """
    item = log_mel_map(plan)
    if item is None:
        return None
    op, table, frames = item.op, plan.table, item.value.shape[0]
    assert isinstance(op, LogMel)
    one = {part: table.price(parts("log_mel", **{part: 1000 * frames})) / 1000 for part in ("bins", "bands")}
    convolution = _convolution(plan, item)
    rows = [
        {"taps": bins * one["bins"], "log2": one["bands"], "first_convolution": convolution} for bins in _own_bins(op)
    ]
    bands = [row | {"total": sum(row.values())} for row in rows]
    front = plan.prices.whole[item.name]
    return {
        "unit": "instructions",
        "core": plan.core,
        "frames": frames,
        "bands": bands,
        "spectrum": front - sum(row["taps"] + row["log2"] for row in rows),
        "log_mel": front,
        "eager": plan.cost_eager,
    }


def _own_bins(op: LogMel) -> list[float]:
    """FFT bins of each band; the bins between two bands of a run count half for either."""
    found, at = [], 0
    for count in op.runs:
        segments = np.diff(op.edges[at : at + count + 2].astype(np.int64)) / 2
        segments[0] *= 2
        segments[-1] *= 2
        found += [float(a + b) for a, b in itertools.pairwise(segments)]
        at += count + 2
    return found


def _convolution(plan: Plan, item: FeatureMap) -> float:
    """What a band adds to the convolutions that read it: bands are channels of a 1-D trunk, positions of a 2-D one."""
    readers = [m for m in plan.used if item.name in m.inputs and isinstance(m.op, Conv | Depthwise)]
    total, bands = 0.0, item.value.shape[1]
    for reader in readers:
        if not getattr(reader.op, "fold_bands", False):
            total += plan.prices.whole[reader.name] / bands
            continue
        total += _channel(plan, reader, item.value)
        if isinstance(reader.op, Depthwise):
            total += sum(_channel(plan, m, reader.value) for m in plan.used if reader.name in m.inputs)
    return total


def _channel(plan: Plan, reader: FeatureMap, source: Value) -> float:
    """Instructions by which a convolution over a whole map grows with one more channel of its input."""
    op, folded = reader.op, getattr(reader.op, "fold_bands", False)
    channels = source.shape[1] if folded else source.shape[2]
    less = min(STEP, channels - 1)
    if less < 1 or not isinstance(op, Conv | Depthwise):
        return 0.0
    kept = channels - less
    shape = (source.shape[0], kept, 1) if folded else (*source.shape[:2], kept)
    narrow: dict[str, Any] = {"weights": np.ascontiguousarray(op.weights[..., :kept])}
    if isinstance(op, Depthwise):
        narrow |= {key: getattr(op, key)[:kept] for key in ("bias", "multiplier", "shift")}
        narrow["group"] = min(op.group, kept)
    prices = []
    for one, value in ((op, source), (dataclasses.replace(op, **narrow), dataclasses.replace(source, shape=shape))):
        prices.append(plan.table.price(one.work([value], whole(one.out([value]).shape))))
    return (prices[0] - prices[1]) / less
