"""Integer convolutions over (time, band, channel): standard (pointwise included) and depthwise.

    acc[t, b, c] = bias[c] + sum over (kt, kb, ci) of weight * x[t*st + kt - pt, b*sb + kb - pb, ci]
    y = requantise(acc)                                                 (feature_extractors.ops.requant)

Outside the input x is zero. With `fold_bands` the bands of the input are read as channels: (T, B, C) -> (T, 1, B*C),
the same memory, which is how a 1-D trunk over time reads a log-mel map. Weights are int8, one scale per channel;
the bias is int32. A ReLU is the lower clamp at 0 (dtype uint8); linear outputs are int8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import (
    DTYPES,
    SUFFIX,
    Cost,
    Op,
    OpError,
    Value,
    check_array,
    check_int,
    parts,
    register,
)
from feature_extractors.ops.requant import check_accumulator, check_requant, requantise
from feature_extractors.tiles import BAND, CHANNEL, TIME, All, Box, Rule, Shape, Sliding

MAX_KERNEL = 64
HIGH_WORD = 33
"""From this shift on the high word of the requantisation's product is enough."""
BLOCK, BLOCK_TAPS = 4, 256
"""Positions that a kernel computes together, and the longest window for which it does."""


def fold(shape: Shape, fold_bands: bool) -> Shape:
    """The shape that a convolution sees."""
    return (shape[0], 1, shape[1] * shape[2]) if fold_bands else shape


