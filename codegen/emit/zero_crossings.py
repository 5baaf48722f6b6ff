"""Prints maps of zero crossings: no tables, one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.zero_crossings import ZeroCrossings


@emits
class _ZeroCrossings(Emitter):
    op: ClassVar[str] = "zero_crossings"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        return None

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, ZeroCrossings)
        return [f"hyb_zero_crossings(in0, {item.op.frame}, {item.op.hop}, t0, t1, out);"]
