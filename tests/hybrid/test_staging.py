import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.staging import choose_margins, dense_forest
from tree_backends.evaluate import margin
from tree_backends.forest import NEVER


def drawn(seed, stages=3, n=200, classes=4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    signal = np.eye(classes)[truth] * rng.uniform(0, 3000, (n, 1))
    steps = [signal * (s + 1) + rng.normal(0, 1500, (n, classes)) for s in range(stages)]
    return np.stack(steps).astype(np.int64), truth


def leave(scores, margins):
    gone = np.stack([margin(s) for s in scores]) >= np.array(margins)[:, None]
    return gone.argmax(axis=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.005, 0.02]))
def test_exits_harm_no_more_windows_than_allowed_and_never_cost_more(seed, loss):
    scores, truth = drawn(seed)
    cost = np.array([1.0, 2.0, 4.0])
    chosen = choose_margins(scores, truth, cost, loss)
    stage = leave(scores, chosen)
    early = scores[stage, np.arange(len(truth))].argmax(axis=1) == truth
    full = scores[-1].argmax(axis=1) == truth
    assert (full & ~early).sum() <= loss * len(truth)
    assert cost[stage].mean() <= cost[-1]
    assert chosen[-1] == 0


def test_more_loss_buys_less_cost():
    scores, truth = drawn(3)
    cost = np.array([1.0, 2.0, 4.0])
    spent = [cost[leave(scores, choose_margins(scores, truth, cost, x))].mean() for x in (0.0, 0.01, 0.05)]
    assert spent == sorted(spent, reverse=True) and spent[-1] < spent[0] < 4


def test_a_useless_early_stage_has_no_exit():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 100)
    good = (np.eye(2)[truth] * 100).astype(np.int64)
    assert choose_margins(np.stack([100 - good, good]), truth, np.array([1.0, 2.0]), 0.0) == [NEVER, 0]


def test_a_dense_head_is_a_stage_without_trees():
    forest = dense_forest(3, "head", 2, 1 / 1024)
    assert (forest.trees, forest.stages[0].base, forest.stages[0].base_shift) == (0, "head", 2)
    assert forest.bias.tolist() == [0, 0, 0]
    assert pytest.approx(forest.unit) == 1 / 1024
