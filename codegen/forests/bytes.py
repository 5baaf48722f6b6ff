"""The small layout: trees as a string of bytes, children behind their parents, that a short loop runs.

A test begins with its column and k. Which of its sides are mere constants is told by the range that the column's number
is moved to, since most sides are: those constants stand in the test itself. A side that is no constant follows, and a
byte says how far to skip to get past it. Columns beyond 240 take two bytes, long skips three bytes and a code in front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from codegen.forests.sums import Block, Branch

ESCAPE, ADD_SKIP, ADD = 255, 254, 253
END, FAR, SKIP = 0, 1, 2
"""What may follow an escape: the program's end, a test with a long skip, a long skip."""
NARROW = 240
LARGEST_K = 255
KINDS = ("left", "right", "both", "neither")


class LayoutError(ValueError):
    """A number that does not fit the layout."""


@dataclass(frozen=True)
class Coding:
    """columns: how many there are; base: what a byte k stands above; first: the number of the first column."""

    columns: int
    base: int = 0
    first: int = 0

    @cached_property
    def wide(self) -> bool:
        """Whether a column takes two bytes, the high one first."""
        return self.columns > NARROW

    @cached_property
    def size(self) -> int:
        """Bytes of a column's number."""
        return 2 if self.wide else 1

    @cached_property
    def codes(self) -> int:
        """How many first bytes name columns."""
        return (self.columns + 255) // 256 if self.wide else self.columns

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Which sides of a test may be constants in it, in the order of the ranges of first bytes."""
        room = ADD // max(1, self.codes)
        return KINDS if room >= 4 else KINDS[2:] if room >= 2 else KINDS[3:]

    def column(self, number: int, kind: str = "neither", escaped: bool = False) -> bytes:
        """A column's number, moved to the range of its kind of test."""
        number -= self.first
        offset = 0 if escaped else self.kinds.index(kind) * self.codes
        return bytes([(number >> 8) + offset, number & 255]) if self.wide else bytes([number + offset])

    def k(self, k: int) -> bytes:
        """The byte that a column is compared with."""
        if not 0 <= k - self.base <= LARGEST_K:
            raise LayoutError(f"{k} is not within a byte above {self.base}")
        return bytes([k - self.base])


def encode(block: Block, coding: Coding) -> bytes:
    """A program of integer sums, with its end."""
    return _block(block, coding, 0) + bytes([ESCAPE, END])


def _word(add: float) -> bytes:
    return int(add).to_bytes(2, "little", signed=True)


def _block(block: Block, coding: Coding, jump: int) -> bytes:
    """A block; afterwards `jump` bytes are skipped."""
    out = b"".join(_branch(branch, coding) for branch in block.branches)
    if 0 < jump <= 255:
        return out + bytes([ADD_SKIP]) + _word(block.add) + bytes([jump])
    if block.add:
        out += bytes([ADD]) + _word(block.add)
    return out + (bytes([ESCAPE, SKIP]) + jump.to_bytes(3, "little") if jump else b"")


def _branch(branch: Branch, coding: Coding) -> bytes:
    left, right, k = branch.left, branch.right, coding.k(branch.k)
    kind = {(False, False): "both", (False, True): "left", (True, False): "right"}.get(
        (bool(left.branches), bool(right.branches)), "neither"
    )
    if kind in coding.kinds:
        head = coding.column(branch.column, kind) + k
        if kind == "both":
            return head + _word(left.add) + _word(right.add)
        if kind != "neither":
            constant, other = (left, right) if kind == "left" else (right, left)
            body = _block(other, coding, 0)
            if len(body) <= 255:
                return head + bytes([len(body)]) + _word(constant.add) + body
    after = _block(right, coding, 0)
    before = _block(left, coding, len(after))
    if len(before) <= 255:
        return coding.column(branch.column) + k + bytes([len(before)]) + before + after
    return (
        bytes([ESCAPE, FAR])
        + coding.column(branch.column, escaped=True)
        + k
        + len(before).to_bytes(3, "little")
        + before
        + after
    )
