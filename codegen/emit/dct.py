"""Prints cepstral maps: one matrix and its requantisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.dct import Dct


@emits
class _Dct(Emitter):
    op: ClassVar[str] = "dct"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        op = item.op
        assert isinstance(op, Dct)
        out.table(f"{name}_weights", op.weights)
        out.table(f"{name}_multiplier", op.multiplier)
        out.table(f"{name}_shift", op.shift.astype(np.uint8))
        coefficients, bands = op.weights.shape
        with out.block(f"static const hyb_dct_tables {name}_dct =", "};"):
            out.line(f"{name}_weights, {name}_multiplier, {name}_shift, {bands}, {coefficients}")

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        return [f"hyb_dct(&{name}_dct, in0, t0, t1, out);"]
