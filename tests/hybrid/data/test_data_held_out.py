"""Opening recordings for the evaluation of a finished model."""

import numpy as np
import pytest

from hybrid.data import SILENCE, UNKNOWN, load_corpus, open_corpus, open_held_out
from hybrid.errors import DataError

MODEL = ["yes", "no", SILENCE, UNKNOWN]  # not in sorted order: the model's order must be kept


@pytest.fixture
def words(class_folders, write_audio):
    root = class_folders(yes=20, no=20, cat=20, dog=1)
    write_audio(root / "_background_noise_" / "hiss.wav", np.ones(30 * 8000, np.int16))
    (root / "testing_list.txt").write_text("yes/clip0.wav\nno/clip1.wav\ncat/clip2.wav\n")
    return root


def test_every_clip_is_used_and_other_words_are_unknown(words):
    corpus = open_held_out(words, MODEL)
    assert corpus.labels == MODEL
    assert corpus.counts()["test"] == {"yes": 20, "no": 20, SILENCE: 0, UNKNOWN: 21}
    assert len(corpus.select("test")) == len(corpus.clips)
    assert f"counted as {UNKNOWN}: cat, dog" in corpus.notes
    assert any(note.startswith(f"no clip here of {SILENCE}") for note in corpus.notes)
    assert len(load_corpus(corpus, 8000).pcm) == 61


def test_a_silence_folder_is_that_class(words, write_audio):
    write_audio(words / SILENCE / "a.wav", np.zeros(800, np.int16))
    corpus = open_held_out(words, MODEL)
    assert corpus.counts()["test"][SILENCE] == 1
    load_corpus(corpus, 8000)


def test_words_of_no_class_are_an_error_where_the_model_has_no_unknown(words):
    with pytest.raises(DataError, match=r"cat, dog is no class of the model .* has no _unknown_"):
        open_held_out(words, ["yes", "no"])


def test_a_split_is_the_one_that_training_kept_aside(words):
    (words / "dog" / "clip0.wav").rename(words / "cat" / "dog.wav")
    (words / "dog").rmdir()
    trained = open_corpus(words, classes="yes,no", silence_clips=7)
    for split in ("test", "validation"):
        corpus = open_held_out(words, trained.labels, split=split, silence_clips=7)
        expected = {(clip.name, clip.label, clip.start) for clip in trained.select(split)}
        assert {(clip.name, clip.label, clip.start) for clip in corpus.clips} == expected
        assert {clip.split for clip in corpus.clips} == {"test"}


def test_layouts_with_folds_and_speakers_take_their_options(tmp_path, write_audio):
    for speaker in ("ann", "bob"):
        for take in range(6):
            write_audio(tmp_path / f"3_{speaker}_{take}.wav")
    assert len(open_held_out(tmp_path, ["3", "4"]).clips) == 12
    held = open_held_out(tmp_path, ["3", "4"], split="test", leave_out="bob")
    assert {clip.name.split("_")[1] for clip in held.clips} == {"bob"}
    with pytest.raises(DataError, match="test_fold means nothing"):
        open_held_out(tmp_path, ["3"], test_fold=1)


def test_one_word_only_can_be_evaluated(class_folders):
    corpus = open_held_out(class_folders(cat=1), MODEL)
    assert corpus.counts()["test"][UNKNOWN] == 1


def test_wrong_paths_and_splits_are_errors(words, tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_held_out(tmp_path / "gone", MODEL)
    with pytest.raises(DataError, match="no split 'exam'"):
        open_held_out(words, MODEL, split="exam")
