"""Prints maps of window placements: no tables, one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.place import STEPS, Place


@emits
class _Place(Emitter):
    op: ClassVar[str] = "place"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        return None

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, Place)
        op = item.op
        energies, deep = sources[0].value.shape[0], STEPS * op.octaves
        return [f"out[0] = hyb_place(in0, {energies}, {op.frames}, {op.places}, {op.step}, {deep});"]
