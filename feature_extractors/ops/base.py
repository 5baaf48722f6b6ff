"""What every op of the feature graph says of itself.

An op is a frozen dataclass whose fields are its parameters (numbers, strings, numpy arrays, tuples of arrays). It
derives shape and range from its inputs, states its tile and what a tile reads, prices a tile, and holds the reference
evaluation that the generated C must equal bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from feature_extractors.tiles import Box, Rule, Shape

DTYPES = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (-32768, 32767),
}
"""Element types of maps: all fit int16 comparisons except that uint8 reaches 255, which int16 holds, too."""


class OpError(ValueError):
    """An op whose parameters or inputs do not fit together. The message says which and why."""


@dataclass(frozen=True)
class Value:
    """What a map holds: shape (time, band, channel), element type, and the range [lo, hi] no value leaves."""

    shape: Shape
    dtype: str
    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise OpError(f"dtype {self.dtype!r} is not one of {', '.join(DTYPES)}")
        if min(self.shape) < 1:
            raise OpError(f"shape {self.shape} has an empty axis")
        low, high = DTYPES[self.dtype]
        if not low <= self.lo <= self.hi <= high:
            raise OpError(f"range {self.lo}..{self.hi} does not fit {self.dtype}")

    @property
    def magnitude(self) -> int:
        """The largest absolute value."""
        return max(abs(self.lo), abs(self.hi))


@dataclass(frozen=True)
class Cost:
    """The price of one tile: multiply-accumulates and bytes read from its inputs and parameters."""

    macs: int
    bytes: int


class Op(ABC):
    """One operation. Subclasses register by their `name`."""

    name: ClassVar[str]
    arity: ClassVar[int | None] = 1
    """Number of inputs; None for one or more."""
    family: ClassVar[str] = "trunk"
    """'source', 'front end', 'trunk' or 'affine': how reports group the price."""

    @abstractmethod
    def out(self, inputs: Sequence[Value]) -> Value:
        """Shape, dtype and range of the output. Raises OpError where inputs and parameters do not fit."""

    @abstractmethod
    def tile(self, inputs: Sequence[Value]) -> Shape:
        """Shape of one tile of the output."""

    @abstractmethod
    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        """One tile rule per input."""

    @abstractmethod
    def cost(self, inputs: Sequence[Value]) -> Cost:
        """Worst-case price of one full tile."""

    @abstractmethod
    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        """What the op's kernel does to compute an output box: how often each of its parts runs, "kernel.part" -> count.

        A core's price table (codegen.prices) says how many instructions one of each takes at most.
        """

    @abstractmethod
    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        """Reference evaluation of an output box.

        inputs: int64-safe integer arrays (n, *shape of the input), read only inside the tile rule's boxes.
        box: the output elements wanted. values: the `Value` of each input.
        Returns an integer array (n, *box lengths), inside the range that `out` states.
        """


def parts(kernel: str, **counts: int) -> dict[str, int]:
    """The work of one kernel: counts of its parts under names of the form "kernel.part"."""
    return {f"{kernel}.{part}": int(count) for part, count in counts.items()}


SUFFIX = {"uint8": "u8", "int8": "s8", "int16": "s16"}
"""How names of kernels end, by element type."""


REGISTRY: dict[str, type[Op]] = {}


def register(cls: type[Op]) -> type[Op]:
    """Class decorator: makes the op known to the graph, the loader and the C backend by its name."""
    if cls.name in REGISTRY:
        raise OpError(f"two ops are named {cls.name!r}")
    REGISTRY[cls.name] = cls
    return cls


def check_array(what: str, array: Any, dtype: str, ndim: int | None = None) -> np.ndarray:
    """`array` if it is an array of exactly this dtype (and rank), else OpError."""
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(dtype) or (ndim is not None and array.ndim != ndim):
        raise OpError(f"{what} must be a {ndim}-dimensional {dtype} array")
    return array


def check_int(what: str, number: Any, low: int, high: int) -> int:
    """`number` if it is an int in [low, high], else OpError."""
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise OpError(f"{what} must be an integer in {low}..{high}, not {number!r}")
    return number
