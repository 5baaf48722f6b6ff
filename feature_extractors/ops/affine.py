"""Affine maps: heads, embeddings and the oblique splits of soft trees.

    acc[r] = bias[r] + sum over inputs i of (weights[i][r] . x[i]) * 2**shifts[i]
    y[r] = requantise(acc[r]), int16

All elements of each input are read, in memory order. The power of two per input lets int8 weights serve inputs of
unlike scale (sums beside maxima). One tile is `group` rows.
"""

from __future__ import annotations

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
from feature_extractors.ops.requant import ACC_LIMIT, check_requant, requantise
from feature_extractors.tiles import All, Box, Rule, Shape

MAX_INPUT_SHIFT = 16


@register
@dataclass(frozen=True, eq=False)
class Affine(Op):
    """Output (1, 1, rows). weights: one int8 array (rows, elements) per input; bias int32 (rows,)."""

    name: ClassVar[str] = "affine"
    arity: ClassVar[int | None] = None
    family: ClassVar[str] = "affine"

    weights: tuple[np.ndarray, ...]
    shifts: tuple[int, ...]
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    group: int

    def __post_init__(self) -> None:
        check_array("affine: bias", self.bias, "int32", 1)
        check_array("affine: multiplier", self.multiplier, "int32", 1)
        check_array("affine: shift", self.shift, "int32", 1)
        rows = self.bias.shape[0]
        check_requant(self.multiplier, self.shift, rows)
        check_int("affine: group", self.group, 1, rows)
        if not self.weights or len(self.weights) != len(self.shifts):
            raise OpError("affine needs one weight matrix and one shift per input")
        for matrix, shift in zip(self.weights, self.shifts, strict=True):
            check_array("affine: weights", matrix, "int8", 2)
            check_int("affine: input shift", shift, 0, MAX_INPUT_SHIFT)
            if matrix.shape[0] != rows:
                raise OpError(f"a weight matrix has {matrix.shape[0]} rows, the bias {rows}")

    def out(self, inputs: Sequence[Value]) -> Value:
        if len(inputs) != len(self.weights):
            raise OpError(f"{len(self.weights)} weight matrices for {len(inputs)} inputs")
        worst = np.abs(self.bias.astype(np.int64))
        for matrix, shift, value in zip(self.weights, self.shifts, inputs, strict=True):
            if matrix.shape[1] != np.prod(value.shape):
                raise OpError(f"weights read {matrix.shape[1]} elements, the input has {int(np.prod(value.shape))}")
            worst = worst + (np.abs(matrix.astype(np.int64)).sum(axis=1) * value.magnitude << shift)
        if worst.max() > ACC_LIMIT:
            raise OpError(f"the accumulator could reach {int(worst.max())}, beyond int32")
        return Value((1, 1, self.bias.shape[0]), "int16", *DTYPES["int16"])

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, self.group)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return tuple((All(), All(), All()) for _ in inputs)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        elements = sum(m.shape[1] for m in self.weights)
        read = sum(m.shape[1] * (2 if v.dtype == "int16" else 1) for m, v in zip(self.weights, inputs, strict=True))
        return Cost(elements * self.group, elements * self.group + read)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        rows = box[2][1] - box[2][0]
        total = parts("affine", calls=1, rows=rows)
        for matrix, value in zip(self.weights, inputs, strict=True):
            size = matrix.shape[1]
            dot = parts(
                f"dot_{SUFFIX[value.dtype]}",
                calls=rows,
                eights=rows * (size // 8),
                fours=rows * (size // 4 % 2),
                ones=rows * (size % 4),
            )
            total = {part: total.get(part, 0) + dot.get(part, 0) for part in total | dot}
        return total

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        first, last = box[2]
        acc = np.tile(self.bias[first:last].astype(np.int64), (inputs[0].shape[0], 1))
        for matrix, shift, x in zip(self.weights, self.shifts, inputs, strict=True):
            rows = matrix[first:last].astype(np.float64)
            flat = x.reshape(x.shape[0], -1).astype(np.float64)
            # Exact: every partial sum stays below 2**31, as `out` has proved.
            acc += (flat @ rows.T).astype(np.int64) << shift
        y = requantise(acc, self.multiplier[first:last], self.shift[first:last], *DTYPES["int16"])
        return y[:, None, None, :]
