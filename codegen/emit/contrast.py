"""Prints maps of contrasts: no tables, one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.contrast import Contrast


@emits
class _Contrast(Emitter):
    op: ClassVar[str] = "contrast"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        return None

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, Contrast)
        crest, spread = item.op.shifts(sources[0].value)
        return [f"hyb_contrast(in0, {sources[0].value.shape[0]}, {item.op.width}, {crest}, {spread}, out);"]
