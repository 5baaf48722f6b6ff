"""Prints standard and depthwise convolutions: packed weights, requantisation and geometry as one const struct."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from codegen.cwriter import CWriter
from codegen.emit.base import Emitter, emits
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.base import SUFFIX
from feature_extractors.ops.convolution import BLOCK, BLOCK_TAPS, HIGH_WORD, Conv, Depthwise, fold, up4

SPLIT = [0, 2, 1, 3]
"""Taps of a four in the order in which a word of bytes is taken apart."""


class _Convolution(Emitter):
    scratch: ClassVar[str] = ""
    """The kernel's argument for it, with its comma."""

    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        op = item.op
        assert isinstance(op, Conv | Depthwise)
        high = int(op.shift.min()) >= HIGH_WORD  # then the table holds shifts less this
        out.line("HYB_ALIGNED")
        out.table(f"{name}_weights", self.packed(item, sources))
        shift = (op.shift - HIGH_WORD if high else op.shift).astype(np.uint8)
        for table, values in (("bias", op.bias), ("multiplier", op.multiplier), ("shift", shift)):
            out.table(f"{name}_{table}", np.pad(values, (0, up4(len(values)) - len(values))))
        times, bands, channels = fold(sources[0].value.shape, op.fold_bands)
        geometry = (times, bands, channels, *item.value.shape[1:], *op.kernel, *op.stride, op.pad[0], op.pad[2])
        with out.block(f"static const hyb_layer {name}_layer =", "};"):
            out.line(f"{name}_weights, {name}_bias, {name}_multiplier, {name}_shift,")
            flags = (int(high), int(self.point(item, sources)))
            out.line(f"{', '.join(map(str, (*geometry, *self.window(item), *flags)))}")

    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        kernel = f"hyb_{self.op}_{SUFFIX[sources[0].value.dtype]}_{SUFFIX[item.value.dtype]}"
        return [
            "const hyb_box box = {t0, t1, b0, b1, c0, c1};",
            f"{kernel}(&{name}_layer, in0, &box, {self.scratch}out);",
        ]

    @abstractmethod
    def packed(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> np.ndarray:
        """The weights in the order in which the kernel reads them, int8."""

    def point(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> bool:
        """Whether a single position is computed straight from the input."""
        return False

    @abstractmethod
    def window(self, item: FeatureMap) -> tuple[int, int]:
        """Weights of a channel, zeros included, and positions computed together."""


@emits
class _Standard(_Convolution):
    op: ClassVar[str] = "conv"
    scratch: ClassVar[str] = "scratch, "

    def packed(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> np.ndarray:
        assert isinstance(item.op, Conv)
        channels, (taps, _) = len(item.op.weights), self.window(item)
        rows = item.op.weights.reshape(channels, -1)
        rows = np.pad(rows, ((0, up4(channels) - channels), (0, taps - rows.shape[1])))
        if item.op.splits(sources[0].value):
            rows = rows.reshape(-1, taps // 4, 4)[:, :, SPLIT].reshape(-1, taps)
        return rows.reshape(-1, 2, taps).transpose(0, 2, 1)

    def point(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> bool:
        assert isinstance(item.op, Conv)
        return item.op.point(sources[0].value)

    def window(self, item: FeatureMap) -> tuple[int, int]:
        assert isinstance(item.op, Conv)
        taps, positions = up4(int(np.prod(item.op.weights.shape[1:]))), item.value.shape[0] * item.value.shape[1]
        # scratch holds the windows of all positions of a block
        return taps, BLOCK if taps <= BLOCK_TAPS and positions >= BLOCK else 1

    def scratch_bytes(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> int:
        taps, block = self.window(item)
        windows = 1 + (block if block > 1 else 0)
        return 4 * (up4(item.value.shape[2]) + 4) + 2 * taps * windows


@emits
class _Depthwise(_Convolution):
    op: ClassVar[str] = "depthwise"

    def packed(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> np.ndarray:
        assert isinstance(item.op, Depthwise)
        return item.op.weights

    def window(self, item: FeatureMap) -> tuple[int, int]:
        return 0, 1
