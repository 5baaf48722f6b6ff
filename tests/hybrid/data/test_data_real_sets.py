"""The real sets: counts of clips, splits by speaker, and decoding."""

from collections import defaultdict

import numpy as np

from hybrid.data import SILENCE, UNKNOWN, load_clip, load_corpus, open_corpus, open_held_out

KEYWORDS = "yes,no,up,down,left,right,on,off,stop,go"


def test_speech_commands_is_split_by_its_lists(real_data):
    root = real_data("speech_commands")
    corpus = open_corpus(root, classes=KEYWORDS)
    assert corpus.layout == "class_folders"
    assert corpus.labels == [*sorted(KEYWORDS.split(",")), SILENCE, UNKNOWN]
    counts = corpus.counts()
    for split, file in (("validation", "validation_list.txt"), ("test", "testing_list.txt")):
        listed = len((root / file).read_text().split())
        assert sum(counts[split].values()) - counts[split][SILENCE] == listed
        assert counts[split][SILENCE] == 50
    spoken = sum(map(sum, (c.values() for c in counts.values()))) - sum(c[SILENCE] for c in counts.values())
    assert spoken == sum(1 for p in root.glob("*/*.flac") if p.parent.name != "_background_noise_") == 7140
    assert counts["train"][SILENCE] == round(0.1 * (7140 - 725 - 889))
    assert (counts["train"]["yes"], counts["test"]["yes"], counts["validation"]["yes"]) == (244, 58, 34)
    splits = defaultdict(set)
    for clip in corpus.clips:
        if clip.label != SILENCE:
            splits[clip.path.name.split("_nohash_")[0]].add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(corpus.noise) == 6


def test_speech_commands_decodes(real_data):
    corpus = open_corpus(real_data("speech_commands"), classes=KEYWORDS)
    some = corpus.clips[::400] + [clip for clip in corpus.clips if clip.label == SILENCE][::200]
    for clip in some:
        pcm = load_clip(clip, 16000)
        assert 1000 < len(pcm) <= 16000
        assert pcm.any()


def test_fsdd_holds_takes_or_a_speaker_out(real_data):
    root = real_data("fsdd")
    counts = open_corpus(root).counts()
    assert {split: set(by_label.values()) for split, by_label in counts.items()} == {
        "train": {210},
        "validation": {30},
        "test": {30},
    }
    counts = open_corpus(root, leave_out="theo").counts()
    assert {split: set(by_label.values()) for split, by_label in counts.items()} == {
        "train": {200},
        "validation": {25},
        "test": {45},
    }
    assert len(open_held_out(root, list("0123456789")).clips) == 2700


def test_fsdd_decodes_whole(real_data):
    loaded = load_corpus(open_corpus(real_data("fsdd")), 8000)
    assert len(loaded.pcm) == 2700
    assert all(pcm.dtype == np.int16 and pcm.any() for pcm in loaded.pcm)
    assert not any("identical" in note for note in loaded.corpus.notes)


def test_esc10_is_split_by_fold(real_data):
    corpus = open_corpus(real_data("esc10"))
    assert corpus.layout == "esc"
    counts = corpus.counts()
    assert {split: set(by_label.values()) for split, by_label in counts.items()} == {
        "train": {16},
        "validation": {8},
        "test": {8},
    }
    assert corpus.split_description.startswith("fold 4 for test, fold 1 for validation")
    for clip in corpus.clips[::40]:
        pcm = load_clip(clip, 16000)
        assert 3.5 < len(pcm) / 16000 < 7.5
