"""The bound of what a base map adds holds on inputs at the ends of their ranges, and lies inside the map's range."""

import numpy as np
import pytest

from codegen import interpret
from codegen.base_gain import base_gain
from tests.random_plans import deep_plan


@pytest.mark.parametrize("seed", range(6))
def test_no_input_of_an_affine_base_leaves_its_bound(seed):
    plan, _ = deep_plan(seed)
    rng = np.random.default_rng(seed)
    for base in {s.base for s in plan.forest.stages if s.base}:
        bound, item = base_gain(plan, base), plan.graph[base]
        given = {}
        for name in item.inputs:
            value = plan.graph[name].value
            free = rng.integers(value.lo, value.hi + 1, (400, *value.shape))
            ends = rng.choice([value.lo, value.hi], (400, *value.shape))
            given[name] = np.concatenate([free, ends]).astype(value.dtype)
        found = interpret.evaluate_maps(plan.graph, given, [base])[base].reshape(800, -1).astype(np.int64)
        assert (found[:, None, :] - found[:, :, None] <= bound).all()
        assert (bound <= item.value.hi - item.value.lo).all() and not np.diag(bound).any()


def test_the_bound_of_another_map_is_its_range():
    plan, _ = deep_plan(0)
    mean = next(m.name for m in plan.maps if m.op.name == "pool")
    widest = plan.graph[mean].value.hi - plan.graph[mean].value.lo
    assert set(base_gain(plan, mean).ravel().tolist()) <= {0, widest}
