"""Decoding whole corpora: order, bad files, notes, and the cache behind it."""

import os

import numpy as np
import pytest

from hybrid.data import SILENCE, load_clip, load_corpus, open_corpus
from hybrid.errors import DataError

RATE = 8000


@pytest.fixture
def words(class_folders):
    return class_folders(yes=8, no=8)


def test_samples_stand_in_the_order_of_the_clips(words):
    corpus = open_corpus(words)
    done = []
    loaded = load_corpus(corpus, RATE, progress=lambda i, n: done.append((i, n)))
    assert loaded.corpus.clips == corpus.clips
    assert all(np.array_equal(pcm, load_clip(clip, RATE)) for clip, pcm in zip(corpus.clips, loaded.pcm, strict=True))
    assert done == [(i + 1, 16) for i in range(16)]
    clips, pcm = loaded.select("test")
    assert [clip.split for clip in clips] == ["test", "test"]
    assert np.array_equal(pcm[0], load_clip(clips[0], RATE))


def test_the_second_time_nothing_is_decoded_until_a_file_changes(words, write_audio):
    corpus = open_corpus(words)
    first = load_corpus(corpus, RATE)
    calls = []
    again = load_corpus(corpus, RATE, progress=lambda *at: calls.append(at))
    assert not calls
    assert all(np.array_equal(a, b) for a, b in zip(first.pcm, again.pcm, strict=True))
    path = write_audio(corpus.clips[3].path, np.full(800, 77, np.int16))
    os.utime(path, (1, 1))
    changed = load_corpus(corpus, RATE)
    assert changed.pcm[3].tolist() == [77] * 800
    assert len(load_corpus(corpus, 2 * RATE).pcm[3]) == 1600


def test_a_cached_recording_is_not_let_through_under_another_label(words, write_audio):
    for i in range(3):
        write_audio(words / SILENCE / f"{i}.wav", np.zeros(800, np.int16))
    loaded = load_corpus(open_corpus(words), RATE)
    assert f"3 {SILENCE} clips are digital silence (all zero), which no microphone gives" in loaded.corpus.notes
    table = words / "manifest.csv"
    for label in (SILENCE, "quiet"):
        rows = [f"{clip.path.relative_to(words)},{clip.label}" for clip in loaded.corpus.clips]
        table.write_text("\n".join(["path,label", *rows]).replace(f",{SILENCE}", f",{label}"))
        if label == SILENCE:
            load_corpus(open_corpus(table), RATE)
        else:
            with pytest.raises(DataError, match="3 of 19 clips"):
                load_corpus(open_corpus(table), RATE)


def break_some(words):
    (words / "yes" / "clip1.wav").write_text("no audio")
    (words / "no" / "clip2.wav").write_bytes(b"")


def test_bad_files_are_told_in_one_line_with_count_and_remedy(words):
    break_some(words)
    for _ in range(2):  # the second answer comes from the cache
        with pytest.raises(DataError) as caught:
            load_corpus(open_corpus(words), RATE)
        message = str(caught.value)
        assert "2 of 16 clips" in message
        assert "no/clip2.wav (is empty (0 bytes)), yes/clip1.wav (not readable as audio" in message
        assert "pass --skip-bad" in message
        assert "\n" not in message


def test_skip_bad_leaves_them_out_and_lists_them(words):
    break_some(words)
    loaded = load_corpus(open_corpus(words), RATE, skip_bad=True)
    assert len(loaded.corpus.clips) == len(loaded.pcm) == 14
    assert all(np.array_equal(pcm, load_clip(c, RATE)) for c, pcm in zip(loaded.corpus.clips, loaded.pcm, strict=True))
    note = next(note for note in loaded.corpus.notes if note.startswith("left out 2 bad clips"))
    assert "yes/clip1.wav" in note


def test_skip_bad_does_not_empty_a_class(words):
    corpus = open_corpus(words)
    for clip in corpus.select("test"):
        if clip.label == "no":
            clip.path.write_text("no audio")
    with pytest.raises(DataError, match="without the 1 bad clips class no has none left in test"):
        load_corpus(corpus, RATE, skip_bad=True)


def test_mixed_sample_rates_are_fine_and_noted(words, write_audio):
    write_audio(words / "yes" / "clip1.wav", rate=44100)
    notes = load_corpus(open_corpus(words), 16000).corpus.notes
    assert notes == [
        "clips were resampled to 16000 Hz (15 at 8000 Hz, 1 at 44100 Hz); above 4000 Hz the 8000 Hz files hold nothing"
    ]


def test_clips_of_the_rate_asked_for_are_not_said_to_be_resampled(words, write_audio):
    assert load_corpus(open_corpus(words), 8000).corpus.notes == []
    write_audio(words / "yes" / "clip1.wav", rate=44100)
    assert load_corpus(open_corpus(words), 8000).corpus.notes == ["clips were resampled to 8000 Hz (1 at 44100 Hz)"]


def test_one_recording_in_two_splits_is_noted(words, write_audio):
    corpus = open_corpus(words)
    train, test = corpus.select("train")[0], corpus.select("test")[0]
    test.path.write_bytes(train.path.read_bytes())
    notes = load_corpus(corpus, RATE).corpus.notes
    assert len(notes) == 1
    assert notes[0].startswith("1 clips are identical to a clip of another split")
    assert train.name in notes[0]
    assert test.name in notes[0]


def test_noise_is_loaded_beside_the_clips(words, write_audio):
    noise = np.random.default_rng(0).integers(-99, 99, 30 * RATE).astype(np.int16)
    write_audio(words / "_background_noise_" / "hiss.wav", noise)
    loaded = load_corpus(open_corpus(words, classes="yes", silence_clips=2), RATE)
    assert len(loaded.noise) == 1
    assert np.array_equal(loaded.noise[0], noise[: 21 * RATE])
    silence = [i for i, clip in enumerate(loaded.corpus.clips) if clip.label == SILENCE]
    assert all(len(loaded.pcm[i]) == RATE for i in silence)


def test_it_works_without_a_cache(words, own_cache):
    assert len(load_corpus(open_corpus(words), RATE, use_cache=False).pcm) == 16
    assert list(own_cache.iterdir()) == []
