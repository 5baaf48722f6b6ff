"""Prints affine maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.base import SUFFIX


def swapped(matrix: np.ndarray) -> np.ndarray:
    """Rows with the second and third of each complete four elements in each other's place: see hyb_affine.h."""
    result, fours = matrix.copy(), matrix.shape[1] // 4 * 4
    result[:, 1:fours:4], result[:, 2:fours:4] = matrix[:, 2:fours:4], matrix[:, 1:fours:4]
    return result


@emits
class _Affine(Emitter):
    op: ClassVar[str] = "affine"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        op = item.op
        assert isinstance(op, Affine)
        for number, (matrix, source) in enumerate(zip(op.weights, sources, strict=True)):
            out.table(f"{name}_weights{number}", swapped(matrix) if source.value.dtype == "int16" else matrix)
        out.table(f"{name}_bias", op.bias)
        out.table(f"{name}_multiplier", op.multiplier)
        out.table(f"{name}_shift", op.shift.astype(np.uint8))

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        op = item.op
        assert isinstance(op, Affine)
        lines = ["for (int32_t c = c0; c < c1; c++) {", f"  int32_t acc = {name}_bias[c];"]
        for number, (matrix, shift) in enumerate(zip(op.weights, op.shifts, strict=True)):
            dot = f"hyb_dot_{SUFFIX[sources[number].value.dtype]}"
            size = matrix.shape[1]
            lines.append(f"  acc += {dot}(in{number}, {name}_weights{number} + c * {size}, {size}) * {1 << shift};")
        lines.append(
            f"  out[c] = (int16_t)hyb_requant(acc, {name}_multiplier[c], {name}_shift[c], INT16_MIN, INT16_MAX);"
        )
        return [*lines, "}"]