def up4(n: int) -> int:
    """`n` rounded up to a multiple of 4."""
    return -(-n // 4) * 4


def output_length(size: int, kernel: int, stride: int, pad: tuple[int, int]) -> int:
    """Positions of a convolution along one axis."""
    return (size + pad[0] + pad[1] - kernel) // stride + 1


@dataclass(frozen=True, eq=False)
class _Windowed(Op):
    """What standard and depthwise convolutions share: window geometry, bias, requantisation, tile."""

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]
    """Zeros before and after in time, before and after in band."""
    dtype: str
    fold_bands: bool
    group: int
    """Output channels of one tile."""

    def _check(self, channels: int, kernel: tuple[int, int]) -> None:
        check_array(f"{self.name}: bias", self.bias, "int32", 1)
        check_array(f"{self.name}: multiplier", self.multiplier, "int32", 1)
        check_array(f"{self.name}: shift", self.shift, "int32", 1)
        if self.bias.shape != (channels,):
            raise OpError(f"{self.name}: {channels} channels need {channels} biases")
        check_requant(self.multiplier, self.shift, channels)
        if self.dtype not in ("uint8", "int8", "int16"):
            raise OpError(f"{self.name}: output dtype {self.dtype!r} is not uint8, int8 or int16")
        check_int(f"{self.name}: group", self.group, 1, channels)
        if len(self.stride) != 2 or len(self.pad) != 4:
            raise OpError(f"{self.name}: stride needs 2 and pad 4 numbers")
        for number in self.stride:
            check_int(f"{self.name}: stride", number, 1, MAX_KERNEL)
        for number, extent in zip(self.pad, (kernel[0], kernel[0], kernel[1], kernel[1]), strict=True):
            # A window that lies wholly in the padding would read nothing: no such output position may exist.
            check_int(f"{self.name}: pad", number, 0, extent - 1)
        if max(kernel) > MAX_KERNEL:
            raise OpError(f"{self.name}: kernel {kernel} is larger than {MAX_KERNEL}")

    @property
    def kernel(self) -> tuple[int, int]:
        """Kernel extent in (time, band)."""
        raise NotImplementedError

    def _positions(self, shape: Shape) -> tuple[int, int]:
        (kt, kb), (st, sb), pad = self.kernel, self.stride, self.pad
        times = output_length(shape[0], kt, st, pad[:2])
        bands = output_length(shape[1], kb, sb, pad[2:])
        if times < 1 or bands < 1:
            raise OpError(f"kernel {self.kernel} does not fit into {shape[:2]} with padding {pad}")
        return times, bands

    def _value(self, shape: Shape, channels: int) -> Value:
        times, bands = self._positions(shape)
        return Value((times, bands, channels), self.dtype, *DTYPES[self.dtype])

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, self.group)

    def _window_rules(self, channel_rule: All | Sliding) -> tuple[Rule, ...]:
        (kt, kb), (st, sb) = self.kernel, self.stride
        in_time = Sliding(TIME, st, -self.pad[0], kt)
        if self.fold_bands:
            return ((in_time, channel_rule, All()),)
        return ((in_time, Sliding(BAND, sb, -self.pad[2], kb), channel_rule),)

    def _windows(self, inputs: Sequence[Value], box: Box) -> dict[tuple[int, int], int]:
        """(kernel rows, kernel columns) inside the input -> positions of the box whose window has so many."""
        shape = fold(inputs[0].shape, self.fold_bands)
        rows, columns = (
            Counter(min(size - at, kernel) - max(-at, 0) for at in range(a * stride - pad, b * stride - pad, stride))
            for (a, b), stride, pad, kernel, size in zip(
                box[:2], self.stride, (self.pad[0], self.pad[2]), self.kernel, shape[:2], strict=True
            )
        )
        return {(r, c): m * n for r, m in rows.items() for c, n in columns.items()}

    @property
    def _fast(self) -> bool:
        """Whether the high word of the requantisation's product is enough."""
        return int(self.shift.min()) >= HIGH_WORD

    def _finish(self, acc: np.ndarray, first: int, last: int) -> np.ndarray:
        acc = acc + self.bias[first:last]
        return requantise(acc, self.multiplier[first:last], self.shift[first:last], *DTYPES[self.dtype])

    def _taps(self, x: np.ndarray, box: Box):  # type: ignore[no-untyped-def]
        """Yield (kt, kb, input values under that tap for every output position of the box), zeros in the padding."""
        (t0, t1), (b0, b1), _ = box
        (st, sb), pad = self.stride, self.pad
        kt, kb = self.kernel
        first_t, first_b = t0 * st - pad[0], b0 * sb - pad[2]
        span_t, span_b = (t1 - 1 - t0) * st + kt, (b1 - 1 - b0) * sb + kb
        part = _slice_padded(x, first_t, span_t, first_b, span_b)
        for i in range(kt):
            for j in range(kb):
                yield i, j, part[:, i : i + (t1 - t0 - 1) * st + 1 : st, j : j + (b1 - b0 - 1) * sb + 1 : sb]


def _slice_padded(x: np.ndarray, first_t: int, span_t: int, first_b: int, span_b: int) -> np.ndarray:
    times, bands = x.shape[1], x.shape[2]
    before_t, after_t = max(-first_t, 0), max(first_t + span_t - times, 0)
    before_b, after_b = max(-first_b, 0), max(first_b + span_b - bands, 0)
    part = x[:, max(first_t, 0) : first_t + span_t, max(first_b, 0) : first_b + span_b]
    return np.pad(part, ((0, 0), (before_t, after_t), (before_b, after_b), (0, 0)))


