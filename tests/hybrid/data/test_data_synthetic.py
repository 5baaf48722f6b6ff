"""The synthetic machine set: reproducible, labelled as synthetic, and not told apart by loudness."""

import numpy as np
import pytest

from hybrid.data import fit_window, load_corpus, open_corpus
from hybrid.data.synthetic import CLASSES, kept_machine_set, write_machine_set
from hybrid.errors import DataError


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def machine_set(tmp_path_factory):
    return write_machine_set(tmp_path_factory.mktemp("set") / "machine", clips_per_class=42, rate=8000)


def test_same_seed_same_bytes(tmp_path):
    first = write_machine_set(tmp_path / "a", 4, seed=3, rate=8000, seconds=0.25)
    again = write_machine_set(tmp_path / "b", 4, seed=3, rate=8000, seconds=0.25)
    other = write_machine_set(tmp_path / "c", 4, seed=4, rate=8000, seconds=0.25)
    assert contents(first) == contents(again)
    assert contents(first) != contents(other)


def test_it_says_that_it_is_synthetic(machine_set):
    assert (machine_set / "README.txt").read_text().startswith("SYNTHETIC data")


def test_it_opens_like_any_set_with_every_unit_in_one_split(machine_set):
    corpus = open_corpus(machine_set)
    assert corpus.labels == sorted(CLASSES)
    assert {split: set(counts.values()) for split, counts in corpus.counts().items()} == {
        "train": {30},
        "validation": {6},
        "test": {6},
    }
    assert corpus.notes == []


def test_the_smallest_set_has_every_class_in_every_split(tmp_path):
    root = write_machine_set(tmp_path / "tiny", clips_per_class=3, rate=8000, seconds=0.2)
    assert all(count == 1 for counts in open_corpus(root).counts().values() for count in counts.values())


def nearest_class(features, labels, train):
    centres = {label: features[train & (labels == label)].mean(axis=0) for label in CLASSES}
    distance = np.stack([((features - centres[label]) ** 2).sum(axis=1) for label in CLASSES])
    guess = np.array(CLASSES)[distance.argmin(axis=0)]
    return (guess == labels)[~train].mean()


def test_the_spectrum_tells_the_classes_apart_and_the_level_does_not(machine_set):
    loaded = load_corpus(open_corpus(machine_set), 8000)
    labels = np.array([clip.label for clip in loaded.corpus.clips])
    train = np.array([clip.split == "train" for clip in loaded.corpus.clips])
    frames = np.stack([fit_window(pcm, 7936).reshape(62, 128) for pcm in loaded.pcm]).astype(float)
    level = 10 * np.log10((frames**2).mean(axis=(1, 2)))[:, np.newaxis]
    bands = np.log(np.abs(np.fft.rfft(frames * np.hanning(128))) ** 2 + 1.0)[..., 1:]
    shape = np.concatenate([bands.mean(axis=1) - bands.mean(axis=(1, 2))[:, np.newaxis], 2 * bands.std(axis=1)], axis=1)
    by_level, by_spectrum = nearest_class(level, labels, train), nearest_class(shape, labels, train)
    assert by_level < 0.45
    assert by_spectrum > 0.55


def test_no_clip_is_silent_or_clips(machine_set):
    for pcm in load_corpus(open_corpus(machine_set), 8000).pcm:
        assert np.abs(pcm.astype(int)).max() > 50
        assert np.mean(np.abs(pcm.astype(int)) >= 32767) < 0.01


@pytest.mark.parametrize("wrong", [{"clips_per_class": 2}, {"rate": 100}, {"seconds": 0.0}])
def test_what_cannot_be_made_is_an_error(tmp_path, wrong):
    with pytest.raises(DataError, match="at least 3, 4000 Hz and"):
        write_machine_set(tmp_path / "x", **wrong)


def test_an_existing_folder_is_not_written_into(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="not an empty folder"):
        write_machine_set(tmp_path)


def test_a_kept_set_is_written_once_and_whole(tmp_path):
    kept = kept_machine_set(tmp_path / "new" / "sounds", 3, seed=1)
    before = contents(kept)
    assert before == contents(write_machine_set(tmp_path / "direct", 3, seed=1))
    times = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    assert kept_machine_set(tmp_path / "new" / "sounds", 3, seed=1) == kept
    assert times == {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    assert [p.name for p in kept.parent.iterdir()] == [kept.name]
    assert kept_machine_set(tmp_path / "new" / "sounds", 3, seed=2) != kept


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        kept_machine_set(tmp_path / "file", 3, seed=1)
