"""Scenes, detections and their costs: the parts of benchmarks/stream.py, and all of it on a small model."""

import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from benchmarks import stream
from benchmarks.listening import detect, scene
from benchmarks.listening.cost import first_sample
from benchmarks.listening.detect import Decisions, Point, Smoothed
from benchmarks.listening.scene import Scene, Word
from codegen.plan import Plan
from codegen.stream import Stream
from hybrid.errors import DataError
from hybrid.model_file import Model, save
from tests.random_plans import deep_plan
from tests.small_model import small_plan, sounds

RATE = 16000
LABELS = ("go", "stop", "_unknown_")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder laid out as Speech Commands is: two keywords and another word in every split, two files of noise."""
    root, rng = tmp_path_factory.mktemp("recordings"), np.random.default_rng(0)
    lists = {"validation": [], "testing": []}
    for word in ("go", "stop", "tree"):
        (root / word).mkdir()
        for number, pcm in enumerate(sounds(RATE, RATE, 9)):
            name = f"{word}/{number:08x}_nohash_0.wav"
            soundfile.write(root / name, pcm[: int(rng.integers(9000, RATE))], RATE)
            if number % 3:
                lists["validation" if number % 3 == 1 else "testing"].append(name)
    for split, names in lists.items():
        (root / f"{split}_list.txt").write_text("".join(f"{name}\n" for name in names))
    (root / "_background_noise_").mkdir()
    for name in ("tap", "wind"):
        noise = (rng.normal(size=30 * RATE) * 200).astype(np.int16)
        soundfile.write(root / "_background_noise_" / f"{name}.wav", noise, RATE)
    return root


def made(root, **changes):
    options = {"split": "test", "rate": RATE, "seconds": 60.0, "share": 0.1, "levels": (-50.0, -40.0), "seed": 3}
    return scene.make_scene(root, LABELS, **(options | changes))


def test_a_scene_follows_from_its_seed(recordings):
    one, same, other = made(recordings), made(recordings), made(recordings, seed=4)
    np.testing.assert_array_equal(one.pcm, same.pcm)
    assert one.words == same.words and one.words != other.words


def test_a_scene_has_words_in_the_share_of_its_time_apart_from_each_other(recordings):
    found = made(recordings)
    spoken = sum(w.stop - w.start for w in found.words)
    assert len(found.pcm) == 60 * RATE and 0.1 * 60 * RATE <= spoken < 0.1 * 60 * RATE + RATE
    assert {w.label for w in found.words} == {0, 1}
    edges = [0, *(e for w in found.words for e in (w.start, w.stop)), len(found.pcm)]
    assert all(b - a >= RATE for a, b in pairwise(edges[::1]) if (a, b) not in {(w.start, w.stop) for w in found.words})


def test_noise_is_there_all_the_time_at_the_levels_asked_for(recordings):
    found, silent = made(recordings), np.ones(60 * RATE, bool)
    for word in found.words:
        silent[word.start : word.stop] = False
    power = np.square(found.pcm.astype(float) * silent).reshape(-1, RATE // 10).sum(axis=1)
    count = silent.reshape(-1, RATE // 10).sum(axis=1)
    level = 10 * np.log10(power[count > 800] / count[count > 800] / 32768**2)
    assert level.min() > -53.5 and level.max() < -38
    assert np.ptp(level) > 3


def test_words_stand_above_the_noise_by_what_is_told(recordings):
    quiet, loud = made(recordings, levels=(-70.0, -70.0)), made(recordings, levels=(-40.0, -40.0))
    for a, b in zip(quiet.words, loud.words, strict=True):
        assert a.snr - b.snr == pytest.approx(30, abs=0.5)


def test_words_can_be_made_as_loud_as_the_noise_under_them_asks(recordings):
    assert {w.snr for w in made(recordings, snr=7.0).words} == {7.0}
    quiet, loud = (made(recordings, snr=snr) for snr in (0.0, 20.0))
    assert quiet.words[0].start == loud.words[0].start
    part = slice(quiet.words[0].start, quiet.words[0].stop)
    powers = [np.mean(np.square(s.pcm[part], dtype=float)) for s in (quiet, loud)]
    assert powers[1] > 20 * powers[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"share": 0.9}, "choose a lower share"), ({"split": "nothing"}, "no split")],
)
def test_a_scene_that_cannot_be_made_says_why(recordings, change, message):
    with pytest.raises(DataError, match=message):
        made(recordings, **change)


def test_a_keyword_without_clips_is_named(recordings):
    with pytest.raises(DataError, match="no clips of maybe"):
        scene.make_scene(recordings, (*LABELS, "maybe"), "test", RATE, 30.0, 0.1, (-50.0, -40.0), 0)


def heard(*reports):
    """Decisions every 0.1 s for ten seconds, of which some report (time, word, how sure)."""
    time = np.arange(1, 101) / 10
    word, sure = np.full(100, -1), np.zeros(100)
    for at, label, strength in reports:
        i = round(at * 10) - 1
        word[i], sure[i] = label, strength
    return Smoothed(word, sure, time)


TEN = Scene(np.zeros(10 * RATE, np.int16), RATE, (Word(0, 2 * RATE, 3 * RATE, 9), Word(1, 6 * RATE, 7 * RATE, 9)), 0)


def test_after_a_report_nothing_is_reported_for_a_while():
    found = detect.reports(heard((2.0, 0, 5), (2.1, 1, 9), (2.9, 0, 5), (3.0, 1, 5)), 1.0)
    assert found == [(2.0, 0), (3.0, 1)]


def test_reports_are_as_sure_as_the_threshold():
    assert detect.reports(heard((2.0, 0, 5), (4.0, 1, 4.9), (6.0, 1, 5.1)), 5.0) == [(2.0, 0), (6.0, 1)]


@pytest.mark.parametrize(
    ("reports", "missed", "false"),
    [
        ([], 2, 0),
        ([(2.0, 0), (7.5, 1)], 0, 0),
        ([(3.6, 0)], 2, 1),  # late
        ([(1.9, 0)], 2, 1),  # early
        ([(2.5, 1)], 2, 1),  # another word
        ([(2.1, 0), (3.4, 0)], 1, 1),  # twice
    ],
)
def test_a_report_counts_while_its_word_is_on_and_half_a_second_longer(reports, missed, false):
    found = detect.judge(TEN, reports, 0.0)
    assert (found.missed, found.false) == (missed, false)
    assert found.misses == missed / 2 and found.alarms == pytest.approx(false * 360)


def test_a_curve_goes_from_every_report_to_hardly_any():
    points = detect.curve(TEN, heard((2.5, 0, 3), (4.5, 1, 2), (6.5, 1, 5), (8.5, 0, 1)))
    assert [(p.threshold, p.missed, p.false) for p in points] == [(1, 0, 2), (2, 0, 1), (3, 0, 0), (5, 1, 0)]


def test_the_chosen_threshold_misses_least_within_the_allowed_alarms():
    points = [Point(t, m, f, 10, 0.5) for t, m, f in ((0, 0, 9), (1, 1, 2), (2, 1, 1), (3, 4, 0))]
    assert [detect.choose(points, a) for a in (100, 4, 2, 0)] == [0, 2, 2, 3]
    assert detect.choose(points[:1], 0) == 0
    assert [detect.misses_at(points, a) for a in (100, 4, 2, 0)] == [0, 0.1, 0.1, 0.4]
    assert detect.misses_at(points[:1], 0) is None


@pytest.mark.parametrize(("kind", "size", "sure"), [("mean", 2, 0.75), ("exponential", 1, 0.75), ("majority", 2, 0.5)])
def test_smoothing_says_what_leads_and_by_how_much(kind, size, sure):
    scores = np.array([[0, 0, 0], [200, 300, 100], [600, 200, 100], [0, 0, 900]])
    decisions = Decisions(np.array([-1, 1, 0, 2]), scores, np.arange(4.0))
    found = detect.smooth(decisions, kind, size, [0, 1], 1 / 200)
    assert found.word[:3].tolist() == [-1, 1, 0]
    assert found.sure[2] == sure
    assert found.word[3] == -1 and found.sure[3] == 0


def test_windows_begin_where_the_stream_says():
    plan, pcm = deep_plan(0)
    stream, pcm = Stream(plan), pcm.reshape(-1)[:4000]
    for at in range(0, len(pcm), 130):
        stream.push(pcm[at : at + 130])
        if stream.ready:
            assert stream.decide().start == first_sample(stream.how, min(at + 130, len(pcm)))


def test_the_benchmark_counts_and_judges_a_small_model(recordings, tmp_path, monkeypatch, capsys):
    small = small_plan()
    plan = Plan(small.name, LABELS, small.graph, small.forest)
    for folder in (tmp_path / "model", tmp_path / "model" / "dense"):
        folder.mkdir()
        save(Model(plan, {}), folder)
    given = [str(tmp_path / "model"), str(recordings), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["stream.py", *given, "--minutes", "0.2", "--sample", "3"])
    assert stream.main() == 0
    found = json.loads((tmp_path / "out" / "stream.json").read_text())
    ours, kept, centred, eager, dense, frames, streamed = (found["costs"][k] for k in found["costs"])
    assert capsys.readouterr().out.strip() == (tmp_path / "out" / "stream.md").read_text().strip()
    assert ours == streamed and eager == dense  # here the dense head is the same model
    hop = found["hop_samples"]
    assert ours["of"] == ours["counted"] == 12 * RATE // hop and eager["counted"] == 3
    assert kept["frames"] < ours["frames"] / 3 and kept["ram"] > ours["ram"] + RATE
    assert kept["frames"] == centred["frames"] and kept["decisions"] < centred["decisions"]  # it hears whole windows
    assert ours["frames"] == frames["frames"] and ours["instructions"] < 0.7 * eager["instructions"]
    assert eager["ram"] > 2 * RATE > ours["ram"]
    assert {d["smoothing"] for d in found["detection"]} == {"mean of 6", "exponential 1/4", "majority of 6"}
    last = (tmp_path / "out" / "stream.md").read_text().strip().splitlines()[-9:]
    assert [line.split(" | ")[1] for line in last] == [d["model"] for d in found["detection"]]
    assert all(line.count(" / ") == 4 for line in last) and all(d["validation"] for d in found["detection"])
    assert "<svg" in (tmp_path / "out" / "stream.svg").read_text()


def test_a_model_without_its_dense_head_is_an_error_of_one_line(recordings, tmp_path, monkeypatch, capsys):
    save(Model(small_plan(), {}), tmp_path)
    monkeypatch.setattr("sys.argv", ["stream.py", str(tmp_path), str(recordings)])
    assert stream.main() == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "dense" in told
