"""Decisions inside a budget: C, interpreter and batch agree at any budget, stay below it, and end as without one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import interpret
from codegen.anytime import Anytime
from codegen.artifacts import write_code
from codegen.host import WARNINGS, NativeModel, NativeStream, compile_c
from codegen.plan import Plan
from codegen.stream import Stream
from codegen.streaming import can_stream
from tests.codegen.test_bound import Forced, answers
from tests.codegen.test_parity import compare
from tests.random_plans import deep_plan, random_plan, with_class_margins
from tree_backends.exits import order_by_gain, split_stages

FIELDS = ("label", "stage", "margin", "cost", "scores")


def budgets(plan, stream=None):
    """Below everything, round every step's price and bound, and above everything."""
    how = Anytime(plan, stream)
    found = {0, how.answer, how.most - 1, how.most, how.most + 1, 2**32 - 1}
    for step in how.steps:
        found |= {how.start + step.price, how.start + step.price - 1, step.total, step.total + how.overhead}
    return sorted(found)


def made(make, seed):
    plan, pcm = make(seed)
    plan = with_class_margins(plan, pcm)
    forest = replace(plan.forest, prior=seed % plan.forest.classes)
    return Plan(plan.name, plan.labels, plan.graph, forest), pcm


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", [random_plan, deep_plan])
def test_c_equals_the_interpreters_at_every_budget(make, seed, tmp_path):
    plan, pcm = made(make, seed)
    write_code(plan, tmp_path)
    native, seen = NativeModel(tmp_path, plan.name), set()
    for budget in budgets(plan):
        c, batch = native.run(pcm, budget=budget), interpret.run_within(plan, pcm, budget)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(c, field), getattr(batch, field), f"{field} at {budget}")
        for i in (0, 1, 7):
            one = interpret.trace_within(plan, pcm[i], budget)
            for field in FIELDS:
                np.testing.assert_array_equal(getattr(one, field), getattr(batch, field)[i], f"{field} at {budget}")
            assert one.visits == c.visits[i] and sum(e.kind == "compute" for e in one.events) == c.computes[i].sum()
        assert batch.cost.max() <= max(budget, Anytime(plan).answer)
        seen |= set(batch.stage.tolist())
    assert seen >= {-1, 0, *interpret.run(plan, pcm).stage.tolist()}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", [random_plan, deep_plan])
def test_a_budget_of_the_bound_changes_nothing(make, seed):
    plan, pcm = made(make, seed)
    how, free = Anytime(plan), interpret.run(plan, pcm)
    assert how.most == plan.cost_max + how.overhead
    found = interpret.run_within(plan, pcm, how.most)
    for field in ("label", "stage", "margin", "scores"):
        np.testing.assert_array_equal(getattr(found, field), getattr(free, field))
    np.testing.assert_array_equal(found.cost, free.cost + how.overhead)


def test_too_small_a_budget_gives_the_priors_class():
    plan, pcm = made(deep_plan, 1)
    found = interpret.run_within(plan, pcm, 0)
    assert set(found.label) == {plan.forest.prior} and set(found.stage) == {-1} and not found.margin.any()
    np.testing.assert_array_equal(found.scores, np.tile(plan.forest.bias, (len(pcm), 1)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), make=st.sampled_from([random_plan, deep_plan]), data=st.data())
def test_no_answers_of_features_and_no_budget_spend_more(seed, make, data):
    plan, _ = make(seed)
    how = Anytime(plan)
    values = [data.draw(st.sampled_from(options)) for options in answers(plan.forest)]
    budget = data.draw(st.integers(how.answer, how.most + 1000))
    assert interpret.decide_within(Forced(plan, values), how, budget).cost <= budget


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_a_stream_keeps_its_budget_and_c_equals_the_interpreter(seed, tmp_path):
    plan, pcm = made(deep_plan, seed)
    how = can_stream(plan)
    if how is None:
        pytest.skip("this plan cannot stream")
    write_code(plan, tmp_path)
    native, stream, rng, stages = NativeStream(tmp_path, plan.name), Stream(plan), np.random.default_rng(seed), set()
    sizes = budgets(plan, how)
    for part in np.array_split(pcm.reshape(-1), 90):
        stream.push(part)
        native.push(part)
        budget, before = int(rng.choice(sizes)), stream._cost
        ours, theirs = stream.decide_within(budget), native.decide(budget)
        for field in (*FIELDS, "computes", "hits"):
            np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), f"{field} at {budget}")
        if stream.ready:
            assert ours.cost - before <= max(budget, Anytime(plan, how).answer)
            stages.add(ours.stage)
    assert stages >= {-1, 0}


@pytest.mark.parametrize("seed", [0, 3])
def test_a_stream_with_room_decides_as_without_a_budget(seed):
    plan, pcm = made(deep_plan, seed)
    free, held = Stream(plan), Stream(plan)
    most = Anytime(plan, held.how).most
    for part in np.array_split(pcm.reshape(-1), 60):
        free.push(part)
        held.push(part)
        one, other = free.decide(), held.decide_within(most)
        assert (one.label, one.stage, one.margin, one.scores.tolist()) == (
            other.label, other.stage, other.margin, other.scores.tolist(),
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [random_plan, deep_plan])
@pytest.mark.parametrize("every", [0, 1])
def test_margins_by_class_and_split_stages_are_the_same_in_c(make, seed, every, tmp_path):
    plan, pcm = made(make, seed)
    split = Plan(plan.name, plan.labels, plan.graph, split_stages(order_by_gain(plan.forest), every))
    assert any(stage.class_margins for stage in plan.forest.stages)
    expected = compare(split, pcm, tmp_path)
    whole = interpret.run(plan, pcm)
    np.testing.assert_array_equal(expected.label, whole.label)
    assert (expected.visits <= whole.visits).all()
    native = NativeModel(tmp_path, plan.name)
    for budget in budgets(split)[::3]:
        c, batch = native.run(pcm, budget=budget), interpret.run_within(split, pcm, budget)
        np.testing.assert_array_equal(c.cost, batch.cost)
        np.testing.assert_array_equal(c.scores, batch.scores)


USER = """\
#define DEEP_WITHIN
#define DEEP_IMPLEMENTATION
#include "deep.h"
#ifdef DEEP_STREAM
#define DECIDE(ctx, pcm) deep_decide_within(ctx, 100000u)
#else
#define DECIDE(ctx, pcm) deep_decide_within(ctx, pcm, 100000u)
#endif
deep_context ctx;
int32_t answer(const int16_t *pcm);
int32_t answer(const int16_t *pcm) {
  deep_init(&ctx);
  return pcm == NULL ? -1 : DECIDE(&ctx, pcm).label;
}
"""


@pytest.mark.parametrize("settings_", [[], ["-DDEEP_STREAM"], ["-DHYB_STATS"], ["-DHYB_TRACE", "-DDEEP_STREAM"]])
@pytest.mark.parametrize("language", [["-std=c99"], ["-x", "c++", "-std=c++11"]])
@pytest.mark.parametrize("seed", [3, 5])
def test_the_header_compiles_without_a_warning(settings_, language, seed, tmp_path):
    plan, _ = made(deep_plan, seed)
    write_code(plan, tmp_path)
    (tmp_path / "user.c").write_text(USER)
    flags = [w for w in WARNINGS if language[0] == "-std=c99" or w != "-Wstrict-prototypes"]
    compile_c([tmp_path / "user.c"], tmp_path / "user.o", ["-c", "-O2", *settings_, *language, *flags])
