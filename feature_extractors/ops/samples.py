"""The source: one window of int16 PCM, owned by the caller and always there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import Cost, Op, OpError, Value, check_int, register
from feature_extractors.tiles import Box, Rule, Shape


@register
@dataclass(frozen=True, eq=False)
class Samples(Op):
    """`count` samples at `rate` Hz; shape (count, 1, 1), one tile."""

    name: ClassVar[str] = "samples"
    arity: ClassVar[int | None] = 0
    family: ClassVar[str] = "source"

    rate: int
    count: int

    def __post_init__(self) -> None:
        check_int("samples: rate", self.rate, 1000, 192000)
        check_int("samples: count", self.count, 1, 1 << 22)

    def out(self, inputs: Sequence[Value]) -> Value:
        return Value((self.count, 1, 1), "int16", -32768, 32767)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (self.count, 1, 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ()

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost(0, 0)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        return {}

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        raise OpError("samples are given, not computed")
