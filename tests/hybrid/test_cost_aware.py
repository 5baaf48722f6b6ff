"""Forests that pay for what they make a decision compute."""

from dataclasses import replace

import numpy as np
import pytest

from codegen import interpret
from codegen.plan import Plan
from hybrid.candidates import stage_features
from hybrid.config import Config, ForestConfig
from hybrid.cost_aware import Ledger, provisional_exit
from hybrid.errors import HybridError
from hybrid.limits import check_settings
from hybrid.marginal import Market
from hybrid.staging import TreeData, fit_forest
from tests.small_model import small_plan, sounds
from tree_backends.forest import VECTOR, Feature

KINDS = ("pooled", "log_mel")
SETTINGS = ForestConfig(
    features=KINDS, base=False, rounds=(4,), leaves=4, min_leaf=5, feature_fraction=1.0, threads=1, learning_rate=0.3
)


@pytest.fixture(scope="module")
def material():
    """A graph, and windows whose class the loudness of their middle frames tells."""
    graph = small_plan(samples=4000).graph
    rng = np.random.default_rng(0)
    pcm = np.tile(sounds(16000, 4000), (6, 1)).astype(float)
    truth = np.arange(len(pcm)) % 3
    pcm = (pcm / np.abs(pcm).max(axis=1, keepdims=True) * np.array([300, 3000, 30000])[truth][:, None]).astype(np.int16)
    pcm = pcm + rng.integers(-20, 20, pcm.shape).astype(np.int16)
    names = [m.name for m in graph if m.op.family != "source"]
    return graph, TreeData(interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), names), np.eye(3)[truth])


OFFERED = [
    [Feature("log_mel", (t, b, 0)) for t in range(0, 11, 2) for b in range(0, 20, 4)]
    + [Feature("mean", (0, 0, c)) for c in range(12)],
    [Feature("max", (0, 0, c)) for c in range(12)],
]


def mean_cost(material, settings):
    graph, data = material
    forest = fit_forest(graph, data, ("mean",), settings, 1.0, 0, offered=[OFFERED[0] + OFFERED[1]])
    found = interpret.decide_on(Plan("m", ("a", "b", "c"), graph, forest), data.maps)
    return found.tiles_cost().mean(), (found.label == data.target.argmax(axis=1)).mean(), forest


@pytest.mark.parametrize("trees", ["class", "vector"])
def test_a_cost_weight_buys_the_same_answers_for_less(material, trees):
    settings = replace(SETTINGS, trees=trees)
    free, right, forest = mean_cost(material, settings)
    paid, still, _ = mean_cost(material, replace(settings, cost_weight=30.0))
    assert (forest.tree_class == VECTOR).all() == (trees == "vector")
    assert paid < 0.7 * free
    assert still >= right - 0.02 and right > 0.9


def test_without_a_cost_weight_class_trees_are_what_they_were(material):
    graph, data = material
    one = fit_forest(graph, data, ("mean", "max"), SETTINGS, 1.0, 0, offered=OFFERED)
    other = fit_forest(graph, data, ("mean", "max"), SETTINGS, 1.0, 0, offered=OFFERED, accounts=None)
    assert one.features == other.features and (one.leaf_scores == other.leaf_scores).all()


def ledger(material, weight=1.0):
    graph, data = material
    return Ledger(Market(graph, OFFERED, [None, None], 3), len(data.target), weight)


def test_rows_pay_once(material):
    book = ledger(material)
    rows = np.arange(10)
    first = book.price(rows)
    book.buy(rows, 0)
    again = book.price(rows)
    assert again[0] == pytest.approx(1e-6 * 10 * book.market.visit)
    frame = [i for i, f in enumerate(book.market.features) if f.map == "log_mel" and f.index[0] == 0]
    assert (again[frame] == again[0]).all(), "the bands of a frame are one tile"
    assert (book.price(rows + 20) == first).all(), "other rows have not paid"


def test_rows_that_left_pay_nothing_and_count_for_nothing(material):
    book = ledger(material)
    everyone = np.arange(len(book.active))
    full = book.penalties()
    gone = everyone < len(everyone) // 2
    book.leave(gone)
    assert (book.price(everyone[gone]) == 0).all()
    assert book.penalties() == pytest.approx(full * (~gone).mean())


def test_a_log_of_reads_buys_what_single_reads_buy(material):
    one, other = ledger(material), ledger(material)
    reads = np.zeros((len(one.active), len(one.market.features)), dtype=np.int8)
    reads[:5, 3] = reads[3:9, 40] = 1
    one.note(reads)
    other.buy(np.arange(5), 3)
    other.buy(np.arange(3, 9), 40)
    assert (one.had == other.had).all() and one.had.any()


def test_provisional_exits_keep_to_the_loss():
    rng = np.random.default_rng(0)
    target = np.eye(4)[rng.integers(0, 4, 2000)]
    scores = 2 * target + rng.normal(0, 1, target.shape)
    for loss in (0.0, 0.01, 0.1):
        gone = provisional_exit(scores, target, loss)
        wrong = scores.argmax(axis=1) != target.argmax(axis=1)
        assert (gone & wrong).sum() <= loss * len(target)
        assert gone.any()
    assert provisional_exit(target, target, 0.0).all()


@pytest.mark.parametrize("stages", [(4,), (3, 2), (2, 2), (0,), (-1,)])
def test_stages_that_the_trunk_has_no_head_for_are_refused(stages):
    config = Config()
    with pytest.raises(HybridError, match=r"forest\.stages"):
        check_settings(replace(config, forest=replace(config.forest, stages=stages)))


def test_a_stage_before_the_trunk_needs_features_for_it():
    config = Config()
    early = replace(config, forest=replace(config.forest, stages=(0, 2)))
    with pytest.raises(HybridError, match="features needs one of frame, log_mel"):
        check_settings(early)
    check_settings(replace(early, forest=replace(early.forest, features=("logits", "frame"))))


def test_a_stage_before_the_trunk_takes_what_needs_none():
    graph = small_plan(samples=4000).graph
    early, late = stage_features(graph, KINDS, [None, "mean"])
    assert {f.map for f in early} == {"log_mel"}
    assert "mean" in {f.map for f in late}
    together = stage_features(graph, KINDS, ["mean"])[0]
    assert sorted(early + late) == sorted(together)


def test_scores_before_the_first_base_are_weak(material):
    graph, data = material
    settings = replace(SETTINGS, base=True, rounds=(4, 0))
    offered = [OFFERED[0], []]
    three = TreeData(data.maps | {"base": np.zeros((len(data.target), 1, 1, 3), dtype=np.int16)}, data.target)
    forest = fit_forest(graph, three, (None, "base"), settings, 1.0, 0, offered=offered)
    alone = fit_forest(graph, data, ("mean",), replace(settings, base=False), 1.0, 0, offered=offered[:1])
    assert forest.stages[0].base is None and forest.stages[1].base == "base"
    np.testing.assert_allclose(16 * forest.leaf_scores, alone.leaf_scores, atol=0.2 * np.abs(alone.leaf_scores).max())
