"""One folder per class: lists, silence, unknown words, and what people get wrong."""

import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from hybrid.data import SILENCE, UNKNOWN, check_groups, open_corpus
from hybrid.data.files import subfolders
from hybrid.errors import DataError


def lists(root, validation, testing):
    (root / "validation_list.txt").write_text("\n".join(validation))
    (root / "testing_list.txt").write_text("\n".join(testing))


def split_of(corpus):
    return {clip.name: clip.split for clip in corpus.clips}


@pytest.fixture
def words(class_folders):
    """Five words by ten speakers."""
    stems = [f"speaker{i}_nohash_0" for i in range(10)]
    return class_folders(yes=stems, no=stems, cat=stems, dog=stems, tree=stems)


@pytest.fixture
def noise(words, write_audio):
    rng = np.random.default_rng(0)
    for name, seconds in (("hiss", 40), ("tap", 20)):
        write_audio(
            words / "_background_noise_" / f"{name}.wav", rng.integers(-99, 99, seconds * 8000).astype(np.int16)
        )
    return words


def test_without_lists_speakers_are_drawn_and_never_divided(words):
    corpus = open_corpus(words)
    assert corpus.layout == "class_folders"
    assert corpus.labels == ["cat", "dog", "no", "tree", "yes"]
    assert {split: set(counts.values()) for split, counts in corpus.counts().items()} == {
        "train": {8},
        "validation": {1},
        "test": {1},
    }
    assert {clip.group for clip in corpus.clips} == {f"speaker{i}" for i in range(10)}
    assert open_corpus(words).clips == corpus.clips
    assert "seed 0" in corpus.split_description


def test_a_clip_keeps_its_split_whatever_classes_are_chosen(words):
    assert split_of(open_corpus(words)) == split_of(open_corpus(words, classes="yes"))


def test_lists_name_wav_and_match_files_of_another_suffix(class_folders, write_audio):
    root = class_folders(yes=["a", "b", "c"], no=["a", "b", "c"])
    for path in list(root.glob("*/*.wav")):
        write_audio(path.with_suffix(".FLAC" if path.stem == "a" else ".flac"))
        path.unlink()
    lists(root, ["yes/a.wav", "no/a.wav"], ["./yes/b.wav\r", "no\\b.wav"])
    corpus = open_corpus(root)
    assert split_of(corpus) == {
        f"{word}/{stem}": split
        for word in ("yes", "no")
        for stem, split in zip("abc", ("validation", "test", "train"), strict=True)
    }
    assert corpus.notes == []


def test_with_one_list_only_the_other_split_is_drawn(class_folders):
    root = class_folders(yes=20, no=20)
    (root / "testing_list.txt").write_text("yes/clip3.wav\nno/clip4.wav\n")
    counts = open_corpus(root).counts()
    assert counts["test"] == {"no": 1, "yes": 1}
    assert counts["validation"] == {"no": 2, "yes": 2}


def test_a_list_that_names_absent_files_is_noted_and_one_that_names_no_other_is_an_error(words):
    lists(words, ["yes/speaker0_nohash_0.wav", "no/gone.wav"], ["yes/speaker1_nohash_0.wav"])
    with pytest.raises(DataError, match="two splits"):  # speaker0 says other words, too
        open_corpus(words)
    everything = [f"{word.name}/speaker{i}_nohash_0.wav" for word in subfolders(words) for i in (0, 1)]
    lists(words, [*everything[::2], "no/gone.wav"], everything[1::2])
    assert "validation_list.txt names 1 of 6 files that are not there (no/gone)" in open_corpus(words).notes
    lists(words, everything[::2], ["no/gone.wav", "no/lost.wav"])
    with pytest.raises(DataError, match=r"testing_list.txt: none of its 2 entries exists \(no/gone, no/lost\)"):
        open_corpus(words)


def test_a_file_in_both_lists_is_an_error(class_folders):
    root = class_folders(yes=3, no=3)
    lists(root, ["yes/clip0.wav"], ["yes/clip0.wav"])
    with pytest.raises(DataError, match=r"yes/clip0 in both validation_list.txt and testing_list.txt"):
        open_corpus(root)


def test_lists_that_leave_a_class_untested_get_a_note_and_without_training_an_error(class_folders):
    root = class_folders(yes=5, no=5)
    lists(root, ["yes/clip0.wav", "no/clip0.wav"], ["yes/clip1.wav"])
    assert "class no has no clip in test: its accuracy is not known" in open_corpus(root).notes
    lists(root, ["yes/clip0.wav"], [f"no/clip{i}.wav" for i in range(5)])
    with pytest.raises(DataError, match="class no has no clip in train"):
        open_corpus(root)


