"""Interpreter (whole maps) = interpreter (tile by tile) = generated C, bit for bit, on random plans."""

import numpy as np
import pytest

from codegen import interpret
from codegen.artifacts import write_code
from codegen.host import FLAGS, NativeModel
from tests.compilers import COMPILERS, sanitizers_work
from tests.ds_cnn import ds_cnn_plan
from tests.random_plans import deep_plan, random_plan

FIELDS = ("label", "stage", "margin", "cost", "visits", "scores")


def compare(plan, pcm, folder, compiler=None, flags=FLAGS):
    write_code(plan, folder)
    native, expected = NativeModel(folder, plan.name, compiler, flags), interpret.run(plan, pcm)
    lazy, eager = native.run(pcm), native.run(pcm, eager=True)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(lazy, field), getattr(expected, field), field)
    for field in ("label", "stage", "margin", "scores"):
        np.testing.assert_array_equal(getattr(eager, field), getattr(expected, field), field)
    computes, hits = expected.counts()
    np.testing.assert_array_equal(lazy.computes, computes)
    np.testing.assert_array_equal(lazy.hits, hits)
    return expected


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("vector", [False, True])
def test_c_equals_the_interpreter(seed, vector, tmp_path):
    plan, pcm = random_plan(seed, vector)
    compare(plan, pcm, tmp_path)


@pytest.mark.parametrize("seed", range(10))
def test_c_equals_the_interpreter_on_plans_with_heads_at_every_depth(seed, tmp_path):
    plan, pcm = deep_plan(seed)
    compare(plan, pcm, tmp_path)


def test_c_equals_the_interpreter_on_a_dense_head_over_two_dimensions(tmp_path):
    pcm = np.random.default_rng(0).normal(size=(2, 16000)) * 2000
    compare(ds_cnn_plan(), pcm.astype(np.int16), tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("make", [random_plan, deep_plan])
def test_every_compiler_gives_the_same_bits(make, compiler, tmp_path):
    plan, pcm = make(99)
    compare(plan, pcm, tmp_path, compiler)


@pytest.mark.skipif(not sanitizers_work(), reason="no compiler with a working address sanitizer was found")
@pytest.mark.parametrize("make", [random_plan, deep_plan])
def test_c_runs_clean_under_sanitizers(make, tmp_path):
    from tests.compilers import run_sanitized

    plan, pcm = make(5)
    write_code(plan, tmp_path)
    out = run_sanitized(plan, pcm, tmp_path)
    expected = interpret.run(plan, pcm)
    assert [int(line.split()[0]) for line in out] == expected.label.tolist()
    assert [int(line.split()[1]) for line in out] == expected.cost.tolist()


@pytest.mark.parametrize("make", [random_plan, deep_plan])
@pytest.mark.parametrize("seed", range(4))
def test_tile_by_tile_equals_whole_maps(make, seed):
    plan, pcm = make(seed)
    expected = interpret.run(plan, pcm)
    computes, hits = expected.counts()
    for i, window in enumerate(pcm[:8]):
        traced = interpret.trace(plan, window)
        assert (traced.label, traced.stage, traced.margin) == (
            expected.label[i], expected.stage[i], expected.margin[i],
        )  # fmt: skip
        assert (traced.cost, traced.visits) == (expected.cost[i], expected.visits[i])
        np.testing.assert_array_equal(traced.scores, expected.scores[i])
        for number, item in enumerate(plan.maps):
            own = [e for e in traced.events if e.map == item.name]
            assert sum(e.kind == "compute" for e in own) == computes[i, number]
            assert sum(e.kind == "hit" for e in own) == hits[i, number]


@pytest.mark.parametrize("make", [random_plan, deep_plan])
@pytest.mark.parametrize("seed", range(6))
def test_costs_stay_between_the_static_bounds(make, seed):
    plan, pcm = make(seed)
    cost = interpret.run(plan, pcm).cost
    assert plan.cost_min <= cost.min() and cost.max() <= plan.cost_max
