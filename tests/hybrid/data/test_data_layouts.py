"""The public sets' layouts, on small copies of them, and split folders."""

import pytest

from hybrid.data import check_groups, open_corpus
from hybrid.errors import DataError


@pytest.fixture
def fsdd(tmp_path, write_audio):
    """A function that makes recordings of two digits by three speakers."""

    def make(takes, folder="recordings"):
        for digit in (0, 7):
            for speaker in ("ann", "bob", "cy"):
                for take in takes:
                    write_audio(tmp_path / "fsdd" / folder / f"{digit}_{speaker}_{take}.wav")
        return tmp_path / "fsdd"

    return make


def takes(corpus, split):
    return sorted({int(clip.name.split("_")[2]) for clip in corpus.select(split)})


@pytest.mark.parametrize("folder", ["recordings", "."])
def test_fsdd_tests_on_takes_0_to_4_by_convention(fsdd, folder):
    corpus = open_corpus(fsdd(range(12), folder))
    assert corpus.layout == "fsdd"
    assert corpus.labels == ["0", "7"]
    assert takes(corpus, "test") == [0, 1, 2, 3, 4]
    assert takes(corpus, "validation") == [5, 6, 7, 8, 9]
    assert takes(corpus, "train") == [10, 11]


def test_fsdd_without_takes_0_to_4_tests_on_the_next_five(fsdd):
    corpus = open_corpus(fsdd(range(5, 20)))
    assert takes(corpus, "test") == [5, 6, 7, 8, 9]
    assert takes(corpus, "validation") == [10, 11, 12, 13, 14]
    assert corpus.split_description == "takes 5-9 for test, takes 10-14 for validation, the others for train"


def test_fsdd_takes_can_be_named(fsdd):
    corpus = open_corpus(fsdd(range(12)), test_takes="10-11")
    assert takes(corpus, "test") == [10, 11]
    assert takes(corpus, "validation") == [0, 1, 2, 3, 4]


def test_fsdd_leaves_a_speaker_out_whole(fsdd):
    corpus = open_corpus(fsdd(range(8)), leave_out="bob")
    assert {clip.name.split("_")[1] for clip in corpus.select("test")} == {"bob"}
    assert len(corpus.select("test")) == 16
    for split in ("train", "validation"):
        assert {clip.name.split("_")[1] for clip in corpus.select(split)} == {"ann", "cy"}
    assert takes(corpus, "validation") == [0, 1, 2, 3, 4]
    check_groups(corpus.clips, "fsdd")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leave_out": "dan"}, r"no speaker 'dan' to leave out \(there are: ann, bob, cy\)"),
        ({"leave_out": "ann,bob,cy"}, "every speaker is left out"),
        ({"test_takes": "3,99"}, r"no take 99 to test on \(takes: 0-11\)"),
        ({"leave_out": "ann", "test_takes": "1"}, "give one of them"),
    ],
)
def test_fsdd_options_that_do_not_fit_are_errors(fsdd, options, message):
    with pytest.raises(DataError, match=message):
        open_corpus(fsdd(range(12)), **options)


@pytest.fixture
def esc(tmp_path, write_audio):
    """ESC-50 in small: four folds, two classes, the csv says .wav where the files are .ogg."""
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in (1, 2, 3, 4):
        for target, category in enumerate(("dog", "rain", "mouse_click")):
            for take in "AB":
                stem = f"{fold}-{fold}{target}7-{take}-{target}"
                write_audio(tmp_path / "audio" / f"{stem}.ogg", rate=44100)
                lines.append(f"{stem}.wav,{fold},{target},{category},{target < 2},{fold}{target}7,{take}")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("\n".join(lines))
    return tmp_path


def test_esc_splits_by_fold_with_the_source_recording_as_group(esc):
    corpus = open_corpus(esc)
    assert corpus.layout == "esc"
    assert {clip.name[0] for clip in corpus.select("test")} == {"4"}
    assert {clip.name[0] for clip in corpus.select("validation")} == {"1"}
    assert corpus.clips[0].group == "107"
    corpus = open_corpus(esc, test_fold=2)
    assert {clip.name[0] for clip in corpus.select("test")} == {"2"}
    assert {clip.name[0] for clip in corpus.select("validation")} == {"3"}
    assert open_corpus(esc, test_fold=2, validation_fold=1).select("validation")[0].name[0] == "1"


def test_esc_validation_can_be_drawn_from_all_folds_but_the_test_fold(esc):
    corpus = open_corpus(esc, test_fold=2, validation_fold="none", validation_share=0.3)
    assert {clip.name[0] for clip in corpus.select("test")} == {"2"}
    drawn, rest = corpus.select("validation"), corpus.select("train")
    assert drawn and len(drawn) < len(rest)
    assert not {clip.group for clip in drawn} & {clip.group for clip in rest}
    assert "fold 2 for test, 30% validation drawn" in corpus.split_description


def test_esc10_is_the_marked_part_of_esc50(esc):
    assert open_corpus(esc, subset="esc10").labels == ["dog", "rain"]
    with pytest.raises(DataError, match="no subset 'esc20'"):
        open_corpus(esc, subset="esc20")


def test_esc_rows_without_file_are_noted_and_none_with_one_is_an_error(esc):
    (esc / "audio" / "1-107-A-0.ogg").unlink()
    assert "esc50.csv names 1 of 24 files that are not there (line 2)" in open_corpus(esc).notes
    for path in (esc / "audio").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="none of the 24 files that it names is there"):
        open_corpus(esc)


def test_a_source_recording_in_two_folds_is_an_error(esc):
    table = esc / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace("4-407-A-0.wav,4,0,dog,True,407", "4-407-A-0.wav,4,0,dog,True,207"))
    with pytest.raises(DataError, match="group '207' is in two splits"):
        open_corpus(esc)


def test_urbansound8k_splits_by_fold_with_the_recording_as_group(tmp_path, write_audio):
    lines = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for fold in (1, 2, 10):
        for target, label in enumerate(("siren", "drilling")):
            for i in range(2):
                name = f"{fold}{target}-{target}-0-{i}.wav"
                write_audio(tmp_path / "audio" / f"fold{fold}" / name)
                lines.append(f"{name},{fold}{target},90.0,94.0,1,{fold},{target},{label}")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text("\n".join(lines))
    corpus = open_corpus(tmp_path)
    assert corpus.layout == "urbansound8k"
    assert corpus.split_description == "fold 10 for test, fold 1 for validation, the others for train"
    assert {clip.group for clip in corpus.select("train")} == {"20", "21"}
    # start and end count in the recording, not in the slice
    assert all(clip.start is None and clip.stop is None for clip in corpus.clips)


def test_split_folders_name_the_splits(tmp_path, write_audio):
    for split, count in (("Train", 20), ("test", 2)):
        for word in ("yes", "no"):
            for i in range(count):
                write_audio(tmp_path / split / word / f"{i}.wav")
    corpus = open_corpus(tmp_path)
    assert corpus.layout == "split_folders"
    assert corpus.counts() == {
        "train": {"no": 18, "yes": 18},
        "validation": {"no": 2, "yes": 2},
        "test": {"no": 2, "yes": 2},
    }
    write_audio(tmp_path / "val" / "yes" / "0.wav")
    assert open_corpus(tmp_path).counts()["validation"] == {"no": 0, "yes": 1}


def test_a_class_may_be_called_train(class_folders):
    corpus = open_corpus(class_folders(train=5, test=5))
    assert corpus.layout == "class_folders"
    assert corpus.labels == ["test", "train"]