def test_a_list_that_is_not_utf8_is_an_error(class_folders):
    root = class_folders(yes=3, no=3)
    (root / "testing_list.txt").write_bytes("yes/\xe9.wav".encode("latin-1"))
    with pytest.raises(DataError, match="save the list as UTF-8"):
        open_corpus(root)


def test_named_classes_leave_the_rest_unknown_and_cut_silence_from_the_noise(noise):
    corpus = open_corpus(noise, classes="yes,no", silence_clips=3)
    assert corpus.labels == ["no", "yes", SILENCE, UNKNOWN]
    counts = corpus.counts()
    assert counts["train"] == {"no": 8, "yes": 8, SILENCE: 4, UNKNOWN: 24}
    assert counts["test"] == {"no": 1, "yes": 1, SILENCE: 3, UNKNOWN: 3}
    assert any(note.startswith("_unknown_: 3 other words (cat, dog, tree)") for note in corpus.notes)


def test_no_two_splits_share_any_of_the_noise(noise):
    corpus = open_corpus(noise, classes="yes", silence_clips=40, silence_fraction=2.0)
    silence = [clip for clip in corpus.clips if clip.label == SILENCE] + corpus.noise
    assert {clip.split for clip in silence} == {"train", "validation", "test"}
    assert {clip.split for clip in corpus.noise} == {"train"}
    for path in {clip.path for clip in silence}:
        used = sorted((clip.start, clip.stop, clip.split) for clip in silence if clip.path == path)
        reach = {}
        for start, stop, split in used:
            assert all(end <= start for other, end in reach.items() if other != split)
            reach[split] = max(stop, reach.get(split, 0.0))
    assert all(0.999 < clip.stop - clip.start < 1.001 for clip in silence if clip.label == SILENCE)
    check_groups(corpus.clips, noise)


def test_silence_clips_do_not_overlap_where_there_is_room(noise):
    corpus = open_corpus(noise, classes="yes", silence_clips=5)
    test = [clip for clip in corpus.clips if clip.label == SILENCE and clip.split == "test"]
    for path in {clip.path for clip in test}:
        clips = sorted((clip for clip in test if clip.path == path), key=lambda clip: clip.start)
        assert all(first.stop <= second.start for first, second in pairwise(clips))


def test_noise_files_too_short_to_divide_go_whole_to_one_split(words, write_audio):
    for name in "abc":
        write_audio(words / "_background_noise_" / f"{name}.wav", np.ones(2 * 8000, np.int16))
    corpus = open_corpus(words, classes="yes", silence_clips=2)
    by_split = {clip.split: clip.path.stem for clip in corpus.clips if clip.label == SILENCE}
    assert by_split == {"train": "a", "test": "b", "validation": "c"}
    write_audio(words / "_background_noise_" / "c.wav", np.ones(4000, np.int16))
    assert SILENCE not in open_corpus(words, classes="yes", silence_clips=2).labels


def test_silence_can_be_asked_for_and_refused(noise):
    assert SILENCE not in open_corpus(noise).labels
    assert SILENCE in open_corpus(noise, silence=True).labels
    assert SILENCE not in open_corpus(noise, classes="yes", silence=False).labels


def test_silence_without_background_noise_is_noted_or_an_error_when_asked_for(words):
    assert "no _silence_ class: there is no _background_noise_ folder" in open_corpus(words, classes="yes").notes
    with pytest.raises(DataError, match="no _silence_ and no _background_noise_ folder"):
        open_corpus(words, silence=True)


def test_folders_called_silence_and_unknown_are_those_classes(noise, write_audio):
    for i in range(10):
        write_audio(noise / SILENCE / f"speaker{i}_nohash_0.wav")
        write_audio(noise / UNKNOWN / f"speaker{i}_nohash_0.wav")
    assert open_corpus(noise).labels == ["cat", "dog", "no", "tree", "yes", SILENCE, UNKNOWN]
    corpus = open_corpus(noise, classes="yes,no")
    assert corpus.labels == ["no", "yes", SILENCE, UNKNOWN]
    assert all(clip.start is None for clip in corpus.clips)
    assert Counter(clip.label for clip in corpus.clips)[UNKNOWN] == 40


def test_other_words_can_be_left_out(words):
    corpus = open_corpus(words, classes=["yes", "no"], unknown=False)
    assert corpus.labels == ["no", "yes"]
    assert "left out: 30 clips of other words" in corpus.notes


