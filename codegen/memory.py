"""Where each map and each kernel's scratch lies in the context, so that what is never alive together shares bytes.

The steps of a decision are known (codegen.schedule), and with them from which to which step each map is read or
written. Blocks whose lifetimes do not meet may overlap. Placing is first fit in a few orders, of which the smallest
result wins: for a chain of layers that is the sum of the two largest neighbours, which no layout can beat.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.schedule import Step
from feature_extractors.graph import FeatureMap

MAP_ALIGN, SCRATCH_ALIGN = 4, 8
BYTES = {"uint8": 1, "int8": 1, "int16": 2}


@dataclass(frozen=True)
class Block:
    """Bytes that belong to a map, or to the scratch of its kernel, during steps first .. last (both included)."""

    map: str
    scratch: bool
    size: int
    first: int
    last: int

    @property
    def align(self) -> int:
        """What the offset is a multiple of."""
        return SCRATCH_ALIGN if self.scratch else MAP_ALIGN

    def meets(self, other: Block) -> bool:
        """Whether both are alive in some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Layout:
    """Blocks at their offsets, and the size of it all in bytes, a multiple of 8."""

    maps: Mapping[str, int]
    scratch: Mapping[str, int]
    blocks: Sequence[Block]
    size: int


def map_bytes(item: FeatureMap) -> int:
    """Bytes of a whole map."""
    return int(np.prod(item.value.shape)) * BYTES[item.value.dtype]


def blocks(
    maps: Sequence[FeatureMap],
    steps: Sequence[Step],
    fixed: Container[str],
    scratch: Mapping[str, int],
    always: Mapping[str, int],
) -> list[Block]:
    """One block per map and per scratch, in the order of the maps.

    fixed: maps that are computed in the first step that touches them only; scratch: map -> bytes that its kernel needs;
    always: maps that outlive a decision, and their bytes. A map that no step touches lives in the last one.
    """
    last = len(steps) - 1
    result = []
    for item in maps:
        touched = [i for i, step in enumerate(steps) if item.name in step.touched] or [last]
        alive = (0, last) if item.name in always else (touched[0], touched[-1])
        result.append(Block(item.name, False, always.get(item.name, map_bytes(item)), *alive))
        if scratch.get(item.name):
            end = touched[0] if item.name in fixed else touched[-1]
            result.append(Block(item.name, True, scratch[item.name], touched[0], end))
    return result


def place(found: Sequence[Block]) -> Layout:
    """Offsets for all blocks. The same blocks give the same layout."""
    orders: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda b: (-b.size, b.first),
        lambda b: (b.first - b.last, -b.size, b.first),
        lambda b: (b.first, -b.size),
        lambda b: (-b.last, -b.size),
    )
    offsets = min((_first_fit(sorted(found, key=order)) for order in orders), key=_extent)
    return Layout(
        {b.map: at for b, at in offsets.items() if not b.scratch},
        {b.map: at for b, at in offsets.items() if b.scratch},
        list(found),
        max(-(-_extent(offsets) // SCRATCH_ALIGN), 1) * SCRATCH_ALIGN,
    )


def _extent(offsets: Mapping[Block, int]) -> int:
    return max((at + block.size for block, at in offsets.items()), default=0)


def _first_fit(order: Sequence[Block]) -> dict[Block, int]:
    """Each block at the lowest offset where it meets none of those placed before."""
    placed: dict[Block, int] = {}
    for block in order:
        at = 0
        for other, start in sorted(placed.items(), key=lambda pair: pair[1]):
            if block.meets(other) and start < at + block.size and at < start + other.size:
                at = -(-(start + other.size) // block.align) * block.align
        placed[block] = at
    return placed
