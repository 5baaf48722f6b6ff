"""Prints log-mel maps: window, twiddles and filter bank as one const struct, and one call per box of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.fixed_fft import half_window, packed_twiddles
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.log_mel import LogMel


@emits
class _LogMel(Emitter):
    op: ClassVar[str] = "log_mel"

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        op = item.op
        assert isinstance(op, LogMel)
        out.table(f"{name}_window", half_window(op.frame))
        out.table(f"{name}_twiddles", packed_twiddles(op.frame))
        out.table(f"{name}_edges", op.edges)
        # An op read from a file may have bands without any bin; C has no empty arrays.
        out.table(f"{name}_weights", op.weights if len(op.weights) else np.zeros(1, np.uint16))
        out.table(f"{name}_offsets", op.offsets)
        if len(op.runs) == 1:
            with out.block(f"static const hyb_mel {name}_mel =", "};"):
                out.line(f"{{{name}_window, {name}_twiddles}},")
                out.line(f"{name}_edges, {name}_weights, {name}_offsets, {op.hop}, {op.bands}, {op.hi}")
        else:
            _runs(op, name, out)

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        assert isinstance(item.op, LogMel)
        # The frame length is written out, not read from the table: compilers then know every distance in the FFT.
        pcm = f"in0 + in1[0] * {item.op.hop}" if item.op.placed else "in0"
        if len(item.op.runs) > 1:
            runs = f"{name}_mel, {len(item.op.runs)}, {item.op.bands}"
            return [f"hyb_log_mel_runs({runs}, {item.op.frame}, {pcm}, t0, t1, out, (uint32_t *)scratch);"]
        return [f"hyb_log_mel(&{name}_mel, {item.op.frame}, {pcm}, t0, t1, out, (uint32_t *)scratch);"]

    def scratch_bytes(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> int:
        assert isinstance(item.op, LogMel)
        return 4 * (item.op.frame // 2 + 1)


def _runs(op: LogMel, name: str, out: CWriter) -> None:
    """One struct for each run of neighbouring bands; all share window and twiddles."""
    edge = weight = band = 0
    with out.block(f"static const hyb_mel {name}_mel[{len(op.runs)}] =", "};"):
        for count, (start, stop) in zip(op.runs, op.spans, strict=True):
            tables = f"{name}_edges + {edge}, {name}_weights + {weight}, {name}_offsets + {band}"
            out.line(f"{{{{{name}_window, {name}_twiddles}}, {tables}, {op.hop}, {count}, {op.hi}}},")
            edge, weight, band = edge + count + 2, weight + stop - start, band + count