def test_noise_that_cannot_be_read_is_an_error_with_its_name(noise):
    (noise / "_background_noise_" / "bad.wav").write_text("no audio")
    with pytest.raises(DataError, match=r"bad.wav: background noise that cannot be read"):
        open_corpus(noise, classes="yes")


def test_names_with_blanks_accents_and_signs_are_fine(class_folders):
    root = class_folders(**{"été chaud": ["a b", "ü", "c#1"], "3 + 4": ["x y.z", "日本", "q"]})
    corpus = open_corpus(root, classes="été chaud")
    assert "été chaud/a b" in split_of(corpus)
    assert len(corpus.clips) == 6


def test_accents_match_however_the_file_system_composes_them(class_folders):
    apart = unicodedata.normalize("NFD", "été")
    root = class_folders(**{apart: [apart, "b", "c"], "non": 3})
    lists(root, ["été/b.wav", "non/clip0.wav"], [f"{unicodedata.normalize('NFC', 'été/été')}.wav", "non/clip1.wav"])
    corpus = open_corpus(root, classes="été")
    assert split_of(corpus)["été/été"] == "test"


def test_files_of_other_kinds_and_hidden_ones_are_left_out_and_noted(class_folders):
    root = class_folders(yes=3, no=3)
    (root / "yes" / "notes.txt").write_text("x")
    (root / "yes" / "._clip0.wav").write_text("x")
    (root / ".git").mkdir()
    (root / "__MACOSX").mkdir()
    corpus = open_corpus(root)
    assert len(corpus.clips) == 6
    assert corpus.notes == ["yes: 1 files that are not .wav, .flac, .ogg were left out (notes.txt)"]


def test_a_folder_that_is_not_there_or_empty_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_corpus(tmp_path / "gone")
    with pytest.raises(DataError, match="the folder is empty"):
        open_corpus(tmp_path)
    (tmp_path / "set.zip").write_text("x")
    with pytest.raises(DataError, match=r"a file, but no \.csv manifest"):
        open_corpus(tmp_path / "set.zip")


def test_folders_without_audio_are_errors_that_say_what_is_there(class_folders, tmp_path):
    root = class_folders(yes=3, no=3)
    (root / "maybe").mkdir()
    with pytest.raises(DataError, match=r"maybe: class folder with no files: add \.wav, \.flac, \.ogg"):
        open_corpus(root)
    assert "maybe: folder without audio was left out" in open_corpus(root, classes="yes").notes
    (root / "maybe" / "a.mp3").write_text("x")
    with pytest.raises(DataError, match=r"only files of other kinds \(a.mp3\)"):
        open_corpus(root)
    with pytest.raises(DataError, match=r"words: holds folders, not recordings: .* open it instead"):
        open_corpus(tmp_path)
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.txt").write_text("x")
    with pytest.raises(DataError, match="no folder with audio"):
        open_corpus(tmp_path / "flat")


def test_one_class_is_an_error(class_folders):
    with pytest.raises(DataError, match=r"only one class \('yes'\)"):
        open_corpus(class_folders(yes=5))


def test_a_class_with_one_clip_is_an_error(class_folders):
    with pytest.raises(DataError, match="class no has one clip: at least one for train and one for test"):
        open_corpus(class_folders(yes=5, no=1))


def test_a_class_by_one_speaker_cannot_be_tested(class_folders):
    root = class_folders(yes=5, no=[f"bob_nohash_{i}" for i in range(9)])
    with pytest.raises(DataError, match=r"class no has no clip in test .* another group"):
        open_corpus(root)


def test_two_clips_a_class_leave_no_validation(class_folders):
    with pytest.raises(DataError, match="no clip is left for validation"):
        open_corpus(class_folders(yes=2, no=2))
    assert "class no has no clip in validation" in "".join(open_corpus(class_folders(yes=5, no=2)).notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": "yess,no"}, r"no class yess \(there are: cat, dog, no, tree, yes\)"),
        ({"classes": " , "}, "classes is empty"),
        ({"classes": "yes,yes"}, "names yes more than once"),
        ({"classes": "_unknown_"}, "names no word"),
        ({"layout": "wavs"}, "no layout 'wavs': choose one of manifest"),
        ({"layout": "fsdd"}, "not laid out as fsdd"),
        ({"test_fold": 1}, "test_fold means nothing for the layout class_folders"),
        ({"leave_out": "bob"}, r"only for fsdd\)"),
        ({"test_takes": "9-5"}, "names no take"),
        ({"test_takes": "a"}, "neither a number nor a range"),
    ],
)
def test_options_that_do_not_fit_are_errors(words, options, message):
    with pytest.raises(DataError, match=message):
        open_corpus(words, **options)
