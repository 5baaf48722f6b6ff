"""Forests of votes: a leaf's class probabilities as the counts of training rows that they came from.

Counts are small integers, so a leaf takes a few bytes and loses nothing. Their shares are added as fixed-point numbers,
whose distance from the true ones is bounded; only where two classes are closer than the bound are the counts divided
and added once more, rounding as the doubles of scikit-learn do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.forests.bytes import Coding
from codegen.forests.lower import Leaf, Tree
from tree_backends.ensemble import Ensemble

WHOLE = 2**14
"""What shares without exact counts are rounded to fractions of."""
MOST_BITS = 24
FAR = 255
"""The first byte of a test with a long skip; those between it and the columns mark leaves."""


@dataclass(frozen=True, eq=False)
class Votes:
    """counts: int64 (leaves, classes); bits: fraction bits of a tree's vote; exact: whether counts are the model's."""

    counts: np.ndarray
    trees: tuple[Tree, ...]
    bits: int
    exact: bool
    error: float
    """No probability differs by more from the ensemble's."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.counts.shape[1]

    @cached_property
    def shares(self) -> np.ndarray:
        """What a leaf adds to each class, in units of 2**-bits: the reference of hyb_add_votes. int64."""
        total = self.counts.sum(axis=1, keepdims=True)
        shares = (self.counts * (2**31 // total)) >> (31 - self.bits)
        return np.where(self.counts == total, 1 << self.bits, shares)

    @cached_property
    def near(self) -> int:
        """A lead larger than this many units is a lead of the true votes."""
        total = self.counts.sum(axis=1, keepdims=True)
        return math.ceil(self.doubt(self.shares, self.counts / total * 2.0**self.bits) + 1)

    def doubt(self, added: np.ndarray, true: np.ndarray) -> float:
        """How much the difference of two classes can be off after all trees, when leaves add `added` for `true`."""
        off = added - true
        spread = off.max(axis=1) - off.min(axis=1)
        return float(sum(max(spread[n] for n in leaves_of(tree)) for tree in self.trees))

    def lanes(self) -> tuple[np.ndarray, int]:
        """Coarse votes for the fast layout: uint8 (leaves, classes), and the lead beyond which they are right."""
        top = min(255, 65535 // len(self.trees)) if len(self.trees) <= 4096 else 255
        true = self.counts / self.counts.sum(axis=1, keepdims=True) * top
        added = np.rint(true)
        return added.astype(np.uint8), math.ceil(self.doubt(added, true) + 1e-6)


def votes_of(ensemble: Ensemble, trees: tuple[Tree, ...]) -> Votes:
    """The votes of an ensemble; shares without exact counts are rounded."""
    bits = min(MOST_BITS, 30 - max(1, math.ceil(math.log2(len(trees)))))
    if ensemble.counts is not None:
        found = Votes(ensemble.counts, trees, bits, True, 0.0)
    else:
        counts = np.rint(ensemble.values * WHOLE).astype(np.int64)
        counts[counts.sum(axis=1) == 0, 0] = 1
        found = Votes(counts, trees, bits, False, 0.0)
    off = np.abs(found.shares * 2.0**-bits - ensemble.values).max(axis=1)
    error = sum(max(off[n] for n in leaves_of(tree)) for tree in trees) / len(trees)
    return Votes(found.counts, trees, bits, found.exact, float(error))


def leaves_of(tree: Tree) -> list[int]:
    """The numbers of a tree's leaves."""
    return [tree.number] if isinstance(tree, Leaf) else leaves_of(tree.left) + leaves_of(tree.right)


@dataclass(frozen=True)
class Form:
    """How leaves are written: hyb_votes in the C."""

    classes: int
    mark: int
    mark_bits: int
    class_bits: int
    order: int
    other_order: int


def form_of(votes: Votes, coding: Coding) -> Form:
    """The shortest form for these counts."""
    most = votes.counts.max(axis=1)
    largest = votes.counts.argmax(axis=1)
    rest = votes.counts.copy()
    rest[np.arange(len(rest)), largest] = 0
    spare = FAR - coding.codes
    return Form(
        votes.classes, coding.codes, min(7, spare.bit_length() - 1), max(1, math.ceil(math.log2(votes.classes))),
        _best_order(most), _best_order(rest[rest > 0]),
    )  # fmt: skip


def _best_order(counts: np.ndarray) -> int:
    def bits(order: int) -> int:
        return int((2 * np.floor(np.log2(counts - 1 + 2**order)) + 1 - order).sum())

    return min(range(12), key=bits) if len(counts) else 0


def _golomb(count: int, order: int) -> str:
    digits = bin(count - 1 + (1 << order))[2:]
    return "0" * (len(digits) - 1 - order) + digits


def leaf_bytes(counts: np.ndarray, form: Form) -> bytes:
    """One leaf: its mark with the first bits, then the others, filled up with zeros."""
    most = int(counts.argmax())
    others = [int(n) for c, n in enumerate(counts) if c != most]
    bits = format(most, f"0{form.class_bits}b") + _golomb(int(counts[most]), form.order)
    bits += "".join("1" if n else "0" for n in others) + "".join(_golomb(n, form.other_order) for n in others if n)
    first, rest = bits[: form.mark_bits].ljust(form.mark_bits, "0"), bits[form.mark_bits :]
    rest = rest.ljust(-(-len(rest) // 8) * 8, "0")
    head = form.mark + (int(first, 2) if first else 0)
    return bytes([head, *(int(rest[i : i + 8], 2) for i in range(0, len(rest), 8))])


def encode(votes: Votes, coding: Coding, form: Form) -> tuple[bytes, int]:
    """All trees, each with its length in front, then the zeros that the reader may run into; bytes of a length."""
    bodies = [_tree(tree, coding, lambda n: leaf_bytes(votes.counts[n], form)) for tree in votes.trees]
    size = 2 if all(len(body) <= 65535 for body in bodies) else 3
    return b"".join(len(b).to_bytes(size, "little") + b for b in bodies) + bytes(3), size


def _tree(tree: Tree, coding: Coding, leaf: Callable[[int], bytes]) -> bytes:
    if isinstance(tree, Leaf):
        return leaf(tree.number)
    left, right = _tree(tree.left, coding, leaf), _tree(tree.right, coding, leaf)
    head = coding.column(tree.column, escaped=True) + coding.k(tree.k)
    if len(left) <= 255:
        return head + bytes([len(left)]) + left + right
    return bytes([FAR]) + head + len(left).to_bytes(3, "little") + left + right
