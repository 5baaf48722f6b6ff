"""How unsteady a row of values is over time: what tells a sound from steady background, whatever its level.

Sums s over `width` neighbours smooth the row. The *crest* is how far the largest of them stands above their mean, the
*range* how far above the smallest. Of log energies neither depends on gain: hum, hiss and a running fan have little of
both, a word has much, however quiet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import DTYPES, Cost, Op, OpError, Value, check_int, parts, register
from feature_extractors.tiles import All, Box, Rule, Shape

CREST, RANGE = 0, 1
"""Channels of the output."""


@register
@dataclass(frozen=True, eq=False)
class Contrast(Op):
    """Crest and range of sums over `width` neighbours in time, of an int16 map (times, 1, 1); shape (1, 1, 2), int16.

    Both are shifted right, rounded half up, so that they fit: the crest is (places * max s - sum of s) >> crest shift,
    the range (max s - min s) >> range shift.
    """

    name: ClassVar[str] = "contrast"
    family: ClassVar[str] = "front end"

    width: int

    def __post_init__(self) -> None:
        check_int("contrast: width", self.width, 1, 1 << 15)

    def shifts(self, value: Value) -> tuple[int, int]:
        """How far crest and range are shifted for inputs of this kind."""
        most = self._most(value)
        return _shift(most * (value.shape[0] - self.width + 1)), _shift(most)

    def _most(self, value: Value) -> int:
        """The most by which two sums can differ."""
        return self.width * (value.hi - value.lo)

    def out(self, inputs: Sequence[Value]) -> Value:
        given = inputs[0]
        if given.shape[1:] != (1, 1) or given.dtype != "int16":
            raise OpError(f"contrast: reads one int16 value a time, not {given.dtype} {given.shape}")
        if self.width > given.shape[0]:
            raise OpError(f"contrast: sums over {self.width} do not fit into {given.shape[0]} values")
        places = given.shape[0] - self.width + 1
        if max(self._most(given), self.width * given.magnitude) * places >= 2**30:
            raise OpError(f"contrast: sums over {self.width} of {given.shape[0]} values leave int32")
        most = self._most(given)
        bounds = [_shifted(m, s) for m, s in zip((most * places, most), self.shifts(given), strict=True)]
        return Value((1, 1, 2), "int16", 0, max(bounds))

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, 2)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ((All(), All(), All()),)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost(1, 4 * inputs[0].shape[0])

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        return parts("contrast", calls=1, first=self.width, places=inputs[0].shape[0] - self.width)

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        x = inputs[0][:, :, 0, 0].astype(np.int64)
        sums = np.lib.stride_tricks.sliding_window_view(x, self.width, axis=1).sum(axis=2)
        most = sums.max(axis=1)
        both = (sums.shape[1] * most - sums.sum(axis=1), most - sums.min(axis=1))
        found = [_shifted(b, s) for b, s in zip(both, self.shifts(values[0]), strict=True)]
        return np.stack(found, axis=1)[:, None, None, slice(*box[2])]


def _shift(most: int) -> int:
    shift = 0
    while _shifted(most, shift) > DTYPES["int16"][1]:
        shift += 1
    return shift


def _shifted(x, shift: int):  # type: ignore[no-untyped-def]
    """`x` / 2**shift, rounded half up."""
    return (x + (1 << shift >> 1)) >> shift
