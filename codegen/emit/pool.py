"""Prints pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.base import SUFFIX
from feature_extractors.ops.pool import Pool


@emits
class _Pool(Emitter):
    op: ClassVar[str] = "pool"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        """A pool has none."""

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        op, value = item.op, sources[0].value
        assert isinstance(op, Pool)
        times, bands, channels = value.shape
        kernel = f"hyb_pool_{op.kind}_{SUFFIX[value.dtype]}"
        shift = f"{op.mean_shift(value)}, " if op.kind == "mean" else ""
        # Divisions by constants: cores without a divider are spared the library call.
        edges = [f"{at} * {size} / {count}" for axis, size, count in (("t", times, op.times), ("b", bands, op.bands))
                 for at in (axis, f"({axis} + 1)")]  # fmt: skip
        return [
            "for (int32_t t = t0; t < t1; t++) {",
            "  for (int32_t b = b0; b < b1; b++) {",
            f"    const hyb_region region = hyb_region_of({bands}, {channels}, {', '.join(edges)});",
            f"    {kernel}(in0, &region, {channels}, {shift}c0, c1, out + (t * {op.bands} + b) * {channels});",
            "  }",
            "}",
        ]
