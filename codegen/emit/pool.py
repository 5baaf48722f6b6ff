"""Prints pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from codegen.emit.convolution import SUFFIX
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.pool import Pool


@emits
class _Pool(Emitter):
    op: ClassVar[str] = "pool"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        op = item.op
        assert isinstance(op, Pool)
        numbers = (*sources[0].value.shape, op.times, op.bands, op.mean_shift(sources[0].value))
        out.line(f"static const hyb_pool {name}_pool = {{{', '.join(map(str, numbers))}}};")

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, Pool)
        kernel = f"hyb_pool_{item.op.kind}_{SUFFIX[sources[0].value.dtype]}"
        return [
            "for (int32_t t = t0; t < t1; t++) {",
            f"  for (int32_t b = b0; b < b1; b++) {kernel}(&{name}_pool, in0, t, b, c0, c1, out);",
            "}",
        ]
