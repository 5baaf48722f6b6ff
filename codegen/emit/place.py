"""Prints maps of window placements: no tables, one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.place import Place


@emits
class _Place(Emitter):
    op: ClassVar[str] = "place"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        return None

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, Place)
        op = item.op
        return [f"out[0] = hyb_place(in0, {sources[0].value.shape[0]}, {op.frames}, {op.places}, {op.step});"]