@register
@dataclass(frozen=True, eq=False)
class Conv(_Windowed):
    """Standard convolution. weights: int8 (channels, kt, kb, input channels); 1 x 1 is pointwise."""

    name: ClassVar[str] = "conv"

    def __post_init__(self) -> None:
        check_array("conv: weights", self.weights, "int8", 4)
        self._check(self.weights.shape[0], self.kernel)

    @property
    def kernel(self) -> tuple[int, int]:
        return (self.weights.shape[1], self.weights.shape[2])

    def out(self, inputs: Sequence[Value]) -> Value:
        shape = fold(inputs[0].shape, self.fold_bands)
        if shape[2] != self.weights.shape[3]:
            raise OpError(f"weights read {self.weights.shape[3]} channels, the input has {shape[2]}")
        channels = self.weights.shape[0]
        check_accumulator(self.weights.reshape(channels, -1), self.bias, inputs[0].magnitude)
        return self._value(shape, channels)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return self._window_rules(All())

    def splits(self, given: Value) -> bool:
        """Whether the kernel takes fours of its inputs apart: pointwise over bytes."""
        return self.kernel == (1, 1) and given.dtype != "int16"

    def point(self, given: Value) -> bool:
        """Whether the kernel computes a single position straight from its inputs, with no window beside them."""
        return self.splits(given) and self._fast and self.weights.shape[3] % 4 == 0

    def cost(self, inputs: Sequence[Value]) -> Cost:
        fan_in = int(np.prod(self.weights.shape[1:]))
        element = 2 if inputs[0].dtype == "int16" else 1
        return Cost(fan_in * self.group, fan_in * (self.group + element))

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        (times, bands, channels), (first, last) = (b - a for a, b in box), box[2]
        windows, taps = self._windows(inputs, box), up4(int(np.prod(self.weights.shape[1:])))
        if self.point(inputs[0]) and times == bands == 1 and first % 4 == last % 4 == 0:
            return parts("conv_point", calls=1, fours=channels // 4, four_taps=channels // 4 * taps)
        together = bands == self._positions(fold(inputs[0].shape, self.fold_bands))[1] and taps <= BLOCK_TAPS
        blocks = times * bands // BLOCK if together and self._fast else 0
        alone = times * bands - BLOCK * blocks
        twos, fours, pairs = -(-last // 2) - first // 2, -(-last // 4) - first // 4, -(-(last - first // 4 * 4) // 2)
        return (
            parts(
                "conv",
                calls=1,
                blocks=blocks,
                beside=blocks * BLOCK * taps,
                block_twos=blocks * twos,
                block_taps=blocks * twos * taps,
                block_outputs=blocks * channels,
                positions=alone,
                fours=alone * fours,
                four_taps=alone * fours * taps,
                pairs=alone * pairs,
                pair_taps=alone * pairs * taps,
            )
            | self._gather_work(inputs, windows, taps)
            | self._store_work(first, last, alone)
        )

    def _gather_work(self, inputs: Sequence[Value], windows: dict[tuple[int, int], int], taps: int) -> dict[str, int]:
        """Windows copied: runs of memory in each, elements by eights, a four and ones, and what padding clears."""
        bands, depth = fold(inputs[0].shape, self.fold_bands)[1:]
        total, point = sum(windows.values()), self.kernel == (1, 1)
        runs = eights = fours = ones = clears = cleared = 0
        for (rows, columns), count in windows.items():
            width, lines = columns * depth, rows
            if lines * width != taps:
                clears += count
                cleared += count * (taps - width if point else taps)
            if columns == self.kernel[1] == bands:
                width, lines = width * lines, 1
            runs += count * lines
            eights += count * lines * (width // 8)
            fours += count * lines * (width // 4 % 2)
            ones += count * lines * (width % 4)
        return parts(
            f"gather_{SUFFIX[inputs[0].dtype]}",
            points=total if point else 0,
            windows=0 if point else total,
            clears=0 if point else clears,
            cleared=cleared,
            runs=0 if point else runs,
            eights=eights,
            fours=fours,
            ones=ones,
        )

    def _store_work(self, first: int, last: int, positions: int) -> dict[str, int]:
        """Requantised outputs, by fours of channels where a whole one is wanted, the rest by a call for each four."""
        whole = max(0, last // 4 - -(-first // 4)) if self._fast else 0
        begun = -(-last // 4) - first // 4
        return parts(
            "store",
            calls=positions,
            partial=positions * (begun - whole),
            fours=positions * whole,
            ones=positions * (last - first - 4 * whole) if self._fast else 0,
            slow=0 if self._fast else positions * (last - first),
        )

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        x = _folded(inputs[0], self.fold_bands)
        first, last = box[2]
        weights = self.weights[first:last].astype(np.float64)
        acc = 0.0
        for i, j, taps in self._taps(x, box):
            # float64 products of integers below 2**31 in all are exact, and a matrix product runs in BLAS.
            acc = acc + taps.astype(np.float64) @ weights[:, i, j].T
        return self._finish(np.asarray(acc).astype(np.int64), first, last)


@register
@dataclass(frozen=True, eq=False)
class Depthwise(_Windowed):
    """Depthwise convolution. weights: int8 (kt, kb, channels); channel c reads input channel c."""

    name: ClassVar[str] = "depthwise"

    def __post_init__(self) -> None:
        check_array("depthwise: weights", self.weights, "int8", 3)
        self._check(self.weights.shape[2], self.kernel)

    @property
    def kernel(self) -> tuple[int, int]:
        return (self.weights.shape[0], self.weights.shape[1])

    def out(self, inputs: Sequence[Value]) -> Value:
        shape = fold(inputs[0].shape, self.fold_bands)
        channels = self.weights.shape[2]
        if shape[2] != channels:
            raise OpError(f"weights hold {channels} channels, the input has {shape[2]}")
        if self.fold_bands and inputs[0].shape[2] != 1:
            raise OpError("a depthwise convolution folds bands only of a map with one channel")
        check_accumulator(self.weights.reshape(-1, channels).T, self.bias, inputs[0].magnitude)
        return self._value(shape, channels)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return self._window_rules(Sliding(CHANNEL))

    def cost(self, inputs: Sequence[Value]) -> Cost:
        taps = int(np.prod(self.weights.shape[:2]))
        element = 2 if inputs[0].dtype == "int16" else 1
        return Cost(taps * self.group, taps * self.group * (1 + element))

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        channels, passes = box[2][1] - box[2][0], [0, 0, 0, 0]
        rows_of, rest = [0, 0, 0, 0], 0
        for (rows, columns), count in self._windows(inputs, box).items():
            if self.kernel[1] == 1 and fold(inputs[0].shape, self.fold_bands)[1] == 1:
                rows, columns, left = rows // 3, 3, rows % 3
                passes[left] += count
                rest += count * left
            rows_of[columns if columns <= 3 else 1] += count * rows * (1 if columns <= 3 else columns)
            passes[3] += count * rows * (columns // 3)
            passes[columns % 3] += count * rows
        positions = (box[0][1] - box[0][0]) * (box[1][1] - box[1][0])
        fours = channels // 4 if self._fast else 0
        ones = channels - 4 * fours
        work = parts(
            f"depthwise_{SUFFIX[inputs[0].dtype]}",
            calls=1,
            positions=positions,
            fours=positions * fours,
            four_threes=rows_of[3] * fours,
            four_twos=rows_of[2] * fours,
            four_ones=rows_of[1] * fours,
            four_rest=rest * fours,
            passes=sum(passes[1:]),
            passes_alone=sum(passes[1:]) if ones else 0,
        )
        for what, count in (("alone", ones), ("any", channels)):
            runs = {f"{n}_taps_{what}": passes[n] * count for n in (1, 2, 3)}
            work |= parts(f"depthwise_{SUFFIX[inputs[0].dtype]}", **{f"stores_{what}": positions * count}, **runs)
        return work | parts(
            "row",
            calls=positions if ones else 0,
            ones=positions * ones if self._fast else 0,
            slow=0 if self._fast else positions * ones,
        )

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        x = _folded(inputs[0], self.fold_bands)
        first, last = box[2]
        acc = np.zeros((x.shape[0], *(stop - start for start, stop in box)), dtype=np.int64)
        for i, j, taps in self._taps(x[..., first:last], box):
            acc += taps.astype(np.int64) * self.weights[i, j, first:last].astype(np.int64)
        return self._finish(acc, first, last)


def _folded(x: np.ndarray, fold_bands: bool) -> np.ndarray:
    return x.reshape(x.shape[0], x.shape[1], 1, -1) if fold_bands else x
