"""Accuracy in the field: what is done to windows, and what is said of it."""

import numpy as np
import pytest

from hybrid.robustness import Condition, changed, conditions, measure, some, verdict
from hybrid.windows import Windows

RNG = np.random.default_rng(0)
PCM = np.rint(RNG.standard_normal((40, 4000)) * 10 ** RNG.uniform(1.5, 3.3, (40, 1))).astype(np.int16)
NOISE = [np.rint(RNG.standard_normal(900) * 50 + 400).astype(np.int16), np.zeros(9000, np.int16)]


def db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(power)


def test_gains_scale_and_clip():
    np.testing.assert_array_equal(changed(PCM, Condition("gain", 0.0), []), PCM)
    louder = changed(PCM, Condition("gain", 6.0), [])
    assert np.abs(db(louder.astype(float).var(axis=1) / PCM.astype(float).var(axis=1)) - 6).max() < 0.05
    full = np.full((1, 50), -30000, np.int16)
    assert (changed(full, Condition("gain", 12.0), []) == -32768).all()


@pytest.mark.parametrize("noise", [[], NOISE[:1]])
@pytest.mark.parametrize("ratio", [20.0, 5.0])
def test_noise_has_the_level_asked_for_whatever_its_own(noise, ratio):
    quiet_enough = PCM[(np.abs(PCM.astype(int)).max(axis=1) < 20000)]
    added = changed(quiet_enough, Condition("noise", ratio), noise).astype(float) - quiet_enough
    found = db(quiet_enough.astype(float).var(axis=1) / added.var(axis=1))
    assert np.abs(found - ratio).max() < 0.2
    assert np.abs(added.mean(axis=1)).max() < 1


def test_silent_noise_and_silent_windows_change_nothing():
    condition = Condition("noise", 5.0)
    np.testing.assert_array_equal(changed(PCM, condition, NOISE[1:]), PCM)
    assert not changed(np.zeros((2, 4000), np.int16), condition, []).any()


def test_an_offset_is_a_share_of_full_scale():
    found = changed(PCM, Condition("offset", 0.01), [])
    assert (found.astype(int) - PCM == 328).all()


def test_the_same_windows_give_the_same_figures():
    condition = Condition("noise", 10.0)
    np.testing.assert_array_equal(changed(PCM, condition, NOISE), changed(PCM, condition, NOISE))


def by_level(pcm: np.ndarray) -> dict[str, np.ndarray]:
    """A model that says class 1 of what is loud: it does not hold under gains."""
    loud = np.abs(pcm.astype(int)).mean(axis=1) > 300
    return {"scores": np.stack([~loud, loud], axis=1).astype(np.int64), "cost": np.where(loud, 7, 3)}


def level_windows() -> Windows:
    truth = by_level(PCM)["scores"].argmax(axis=1)
    return Windows(PCM, truth, np.arange(40), truth, tuple(map(str, range(40))))


def test_a_model_that_goes_by_level_breaks_and_one_that_does_not_holds():
    found = measure(level_windows(), by_level, [])
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["as recorded"]["accuracy"] == 1 and rows["gain -20 dB"]["accuracy"] < 0.9
    assert rows["gain +12 dB"]["mean_cost"] > rows["gain -20 dB"]["mean_cost"]
    assert not found["gains"]["within"] and "-20 dB" in found["gains"]["told"] and "+0 dB" not in found["gains"]["told"]
    assert [row["name"] for row in found["rows"]] == [c.name for c in conditions()]

    truth = level_windows().truth
    steady = measure(level_windows(), lambda pcm: {"scores": np.eye(2)[truth[: len(pcm)]], "cost": truth}, NOISE[:1])
    assert steady["gains"] == {"within": True, "worst": 0.0, "told": "within 1 pp over the gains -20 to +12 dB"}
    assert steady["noise"].startswith("background noise")


def test_a_whole_point_is_within():
    rows = [{"kind": "gain", "value": g, "accuracy": 0.9 - 0.01 * (g == -6)} for g in (-20, -12, -6, 0, 6, 12)]
    assert verdict(rows)["within"]


def test_some_clips_keep_their_windows_together():
    clip = np.repeat(np.arange(20), 2)
    all_of_them = Windows(PCM, clip % 3, clip, np.arange(20) % 3, tuple(map(str, range(40))))
    found = some(all_of_them, 5)
    assert len(found.clip_truth) == 5 and len(found.pcm) == 10 and found.clip.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    np.testing.assert_array_equal(found.clip_truth[found.clip], found.truth)
    assert len(some(all_of_them, 99).pcm) == 40


def test_cost_is_of_a_clip_and_windows_that_are_not_decided_cost_nothing():
    clip = np.repeat(np.arange(20), 2)
    cut = Windows(PCM, clip % 2, clip, np.arange(20) % 2, tuple(map(str, range(40))))

    def decide(pcm):
        return {"scores": np.tile([9, 0], (len(pcm), 1)), "cost": np.full(len(pcm), 10)}

    assert {row["mean_cost"] for row in measure(cut, decide, [])["rows"]} == {20}
    assert {row["mean_cost"] for row in measure(cut, decide, [], clip_margin=9)["rows"]} == {10}
