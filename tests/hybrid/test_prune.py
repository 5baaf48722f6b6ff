"""Leaving out mel bands: which candidates there are, what the budget holds, and the whole search on a tiny model."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from hybrid.config import Config, FrontEndConfig, load_config
from hybrid.errors import HybridError
from hybrid.limits import check_settings
from hybrid.prune import Candidate, Figures, candidates, shortened

WORTH = [{"band": band, "loss_rise": 0.1 + (band * 7 % 32)} for band in range(32)]
PRICES = [{"total": 100.0} for _ in range(32)]


def found(config=None, worth=WORTH, prices=PRICES, **more):
    return candidates(config or load_config("digits"), worth, prices, **more)


def test_candidates_leave_out_the_top_the_bottom_what_is_worth_least_and_take_wider_bands():
    made = {(c.kind, c.bands, c.keep) for c in found()}
    least = {band * 7 % 32: band for band in range(32)}
    between = tuple(sorted(least[rank] for rank in range(8, 32)))
    assert ("top", 32, tuple(range(28))) in made and ("top", 32, tuple(range(20))) in made
    assert ("bottom", 32, tuple(range(8, 32))) in made
    assert ("between", 32, between) in made
    assert {("coarser", 24, ()), ("coarser", 16, ()), ("coarser", 12, ())} <= made
    assert len(made) == len(found()) == 10


def test_what_a_band_is_worth_counts_for_its_price():
    dear = [{"total": 1e9 if band in (3, 30) else 100.0} for band in range(32)]
    half = next(c for c in found(prices=dear) if c.kind == "between")
    assert not {3, 30} & set(half.keep)


def test_bands_that_faded_are_offered_where_training_had_a_penalty():
    config = load_config("digits", overrides={"training": {"band_l1": 0.1}})
    strengths = [0.05 if band in (1, 5, 6) else 0.8 for band in range(32)]
    assert not [c for c in found(strengths=strengths) if c.kind == "faded"]
    faded = next(c for c in found(config, strengths=strengths) if c.kind == "faded")
    assert set(range(32)) - set(faded.keep) == {1, 5, 6}


def test_a_model_that_leaves_out_bands_already_can_leave_out_more():
    config = load_config("digits", overrides={"front_end": {"keep_bands": list(range(4, 20))}})
    made = found(config, [row for row in WORTH if 4 <= row["band"] < 20], PRICES[:16])
    assert {c.kind for c in made} == {"top", "bottom", "between"}
    assert all(set(c.keep) < set(range(4, 20)) and c.bands == 32 for c in made)
    for candidate in made:
        check_settings(candidate.of(config))


def test_no_candidate_has_settings_that_give_no_model():
    config = load_config("digits", overrides={"front_end": {"bands": 8}, "forest": {"log_mel_regions": [4, 7]}})
    made = found(config, WORTH[:8], PRICES[:8])
    assert made and all(c.of(config).front_end.heard_bands >= 7 for c in made)


def test_the_budget_holds_accuracy_and_log_loss():
    before = Figures(0.95, 0.20, 1e6, 2e6, 3_000_000)
    assert Figures(0.945, 0.22, 1e6, 2e6, 3_000_000).keeps(before, 0.005)
    assert not Figures(0.944, 0.20, 1e6, 2e6, 3_000_000).keeps(before, 0.005)
    assert not Figures(0.95, 0.221, 1e6, 2e6, 3_000_000).keeps(before, 0.005)
    assert Figures(0.97, 0.10, 1e6, 2e6, 3_000_000).keeps(before, 0.0)


def test_a_short_training_is_a_quarter_of_the_long_one_on_the_same_pool():
    full = load_config("digits")
    brief = shortened(full)
    assert (brief.training.epochs, brief.training.quant_epochs, brief.training.min_steps) == (20, 5, 375)
    assert brief.training.copies == full.training.copies and brief.forest.copies == 2
    assert dataclasses.replace(brief, training=full.training, forest=full.forest) == full


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"front_end": {"keep_bands": [4, 2]}}, "rise and not repeat"),
        ({"front_end": {"keep_bands": [4, 32]}}, "integer in 0..31"),
        ({"front_end": {"keep_bands": [128]}}, "front_end.keep_bands is 128"),
        ({"front_end": {"keep_bands": [1, 2]}}, "do not fit"),
        ({"training": {"band_l1": -1.0}}, "training.band_l1"),
        ({"training": {"band_l1": 0.1}, "trunk": {"depthwise_relu": True}}, "batch norm undoes"),
    ],
)
def test_wrong_bands_are_refused_in_one_line(changes, message):
    with pytest.raises(HybridError, match=message) as caught:
        check_settings(load_config("digits", overrides=changes))
    assert "\n" not in str(caught.value)


def test_gains_of_bands_are_refused_for_a_2d_trunk():
    trunk = {"family": "dscnn", "first": "conv", "band_kernels": [3, 3, 3, 3], "band_strides": [2, 2, 1, 1]}
    config = load_config("digits", overrides={"trunk": trunk})
    check_settings(config)
    with pytest.raises(HybridError, match=r"cannot be used with trunk\.family 'dscnn'"):
        check_settings(dataclasses.replace(config, training=dataclasses.replace(config.training, band_l1=0.1)))


def test_a_candidate_changes_nothing_but_the_bands():
    config = Config(front_end=FrontEndConfig(bands=20))
    changed = Candidate("top", "", 20, (0, 1, 2, 3)).of(config)
    assert changed.front_end.heard_bands == 4
    assert dataclasses.replace(changed, front_end=config.front_end) == config


@pytest.fixture(scope="module")
def pruned(tmp_path_factory, hybrid, recordings, tiny):
    """A fit that leaves out bands: one candidate of each kind, and such a budget that whatever is cheaper is inside."""
    out = tmp_path_factory.mktemp("pruned") / "model"
    with pytest.MonkeyPatch.context() as patch:
        for kind, share in (("TOP", 1 / 4), ("BOTTOM", 1 / 4), ("BETWEEN", 1 / 2), ("COARSER", 1 / 2)):
            patch.setattr(f"hybrid.prune.{kind}", (share,))
        patch.setattr("hybrid.importance.REPEATS", 1)
        done = hybrid("fit", recordings, "--config", tiny, "--out", out, "--prune-bands", "--prune-loss", "100")
    assert done.exit_code == 0, done.stderr
    return out, done, json.loads((out / "report.json").read_text("utf-8"))


def test_the_cheapest_candidate_inside_is_refitted_saved_and_told(pruned):
    from hybrid.evaluate import load_model

    out, done, report = pruned
    found = report["pruning"]
    model, config = load_model(out)
    kept = config.front_end
    assert found["chosen"] and kept.heard_bands < 16 and found["chosen"] in done.stdout
    assert (found["after"]["bands"], found["before"]["bands"]) == (kept.heard_bands, 16)
    assert found["after"]["keep_bands"] == list(kept.keep_bands)
    assert next(m for m in model.plan.graph if m.op.name == "log_mel").value.shape[1] == kept.heard_bands
    full = [row for row in found["tried"] if row["training"] == "full"]
    assert full[-1]["inside"] and full[-1]["what"] == found["chosen"]
    assert found["after"]["validation"]["mean_cost"] < found["before"]["validation"]["mean_cost"]
    assert report["accuracy"]["test"]["accuracy"] == pytest.approx(found["after"]["test"]["accuracy"])
    assert report["cost"]["mean"] == pytest.approx(found["after"]["test"]["mean_cost"])
    assert report["parity"]["different"] == 0
    short = [row for row in found["tried"] if row["training"] == "short"]
    assert short[0]["kind"] == "all" and short[0]["inside"] is None and len(short) == 5


def test_importance_and_prices_stand_in_the_report(pruned):
    _, _, report = pruned
    worth, prices = report["importance"], report["band_prices"]
    assert [row["band"] for row in worth["bands"]] == list(range(16)) and len(prices["bands"]) == 16
    assert all(0 <= row["looked"] <= 1 for row in worth["bands"] + worth["times"])
    total = sum(row["total"] for row in prices["bands"])
    front = sum(row["taps"] + row["log2"] for row in prices["bands"])
    assert 0 < total < prices["eager"] and prices["spectrum"] + front == pytest.approx(prices["log_mel"])


def test_pages_show_what_bands_are_worth_and_what_was_left_out(pruned):
    out, _, report = pruned
    page = (out / "report.html").read_text("utf-8")
    assert "What bands are worth" in page and report["pruning"]["chosen"] in page and "before" in page


def test_nothing_is_left_out_where_no_candidate_keeps_the_budget(recordings, tiny, tmp_path, monkeypatch, succeeds):
    """Every refit of fewer bands is made to look worse than it is."""
    from hybrid import prune

    monkeypatch.setattr(prune.Figures, "keeps", lambda self, before, budget: False)
    monkeypatch.setattr("hybrid.importance.REPEATS", 1)
    monkeypatch.setattr(prune, "candidates", lambda *_: [Candidate("top", "half", 16, tuple(range(8)))])
    done = succeeds("fit", recordings, "--config", tiny, "--out", tmp_path / "model", "--prune-bands", "--json")
    report = json.loads(done.stdout)
    assert report["pruning"]["chosen"] is None and report["config"]["front_end"]["keep_bands"] == []
    assert report["pruning"]["before"] == report["pruning"]["after"]
    assert "none is worth leaving out" in done.stderr


def test_pruning_inside_limits_is_refused(recordings, tiny, tmp_path, hybrid):
    done = hybrid("fit", recordings, "--config", tiny, "--out", tmp_path / "m", "--prune-bands", "--max-flash", "60k")
    assert done.exit_code == 2
    assert "--prune-bands and --max-flash/--max-ram/--max-cost/--board cannot be combined" in done.stderr


def test_bands_left_out_by_hand_give_a_model_whose_c_agrees(recordings, tiny, tmp_path, succeeds):
    """Runs of bands, wanted in the settings, through fit, C, parity and stats."""
    keep = "front_end.keep_bands=[0,1,2,6,7,9,12,15]"
    out = tmp_path / "model"
    fit = json.loads(succeeds("fit", recordings, "--config", tiny, "--out", out, "--set", keep, "--json").stdout)
    assert fit["parity"]["different"] == 0 and "hyb_log_mel_runs" in (out / "model.h").read_text()
    told = json.loads(succeeds("stats", out, recordings, "--importance", "--json", "--out", tmp_path / "s").stdout)
    assert [row["band"] for row in told["importance"]["bands"]] == [0, 1, 2, 6, 7, 9, 12, 15]
    assert np.array(told["importance"]["regions"]["loss_rise"]).shape == (8, 8)
    assert "What bands are worth" in (tmp_path / "s" / "stats.html").read_text("utf-8")
