"""CSV manifests, right and wrong."""

import pytest

from hybrid.data import open_corpus
from hybrid.errors import DataError


@pytest.fixture
def manifest(tmp_path, write_audio):
    """A function that writes a table beside ten audio files a0..a4, b0..b4."""
    for label in "ab":
        for i in range(5):
            write_audio(tmp_path / "clips" / f"{label}{i}.wav")

    def write(header, rows, name="manifest.csv", encoding="utf-8"):
        (tmp_path / name).write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
        return tmp_path / name

    return write


def rows(cells=lambda label, i: "", step=range(5)):
    return [f"clips/{label}{i}.wav,{label}{cells(label, i)}" for label in "ab" for i in step]


def splits(corpus):
    return {clip.name: clip.split for clip in corpus.clips}


def test_without_splits_they_are_drawn_and_the_folder_opens_as_well_as_the_file(manifest):
    path = manifest("path,label", rows())
    corpus = open_corpus(path)
    assert corpus.layout == "manifest"
    assert corpus.counts()["test"] == {"a": 1, "b": 1}
    assert splits(open_corpus(path.parent)) == splits(corpus)
    assert corpus.clips[0].path.is_file()


def test_the_split_column_is_taken_with_its_usual_spellings(manifest):
    names = ["train", "Training", "val", "DEV", "testing"]
    corpus = open_corpus(manifest("path,label,split", rows(lambda _, i: f",{names[i]}")))
    assert [clip.split for clip in corpus.clips[:5]] == ["train", "train", "validation", "validation", "test"]


def test_a_validation_split_is_drawn_from_train_where_the_table_has_none(manifest):
    corpus = open_corpus(manifest("path,label,split", rows(lambda _, i: f",{'test' if i == 2 else 'train'}")))
    assert corpus.counts()["validation"] == {"a": 1, "b": 1}
    assert splits(corpus)["clips/a2.wav"] == "test"


def test_folds_groups_and_unknown_columns(manifest):
    path = manifest("path,label,fold,group,mood", rows(lambda _, i: f",{i},g{i},good"), "my table.csv")
    corpus = open_corpus(path, test_fold=3)
    assert splits(corpus)["clips/a3.wav"] == "test"
    assert splits(corpus)["clips/a4.wav"] == "validation"
    assert corpus.clips[0].group == "g0"
    assert corpus.notes == ["columns mood are not used (known: path, label, split, fold, group, start, stop)"]


def test_ranges_of_one_file_are_one_group(manifest):
    lines = [
        f"clips/{label}{i}.wav,{label},{0.02 * k},{0.02 * k + 0.02:.2f}"
        for label in "ab"
        for i in range(5)
        for k in range(3)
    ]
    corpus = open_corpus(manifest("path,label,start,stop", lines))
    assert len(corpus.clips) == 30
    assert corpus.clips[1].name == "clips/a0.wav@0.02-0.04"
    assert (corpus.clips[1].start, corpus.clips[1].stop) == (0.02, 0.04)
    assert all(len({clip.split for clip in corpus.clips if clip.path.stem == f"a{i}"}) == 1 for i in range(5))


def test_a_byte_order_mark_and_blank_lines_do_not_matter(manifest):
    path = manifest("path,label", [*rows(), "", " , "], encoding="utf-8-sig")
    assert len(open_corpus(path).clips) == 10


def test_repeated_rows_are_left_out_with_a_note(manifest):
    corpus = open_corpus(manifest("path,label", [*rows(), "clips/a0.wav,a"]))
    assert len(corpus.clips) == 10
    assert "1 repeated rows were left out" in corpus.notes


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("path,class", rows(), r"no column label \(found: path, class\)"),
        ("path;label", rows(), r"no column path, label \(found: path;label\)"),
        ("path,label,label", rows(lambda *_: ",x"), "column label stands more than once"),
        ("path,label", [], "no rows below the header"),
        ("path,label", [*rows(), "clips/zz.wav,a"], r"line 12: no audio file 'clips/zz.wav' \(1 of 11 rows\)"),
        ("path,label", [*rows(), "clips,a"], "line 12: no audio file 'clips'"),
        ("path,label", ["clips/a0.wav,"], "line 2: the label is empty"),
        ("path,label", ["clips/a0.wav,a,b"], "line 2: 3 cells under 2 columns"),
        ("path,label", [*rows(), "clips/a0.wav,b"], r"line 12: clips/a0.wav is labelled 'b', but 'a' above"),
        ("path,label,split", rows(lambda *_: ",later"), "line 2: split 'later': write train, validation or test"),
        ("path,label,start,stop", rows(lambda *_: ",2,1"), "line 2: start 2 s is not before stop 1 s"),
        ("path,label,start", rows(lambda *_: ",soon"), "line 2: start 'soon': write seconds"),
        ("path,label,start", rows(lambda *_: ",nan"), "line 2: start 'nan'"),
        ("path,label,fold", rows(lambda *_: ","), "line 2: the fold is empty"),
        (
            "path,label,split,group",
            rows(lambda _, i: f",{'train' if i else 'test'},bob"),
            "group 'bob' is in two splits",
        ),
    ],
)
def test_wrong_tables_are_errors_with_the_line(manifest, header, lines, message):
    with pytest.raises(DataError, match=message):
        open_corpus(manifest(header, lines))


def test_a_table_in_another_encoding_is_an_error(manifest):
    with pytest.raises(DataError, match="save the table as UTF-8"):
        open_corpus(manifest("path,label", ["clips/a0.wav,é"], encoding="latin-1"))


def test_one_file_in_two_splits_is_an_error(manifest):
    lines = [*rows(lambda _, i: f",{('train', 'test', 'validation')[i % 3]}"), "clips/a0.wav,a,test"]
    with pytest.raises(DataError, match="stands in two splits"):
        open_corpus(manifest("path,label,split", lines))


def test_a_fold_cannot_be_chosen_without_a_fold_column(manifest):
    with pytest.raises(DataError, match="no column fold"):
        open_corpus(manifest("path,label", rows()), test_fold=1)
    with pytest.raises(DataError, match="has a split column"):
        open_corpus(manifest("path,label,split", rows(lambda *_: ",train")), test_fold=1)
