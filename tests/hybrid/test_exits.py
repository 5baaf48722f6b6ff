"""Exits: never more windows harmed than allowed, margins by class where they pay, cross-fitting against luck."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.exits import WAYS, choose_exits, cross_fitted, evidence, fit_exits
from tree_backends.forest import NEVER

COST = np.array([1.0, 2.0, 4.0])


def drawn(seed, stages=3, n=200, classes=4):
    """Scores that grow surer by the stage: (stages, n, classes), and the truth (n,)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    signal = np.eye(classes)[truth] * rng.uniform(0, 3000, (n, 1))
    steps = [signal * (s + 1) + rng.normal(0, 1500, (n, classes)) for s in range(stages)]
    return np.stack(steps).astype(np.int64), truth


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 8), st.sampled_from(WAYS), st.booleans())
def test_no_more_windows_are_harmed_than_allowed_and_more_budget_costs_no_more(seed, allowed, way, judged):
    scores, truth = drawn(seed)
    found = evidence(scores, COST, truth if judged else None)
    cost, harmed = found.judge(choose_exits(found, allowed, way))
    assert harmed <= allowed and cost <= COST[-1]
    every = found.judge([[0] * 4] * 3)
    assert choose_exits(found, len(truth), way) is not None
    assert found.judge(choose_exits(found, len(truth), way))[0] == pytest.approx(every[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 1, 4]))
def test_windows_harmed_are_those_that_only_the_last_stage_gets_right(seed, allowed):
    """Counted from the scores themselves, not with the evidence that the margins were chosen on."""
    scores, truth = drawn(seed)
    chosen = choose_exits(evidence(scores, COST, truth), allowed, "shared")
    best, second = np.sort(scores, axis=2)[:, :, :-3:-1].transpose(2, 0, 1)
    stage = (best - second >= np.array(chosen)[:, :1]).argmax(axis=0)
    early = scores[stage, np.arange(len(truth))].argmax(axis=1) == truth
    assert ((scores[-1].argmax(axis=1) == truth) & ~early).sum() <= allowed
    assert COST[stage].mean() <= COST[-1]
    assert chosen[-1] == [0] * 4 and all(len(set(margins)) == 1 for margins in chosen)


def test_more_harm_allowed_buys_less_cost():
    scores, truth = drawn(3)
    found = evidence(scores, COST, truth)
    spent = [found.judge(choose_exits(found, allowed, "shared"))[0] for allowed in (0, 2, 10)]
    assert spent == sorted(spent, reverse=True) and spent[-1] < spent[0] < 4


def test_a_useless_early_stage_has_no_exit():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 100)
    good = (np.eye(2)[truth] * 100).astype(np.int64)
    found = evidence(np.stack([100 - good, good]), np.array([1.0, 2.0]), truth)
    assert choose_exits(found, 0, "shared") == [[NEVER] * 2, [0] * 2]


def test_one_margin_is_the_lowest_that_harms_no_more_than_allowed():
    scores, truth = drawn(4)
    found = evidence(scores, COST, truth)
    for allowed in (0, 3):
        (first, *_), second, last = choose_exits(found, allowed, "one")
        assert second == [first] * 4 and last == [0] * 4
        cost, harmed = found.judge([[first] * 4, second, last])
        assert harmed <= allowed and cost < COST[-1]
        lower = [v for v in np.unique(found.margins[:-1]) if v < first]
        cheaper = [found.judge([[int(v)] * 4] * 2 + [last]) for v in lower]
        assert sum(harm <= allowed for _, harm in cheaper) < len(lower) / 50


def test_harm_without_truth_is_another_label_than_in_the_end():
    scores, truth = drawn(1)
    found, judged = evidence(scores, COST), evidence(scores, COST, truth)
    np.testing.assert_array_equal(found.harm, scores.argmax(axis=2) != scores[-1].argmax(axis=1))
    assert (judged.harm <= found.harm).all() and not judged.harm[-1].any()


def one_class_is_hard(n=3000, seed=0):
    """Class 0 is told early, however small the margin; class 1 is told early never."""
    rng = np.random.default_rng(seed)
    early, late = np.zeros((n, 2), np.int64), np.zeros((n, 2), np.int64)
    leads = rng.integers(0, 2, n)
    early[np.arange(n), leads] = rng.integers(1, 1000, n)
    turned = (leads == 1) & (rng.random(n) < 0.3)
    late[np.arange(n), np.where(turned, 0, leads)] = 500
    return np.stack([early, late])


def test_margins_by_class_let_the_easy_class_go():
    found = evidence(one_class_is_hard(), np.array([1.0, 3.0]))
    shared, each = (fit_exits(found, 0.01, kind) for kind in ("shared", "by class"))
    best = fit_exits(found, 0.01)
    assert best.way == "by class" and best.cost == each.cost < shared.cost - 0.5
    assert best.margins[0][0] < 10 and best.margins[0][1] > 900 and best.harmed <= 0.01
    other = evidence(one_class_is_hard(seed=1), np.array([1.0, 3.0]))
    cost, harmed = other.judge(best.margins)
    assert cost == pytest.approx(best.cost, abs=0.05) and harmed / other.windows < 0.015


def test_cross_fitting_sees_what_was_chosen_by_luck():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 1000, (2, 120, 6))
    same = rng.random(120) < 0.9  # of the others, and of how sure it is, the early stage knows nothing
    scores[1, same] = scores[0, same]
    found = evidence(scores, np.array([1.0, 2.0]))
    lucky = choose_exits(found, 0, "by class")
    assert found.judge(lucky)[1] == 0 and found.judge(lucky)[0] < 2
    _, harmed = cross_fitted(found, 0.0, "by class", 1.0, np.arange(120) % 5)
    assert harmed > 0.005
    assert fit_exits(found, 0.005).way != "by class"


def test_copies_of_a_clip_are_in_one_fold():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 1000, (2, 120, 6))
    same = rng.random(120) < 0.9
    scores[1, same] = scores[0, same]
    copied = evidence(np.tile(scores, (1, 4, 1)), np.array([1.0, 2.0]))
    one = fit_exits(evidence(scores, np.array([1.0, 2.0])), 0.02, way="by class")
    four = fit_exits(copied, 0.02, way="by class", copies=4)
    assert (four.harmed, four.share) == (one.harmed, one.share)
    assert fit_exits(copied, 0.02, way="by class").harmed < one.harmed  # what one copy tells of the others


def test_costs_of_single_windows_decide_where_they_are_given():
    scores, _ = drawn(5)
    each = np.tile(COST[:, None], (1, scores.shape[1]))
    each[:, 7] = [50.0, 50.0, 100.0]
    assert evidence(scores, each).judge([[NEVER] * 4, [NEVER] * 4, [0] * 4])[0] == pytest.approx(4 + 96 / 200)
