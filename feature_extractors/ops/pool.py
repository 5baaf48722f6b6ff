"""Pooling over a grid of time x band regions: sums (means with the division left out) and maxima.

A mean is a sum whose shift the op derives from shape and range, so that it fits int16; at the usual sizes the shift
is 0 and nothing is rounded. Whoever reads it knows its scale from `Pool.mean_shift`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import DTYPES, SUFFIX, Cost, Op, OpError, Value, check_int, parts, register
from feature_extractors.tiles import BAND, CHANNEL, TIME, Box, Regions, Rule, Shape, Sliding

KINDS = ("mean", "max")
CHUNK = 256
"""Elements that the kernel adds up in one go."""


@register
@dataclass(frozen=True, eq=False)
class Pool(Op):
    """Pool `times` x `bands` nearly equal regions; output (times, bands, channels), int16.

    One tile is one region of `group` channels.
    """

    name: ClassVar[str] = "pool"

    kind: str
    times: int
    bands: int
    group: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OpError(f"pool kind {self.kind!r} is not one of {', '.join(KINDS)}")
        for what in ("times", "bands", "group"):
            check_int(f"pool: {what}", getattr(self, what), 1, 1 << 15)

    def largest_region(self, shape: Shape) -> int:
        """Elements of one channel in the largest region of an input of this shape."""
        return -(-shape[0] // self.times) * -(-shape[1] // self.bands)

    def mean_shift(self, value: Value) -> int:
        """How far a sum is shifted right to fit int16; 0 for a maximum."""
        if self.kind == "max":
            return 0
        shift, worst = 0, value.magnitude * self.largest_region(value.shape)
        while _shifted(worst, shift) > DTYPES["int16"][1]:
            shift += 1
        return shift

    def out(self, inputs: Sequence[Value]) -> Value:
        value = inputs[0]
        if self.times > value.shape[0] or self.bands > value.shape[1]:
            raise OpError(f"{self.times} x {self.bands} regions do not fit into {value.shape[:2]}")
        if self.group > value.shape[2]:
            raise OpError(f"a group of {self.group} channels is wider than the input's {value.shape[2]}")
        shape = (self.times, self.bands, value.shape[2])
        if self.kind == "max":
            return Value(shape, "int16", value.lo, value.hi)
        count, shift = self.largest_region(value.shape), self.mean_shift(value)
        bounds = (_shifted(bound * count, shift) for bound in (min(value.lo, 0), max(value.hi, 0)))
        return Value(shape, "int16", *bounds)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, self.group)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ((Regions(TIME, self.times), Regions(BAND, self.bands), Sliding(CHANNEL)),)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        element = 2 if inputs[0].dtype == "int16" else 1
        return Cost(0, self.largest_region(inputs[0].shape) * self.group * element)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        (t0, t1), (b0, b1), (c0, c1) = box
        times, bands, _ = inputs[0].shape
        runs = elements = 0
        for t in range(t0, t1):
            for b in range(b0, b1):
                rows = (t + 1) * times // self.times - t * times // self.times
                width = (b + 1) * bands // self.bands - b * bands // self.bands
                elements += rows * width
                runs += -(-rows * width // CHUNK) if width == bands else rows * -(-width // CHUNK)
        regions, fours, ones = (t1 - t0) * (b1 - b0), (c1 - c0) // 4, (c1 - c0) % 4
        divided = sum(count & (count - 1) != 0 for count in (self.times, self.bands))  # others are shifts
        return parts(
            f"pool_{self.kind}_{SUFFIX[inputs[0].dtype]}",
            calls=1,
            regions=regions,
            divided=regions * divided,
            fours=regions * fours,
            four_runs=runs * fours,
            four_elements=elements * fours,
            ones=regions * ones,
            one_runs=runs * ones,
            one_elements=elements * ones,
        )

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        x, shape = inputs[0], values[0].shape
        (t0, t1), (b0, b1), (c0, c1) = box
        result = np.empty((x.shape[0], t1 - t0, b1 - b0, c1 - c0), dtype=np.int64)
        for i in range(t0, t1):
            for j in range(b0, b1):
                times = slice(i * shape[0] // self.times, (i + 1) * shape[0] // self.times)
                bands = slice(j * shape[1] // self.bands, (j + 1) * shape[1] // self.bands)
                region = x[:, times, bands, c0:c1].astype(np.int64)
                pooled = region.max(axis=(1, 2)) if self.kind == "max" else region.sum(axis=(1, 2))
                result[:, i - t0, j - b0] = _shifted(pooled, self.mean_shift(values[0]))
        return result


def _shifted(total, shift: int):  # type: ignore[no-untyped-def]
    """`total` / 2**shift, rounded half up."""
    return (total + (1 << shift >> 1)) >> shift
