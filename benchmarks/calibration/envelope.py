"""The smallest prices that no measurement exceeds: one linear programme per core."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

UNIT = 1000


@dataclass(frozen=True)
class Sample:
    """One measurement: the work that was done, the instructions that it took, and how much its slack matters."""

    what: str
    work: Mapping[str, int]
    instructions: int
    weight: float = 1.0


def envelope(samples: Sequence[Sample], reserve: float) -> dict[str, int]:
    """Prices in thousandths of an instruction per part, all >= 0, under which no sample is priced below its count.

    Of all such prices those with the least weighted sum of relative slack are taken, then raised by the share
    `reserve` for shapes that were not measured, and rounded up. Parts that no sample has run get no price.
    """
    parts = sorted({part for sample in samples for part, runs in sample.work.items() if runs})
    index = {part: column for column, part in enumerate(parts)}
    rows, columns, values = [], [], []
    for row, sample in enumerate(samples):
        for part, runs in sample.work.items():
            if runs:
                rows.append(row)
                columns.append(index[part])
                values.append(runs / sample.instructions)
    matrix = csr_matrix((values, (rows, columns)), shape=(len(samples), len(parts)))
    weights = np.array([sample.weight for sample in samples])
    found = linprog(matrix.T @ weights, A_ub=-matrix, b_ub=-np.ones(len(samples)), bounds=(0, None), method="highs")
    if not found.success:
        raise RuntimeError(f"no prices were found: {found.message}")
    return {
        part: max(0, math.ceil(float(price) * UNIT * (1 + reserve) - 1e-6))
        for part, price in zip(parts, found.x, strict=True)
    }


def ratios(samples: Sequence[Sample], prices: Mapping[str, int]) -> np.ndarray:
    """Predicted over measured instructions of each sample, float64 (n,)."""
    priced = [sum(prices.get(part, 0) * n for part, n in sample.work.items()) / UNIT for sample in samples]
    return np.array([p / s.instructions for p, s in zip(priced, samples, strict=True)], dtype=np.float64)
