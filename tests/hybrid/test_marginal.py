"""Prices of features given what a decision has computed."""

import numpy as np
import pytest

from codegen import interpret
from hybrid.marginal import Market
from tests.small_model import small_plan, sounds
from tree_backends.forest import Feature, ForestError


@pytest.fixture(scope="module")
def plan():
    return small_plan(samples=8000)


@pytest.fixture(scope="module")
def market(plan):
    return Market(plan.graph, [list(plan.forest.features)], [None], 3)


def nothing(market):
    return np.zeros(len(market.price), dtype=bool)


def test_alone_a_feature_costs_all_tiles_that_it_closes_over(plan, market):
    alone = market.marginal(nothing(market))
    for number, feature in enumerate(market.features):
        at = market.plan.forest.features.index(feature)
        assert alone[number] == pytest.approx(market.plan.tiles_cost(market.plan.tiles_of([at], 0)))


def test_what_was_bought_is_free_and_its_tiles_are_shared(market):
    alone = market.marginal(nothing(market))
    dear = int(alone.argmax())
    left = market.marginal(market.closure[dear])
    assert left[dear] == 0
    assert (left <= alone).all()
    cheaper = (market.closure & market.closure[dear]).any(axis=1)
    assert cheaper.sum() > 1
    assert (left[cheaper] < alone[cheaper]).all() and (left[~cheaper] == alone[~cheaper]).all()


def test_shares_of_decisions_give_the_mean_of_their_prices(market):
    had = np.random.default_rng(0).random((50, len(market.price))) < 0.3
    np.testing.assert_allclose(market.marginal(had.mean(axis=0)), market.marginal(had).mean(axis=0), rtol=1e-4)


def test_tiles_of_an_access_log_are_those_that_decisions_computed(plan, market):
    found = interpret.run(plan, sounds(16000, 8000))
    order = [plan.forest.features.index(f) for f in market.features]
    bought = market.bought(found.reads[:, order])
    np.testing.assert_allclose(market.spent(bought), found.tiles_cost(), rtol=1e-6)


def test_what_a_stage_computes_whole_is_free_in_it(plan):
    offered = [[Feature(name, (0, 0, c)) for name in ("mean", "max") for c in range(12)]]
    based, alone = (Market(plan.graph, offered, [base], 12) for base in ("mean", None))
    left = based.marginal(based.entered(1))
    assert (left[:12] == 0).all(), "the base holds them"
    assert (left[12:] == based.plan.price("max")).all(), "all but the pooling is there"
    assert not alone.entered(1).any() and (alone.marginal(alone.entered(1)) > left.max()).all()


def test_a_feature_that_the_graph_lacks_is_named(plan):
    with pytest.raises(ForestError, match="not in the graph"):
        Market(plan.graph, [[Feature("nowhere", (0, 0, 0))]], [None], 3)
