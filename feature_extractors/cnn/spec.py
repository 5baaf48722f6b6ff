"""What a trunk looks like: shapes, kernels, heads, pooling and multiply-accumulate counts (no torch here).

Every map of a trunk is a tensor [time, band, channel]. The two families differ only in how they see the log-mel:

* ``time``: 1-D convolutions over time with the mel bands as channels, log-mel = [frames, 1, bands]
  (TC-ResNet, Choi et al. 2019, arXiv 1904.03814; separable as in SparkNet, arXiv 2406.06634).
* ``dscnn``: 2-D depthwise-separable convolutions over (time, band), log-mel = [frames, bands, 1]
  (Hello Edge, Zhang et al. 2017, arXiv 1711.07128).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FAMILIES = ("time", "dscnn")
KINDS = ("separable", "conv")


class Shape(NamedTuple):
    """Extent of one map: positions in time, positions in band, channels."""

    time: int
    band: int
    channel: int

    @property
    def positions(self) -> int:
        return self.time * self.band


@dataclass(frozen=True)
class Block:
    """One depth of a trunk: a separable block (depthwise, then pointwise) or one full convolution, both ending in ReLU.

    ``kernel`` and ``stride`` are (time, band). ``depthwise_relu`` clamps the depthwise output at 0, too, which makes it
    uint8; without it the depthwise output is linear and int8.
    """

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    kind: str = "separable"
    depthwise_relu: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"block kind {self.kind!r} is not one of {KINDS}")
        if self.channels < 1 or min(self.kernel) < 1 or min(self.stride) < 1:
            raise ValueError(f"block needs channels, kernel and stride >= 1, got {self}")


def head_name(depth: int, prefix: str = "") -> str:
    """Name of the map that holds the logits of a depth."""
    return f"{prefix}head{depth}"


def part_bounds(time: int, parts: int) -> list[tuple[int, int]]:
    """Bounds [first, last) of nearly equal parts of an axis of ``time`` positions."""
    return [(time * i // parts, time * (i + 1) // parts) for i in range(parts)]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis such that the output has ceil(size / stride) positions.

    The front pad is always (kernel - 1) // 2, not TensorFlow's size-dependent split: output position p is centred on
    input position p * stride whatever the window's length, so tiles survive a move of the window.
    """
    before = (kernel - 1) // 2
    outputs = -(-size // stride)
    return before, max(0, (outputs - 1) * stride + kernel - size - before)


@dataclass(frozen=True)
class TrunkSpec:
    """A trunk with heads at several depths. Depths count from 1; ``heads`` must hold the last depth.

    A ``scout`` is a smaller trunk in front, which sees the same log-mel, perhaps only every second frame of it (its
    first block then has a kernel of one frame and a stride of two). Its heads come first: a decision that leaves there
    needs neither the other frames nor the trunk. ``prefix`` begins the names of a trunk's maps.

    ``head_parts`` and ``extra_parts`` say how maps are pooled: 3 stands for three nearly equal parts of the time axis,
    part i of T positions being [T * i // 3, T * (i + 1) // 3). Heads see mean and max of every channel over each part
    of ``head_parts``; ``extra_parts`` are pooled as well, for trees only.
    """

    family: str
    frames: int
    bands: int
    blocks: tuple[Block, ...]
    heads: tuple[int, ...]
    head_parts: tuple[int, ...] = (1,)
    extra_parts: tuple[int, ...] = (3,)
    scout: TrunkSpec | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"trunk family {self.family!r} is not one of {FAMILIES}")
        if not self.blocks:
            raise ValueError("a trunk needs at least one block")
        if list(self.heads) != sorted(set(self.heads)) or not self.heads or self.heads[0] < 1:
            raise ValueError(f"heads must be increasing depths from 1, got {self.heads}")
        if self.heads[-1] != len(self.blocks):
            raise ValueError(f"the last head must be at the last depth {len(self.blocks)}, got {self.heads}")
        if self.family == "time" and any(b.kernel[1] != 1 or b.stride[1] != 1 for b in self.blocks):
            raise ValueError("blocks of the family 'time' have kernel and stride 1 over bands")
        if self.family == "dscnn" and self.blocks[0].kind != "conv":
            raise ValueError("the first block of the family 'dscnn' must be a full conv: its input has one channel")
        shortest = min(self.shapes()[d].time for d in self.heads)
        if min(self.all_parts(), default=0) < 1 or max(self.all_parts()) > shortest:
            raise ValueError(f"pool parts {self.all_parts()} must lie in 1..{shortest}, the fewest positions of a head")
        if self.scout is not None and self.scout.input_shape != self.input_shape:
            raise ValueError(f"the scout sees {self.scout.input_shape} of the log-mel, the trunk {self.input_shape}")
        if self.scout is not None and self.scout.prefix == self.prefix:
            raise ValueError(f"the names of scout and trunk both begin with {self.prefix!r}")

    @property
    def input_shape(self) -> Shape:
        """Shape of the log-mel as the first block sees it."""
        return Shape(self.frames, 1, self.bands) if self.family == "time" else Shape(self.frames, self.bands, 1)

    def shapes(self) -> list[Shape]:
        """Output shape of every depth, the input first (so index = depth)."""
        shapes = [self.input_shape]
        for block in self.blocks:
            last = shapes[-1]
            shapes.append(Shape(-(-last.time // block.stride[0]), -(-last.band // block.stride[1]), block.channels))
        return shapes

    def pads(self, depth: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Zero padding of depth's (depthwise or full) convolution: ((time before, after), (band before, after))."""
        block, shape = self.blocks[depth - 1], self.shapes()[depth - 1]
        return (
            same_padding(shape.time, block.kernel[0], block.stride[0]),
            same_padding(shape.band, block.kernel[1], block.stride[1]),
        )

    def head_names(self) -> tuple[str, ...]:
        """Names of the maps of all heads, the scout's first."""
        own = tuple(head_name(depth, self.prefix) for depth in self.heads)
        return own if self.scout is None else (*self.scout.head_names(), *own)

    def all_parts(self) -> tuple[int, ...]:
        """Every part count that is pooled, those of the heads first, without repeats."""
        return tuple(dict.fromkeys(self.head_parts + self.extra_parts))

    def head_inputs(self, depth: int) -> int:
        """Number of pooled values that the head of a depth sees: mean and max per channel and part."""
        return 2 * self.blocks[depth - 1].channels * sum(self.head_parts)

    def block_macs(self, depth: int) -> int:
        """Multiply-accumulates of one depth's convolutions, padding included, pooling and head not."""
        block, before, after = self.blocks[depth - 1], self.shapes()[depth - 1], self.shapes()[depth]
        taps = block.kernel[0] * block.kernel[1]
        if block.kind == "conv":
            return after.positions * taps * before.channel * block.channels
        return after.positions * before.channel * (taps + block.channels)

    def stage_macs(self, classes: int) -> list[int]:
        """Multiply-accumulates spent by a decision that leaves at each head: trunk so far and all heads so far."""
        trunk = [0]
        for depth in range(1, len(self.blocks) + 1):
            trunk.append(trunk[-1] + self.block_macs(depth))
        totals, heads = [], 0
        for depth in self.heads:
            heads += self.head_inputs(depth) * classes
            totals.append(trunk[depth] + heads)
        return totals
