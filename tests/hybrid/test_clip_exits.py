"""Clips of several windows: they leave when their sum is clear, and harm no more clips than allowed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hybrid.clip_exits import Clips, fit_clip_exits
from hybrid.model_file import load
from hybrid.smoothing import ClipSum
from hybrid.windows import asked, summed
from tree_backends.forest import NEVER

UNIT = 1 / 1024
COST = np.array([1.0, 2.0, 8.0])
CLIPS, WINDOWS, CLASSES = 60, 4, 3


def drawn(seed, lengths=(WINDOWS,)):
    """Clips whose windows agree with their class the more, the later the stage."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, CLIPS)
    clip = np.repeat(np.arange(CLIPS), np.resize(lengths, CLIPS))
    signal = np.eye(CLASSES)[truth[clip]] * rng.uniform(0, 3000, CLIPS)[clip, None]
    steps = [signal * (s + 1) + rng.normal(0, 2000, signal.shape) for s in range(len(COST))]
    return Clips(np.stack(steps).astype(np.int64), clip, truth, COST, UNIT)


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(np.int64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.integers(-900, 900)),
    st.lists(st.integers(0, 3), min_size=20, max_size=20),
    st.one_of(st.integers(0, 1500), st.just(NEVER)),
)
def test_windows_are_asked_for_until_the_sum_is_clear(scores, steps, margin):
    """As a device would do it, window by window."""
    clip = np.unique(np.cumsum(np.minimum(steps, 1))[: len(scores)], return_inverse=True)[1]
    among = asked(scores, clip, margin)
    for number in range(clip.max() + 1):
        sums, own, clear = ClipSum(min(margin, 2**31 - 1)), np.flatnonzero(clip == number), False
        for at in own:
            assert among[at] == (not clear)
            if not clear:
                label, clear = sums.add(scores[at])
        assert summed(scores, clip, among)[number].argmax() == label
    if margin == NEVER:
        assert among.all()


def left(found, needed):
    """(cost, clips harmed) by a margin, decision by decision."""
    harmed, spent = 0, 0.0
    for number in range(int(found.clip.max()) + 1):
        sums, own = ClipSum(needed), found.scores[:, found.clip == number]
        for window in own.transpose(1, 0, 2):
            ranked = np.sort(window, axis=1)
            leads = ranked[:, -1] - ranked[:, -2]
            stage = next(s for s, lead in enumerate(leads) if s + 1 == len(COST) or lead >= needed)
            spent += COST[stage]
            label, clear = sums.add(window[stage])
            if clear:
                break
        whole = own[-1].sum(axis=0).argmax()
        harmed += bool(whole != label and (found.truth is None or whole == found.truth[number]))
    return spent, harmed


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_a_margin_for_no_harm_harms_no_clip_and_no_lower_one_would_do(seed, judged):
    found = drawn(seed, (4, 2, 3))
    found = found if judged else Clips(found.scores, found.clip, None, found.cost, UNIT)
    chosen = fit_clip_exits(found, 0.0)
    spent, harmed = left(found, chosen.clip)
    assert harmed == 0 and spent / len(found.clip) == pytest.approx(chosen.cost)
    if chosen.clip < NEVER:
        assert left(found, chosen.clip - 512)[1] > 0 or chosen.clip == 512
    assert chosen.margins == [[chosen.clip] * CLASSES] * 2 + [[0] * CLASSES]


def test_more_harm_allowed_buys_less_cost():
    found = drawn(3)
    chosen = [fit_clip_exits(found, budget) for budget in (0.01, 0.03, 0.1)]
    assert [c.clip for c in chosen] == sorted((c.clip for c in chosen), reverse=True)
    assert chosen[0].cost > chosen[-1].cost and chosen[0].harmed <= chosen[-1].harmed


def test_nothing_leaves_where_every_early_answer_is_wrong_and_sure():
    found = drawn(1)
    late = np.eye(CLASSES, dtype=np.int64)[found.truth[found.clip]]
    turned = np.stack([np.roll(late, 1, axis=1) * 200000, np.roll(late, 1, axis=1) * 200000, late * 100])
    chosen = fit_clip_exits(Clips(turned, found.clip, None, COST, UNIT), 0.0)
    assert chosen.clip == NEVER and chosen.margins == [[NEVER] * CLASSES] * 2 + [[0] * CLASSES]


def test_the_margin_varies_less_than_where_single_clips_are_counted():
    """Clips of two windows; the first misleads a third of them by a lead that falls off exponentially."""
    fitted, counted = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        lead = np.where(rng.random(CLIPS) < 1 / 3, rng.exponential(2048, CLIPS), -9000).astype(np.int64)
        second = np.full(CLIPS, -99999)
        windows = np.stack([np.stack([lead, second], axis=1).ravel(), np.zeros(2 * CLIPS, np.int64)], axis=1)
        found = Clips(windows[None].repeat(2, axis=0), np.repeat(np.arange(CLIPS), 2), None, COST[:2], UNIT)
        fitted.append(fit_clip_exits(found, 0.02).clip)
        counted.append(next(m for m in range(0, 40000, 64) if found.leave(m)[1] <= 0.02))
    true = 2048 * np.log(1 / 3 / 0.02)
    assert np.mean(fitted) == pytest.approx(true, rel=0.15)
    assert np.std(fitted) < np.std(counted)


@pytest.fixture(scope="module")
def fitted(recordings, tiny, tmp_path_factory, succeeds):
    """A model of windows half as long as the clips; and what fit said."""
    out = tmp_path_factory.mktemp("several") / "model"
    chosen = ("--set", "audio.window_s=0.2", "--set", "audio.hop_s=0.1", "--set", "forest.exit_loss=0.2")
    told = succeeds("fit", recordings, "--out", out, "--config", tiny, *chosen, "--name", "kws", "--quiet", "--json")
    return out, json.loads(told.stdout)


def test_a_fit_chooses_a_margin_of_clips_and_tells_what_they_cost(fitted):
    folder, report = fitted
    forest = load(folder).plan.forest
    assert report["exits"]["clip_margin"] == forest.clip_margin < NEVER
    clips = report["clips"]
    assert clips["windows"] == 4 and 1 <= clips["decided"] < 4
    assert clips["mean"] <= clips["p95"] and clips["mean"] < 4 * report["cost"]["eager"]
    assert f"#define KWS_CLIP_MARGIN {forest.clip_margin}\n" in (folder / "kws.h").read_text("utf-8")
    assert "CLIP_MARGIN" not in (folder / "dense" / "kws.h").read_text("utf-8")
    assert "windows decided; a clip takes" in (folder / "report.html").read_text("utf-8")


def test_evaluate_and_predict_leave_out_the_windows_that_are_not_needed(fitted, recordings, succeeds):
    folder, report = fitted
    told = json.loads(succeeds("evaluate", folder, recordings, "--split", "test", "--json", "--quiet").stdout)
    assert told["accuracy"]["all"] == report["accuracy"]["test"]
    assert told["clips"] == report["clips"]
    files = sorted((recordings / "low").glob("*.wav"))
    for engine in ("c", "interpreter"):
        rows = json.loads(succeeds("predict", folder, *files, "--json", "--engine", engine).stdout)["predictions"]
        assert {row["windows_there"] for row in rows} == {4} and {row["windows"] for row in rows} <= {1, 2, 3, 4}
        assert min(row["windows"] for row in rows) < 4
    assert " of 4 windows, " in succeeds("predict", folder, *files).stdout
