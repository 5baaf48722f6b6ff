"""Shapes, boxes and tile grids of feature maps, and the rules that tie an output box to the input boxes it reads.

Everything is over three axes: 0 = time, 1 = band, 2 = channel. A *box* is a half-open range per axis. A tile rule is
data, not code, so that the interpreter and the C backend derive the same reads from the same three lines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, int, int]
Range = tuple[int, int]
Box = tuple[Range, Range, Range]
TIME, BAND, CHANNEL = 0, 1, 2


@dataclass(frozen=True)
class All:
    """The whole input axis is read, whatever the output tile."""

    def range(self, out: Box, size: int) -> Range:
        return (0, size)


@dataclass(frozen=True)
class Sliding:
    """Output positions [a, b) of `axis` read input [a*stride + offset, (b-1)*stride + offset + length), clipped.

    What lies outside the input is padding. A plain copy of the axis is `Sliding(axis)`.
    """

    axis: int
    stride: int = 1
    offset: int = 0
    length: int = 1

    def range(self, out: Box, size: int) -> Range:
        first, last = out[self.axis]
        start = first * self.stride + self.offset
        stop = (last - 1) * self.stride + self.offset + self.length
        return (min(max(start, 0), size), min(max(stop, 0), size))


@dataclass(frozen=True)
class Regions:
    """Output position i of `axis` reads the i-th of `count` nearly equal parts of the input axis."""

    axis: int
    count: int

    def range(self, out: Box, size: int) -> Range:
        first, last = out[self.axis]
        return (first * size // self.count, last * size // self.count)


AxisRule = All | Sliding | Regions
Rule = tuple[AxisRule, AxisRule, AxisRule]
"""What one output tile reads of one input: one axis rule per *input* axis."""


def whole(shape: Shape) -> Box:
    """The box that covers a map."""
    return ((0, shape[0]), (0, shape[1]), (0, shape[2]))


def reads(rule: Rule, out: Box, in_shape: Shape) -> Box:
    """The input box that output box `out` needs under `rule`."""
    return (rule[0].range(out, in_shape[0]), rule[1].range(out, in_shape[1]), rule[2].range(out, in_shape[2]))


@dataclass(frozen=True)
class Grid:
    """The tiles of a map: `shape` cut into boxes of `tile` (the last one of an axis may be smaller)."""

    shape: Shape
    tile: Shape

    @property
    def counts(self) -> Shape:
        """Tiles per axis."""
        return tuple(-(-s // t) for s, t in zip(self.shape, self.tile, strict=True))  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """Tiles in all."""
        counts = self.counts
        return counts[0] * counts[1] * counts[2]

    def box(self, tile: int) -> Box:
        """The elements that tile number `tile` covers."""
        i, j, k = np.unravel_index(tile, self.counts)
        edges = zip((i, j, k), self.tile, self.shape, strict=True)
        return tuple((int(n) * t, min(int(n + 1) * t, s)) for n, t, s in edges)  # type: ignore[return-value]

    def tile_of(self, index: tuple[int, int, int]) -> int:
        """The number of the tile that holds element `index`."""
        i, j, k = (n // t for n, t in zip(index, self.tile, strict=True))
        return int((i * self.counts[1] + j) * self.counts[2] + k)

    def tiles_in(self, box: Box) -> Iterator[int]:
        """Numbers of the tiles that touch `box`, time outermost, in the order in which the C asks for them."""
        if any(first >= last for first, last in box):
            return
        ranges = [range(first // t, (last - 1) // t + 1) for (first, last), t in zip(box, self.tile, strict=True)]
        counts = self.counts
        for i, j, k in itertools.product(*ranges):
            yield (i * counts[1] + j) * counts[2] + k
