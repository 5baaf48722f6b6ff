"""Prints standard and depthwise convolutions: weights, requantisation and geometry as one const struct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.base import DTYPES
from feature_extractors.ops.convolution import Conv, Depthwise, fold

SUFFIX = {"uint8": "u8", "int8": "s8", "int16": "s16"}


class _Convolution(Emitter):
    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        op = item.op
        assert isinstance(op, Conv | Depthwise)
        out.table(f"{name}_weights", op.weights)
        out.table(f"{name}_bias", op.bias)
        out.table(f"{name}_multiplier", op.multiplier)
        out.table(f"{name}_shift", op.shift.astype(np.uint8))
        times, bands, channels = fold(sources[0].value.shape, op.fold_bands)
        lo, hi = DTYPES[op.dtype]
        geometry = (times, bands, channels, *item.value.shape[1:], *op.kernel, *op.stride, op.pad[0], op.pad[2])
        with out.block(f"static const hyb_conv {name}_conv =", "};"):
            out.line(f"{name}_weights, {name}_bias, {name}_multiplier, {name}_shift,")
            out.line(f"{', '.join(map(str, geometry))}, {lo}, {hi}")

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        kernel = f"hyb_{self.op}_{SUFFIX[sources[0].value.dtype]}"
        store = f"hyb_store_{SUFFIX[item.value.dtype]}"
        return [
            "for (int32_t t = t0; t < t1; t++) {",
            "  for (int32_t b = b0; b < b1; b++) {",
            f"    {kernel}(&{name}_conv, in0, t, b, c0, c1, (int32_t *)scratch);",
            f"    {store}(&{name}_conv, (const int32_t *)scratch, t, b, c0, c1, out);",
            "  }",
            "}",
        ]

    def scratch_bytes(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> int:
        return 4 * item.value.shape[2]


@emits
class _Standard(_Convolution):
    op: ClassVar[str] = "conv"


@emits
class _Depthwise(_Convolution):
    op: ClassVar[str] = "depthwise"
