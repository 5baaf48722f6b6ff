"""Prints maps of frame energies: no tables, one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.frame_energy import FrameEnergy


@emits
class _FrameEnergy(Emitter):
    op: ClassVar[str] = "frame_energy"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        return None

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, FrameEnergy)
        kernel = "hyb_frame_energy_centred" if item.op.centred else "hyb_frame_energy"
        return [f"{kernel}(in0, {item.op.frame}, {item.op.hop}, t0, t1, out);"]
