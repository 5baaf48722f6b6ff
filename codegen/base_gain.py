"""How much a base map can favour one class over another: static bounds for exact exits."""

from __future__ import annotations

import numpy as np

from codegen.plan import Plan
from feature_extractors.ops.affine import Affine


def base_gain(plan: Plan, name: str) -> np.ndarray:
    """The most by which class j of a base map can lie above class i: int64 (classes, classes), [i, j], at least 0.

    Of an affine map from its weights and the ranges of its inputs, each element free in its range; of any other map
    from its own range. Saturation brings values closer together, so it can be left out.
    """
    item = plan.graph[name]
    widest = np.full((plan.forest.classes,) * 2, item.value.hi - item.value.lo, dtype=np.int64)
    np.fill_diagonal(widest, 0)
    if not isinstance(item.op, Affine):
        return widest
    op = item.op
    scale = op.multiplier.astype(np.float64) / 2.0 ** op.shift.astype(np.float64)
    offset = op.bias * scale
    found = offset[None, :] - offset[:, None] + 2
    for matrix, shift, below in zip(op.weights, op.shifts, item.inputs, strict=True):
        value = plan.graph[below].value
        rows = matrix.astype(np.float64) * (scale * 2.0**shift)[:, None]
        for i in range(len(rows)):
            apart = rows - rows[i]
            found[i] += np.where(apart > 0, apart * value.hi, apart * value.lo).sum(axis=1)
    found = np.minimum(np.ceil(np.maximum(found, 0)).astype(np.int64), widest)
    np.fill_diagonal(found, 0)
    return found
