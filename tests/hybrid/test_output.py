import os

import pytest

from hybrid.errors import HybridError
from hybrid.output import replaced_folder


def write(folder, text):
    (folder / "model.json").write_text(text)


def test_a_new_folder_appears_only_when_all_went_well(tmp_path):
    target = tmp_path / "deep" / "out"
    with replaced_folder(target) as aside:
        write(aside, "new")
        assert not target.exists()
    assert (target / "model.json").read_text() == "new"
    assert os.listdir(target.parent) == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, HybridError("x")])
def test_what_stood_before_stands_after_a_failure(tmp_path, error):
    target = tmp_path / "out"
    with replaced_folder(target) as aside:
        write(aside, "old")
    with pytest.raises((KeyboardInterrupt, ValueError, HybridError)), replaced_folder(target) as aside:
        write(aside, "half")
        raise error
    assert (target / "model.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_other_files_of_an_older_result_are_kept(tmp_path):
    target = tmp_path / "out"
    with replaced_folder(target) as aside:
        write(aside, "old")
    (target / "notes.txt").write_text("mine")
    with replaced_folder(target) as aside:
        write(aside, "new")
    assert (target / "notes.txt").read_text() == "mine"
    assert (target / "model.json").read_text() == "new"


def test_a_folder_of_other_things_is_not_touched(tmp_path):
    (tmp_path / "photo.jpg").write_text("x")
    with pytest.raises(HybridError, match="other files"), replaced_folder(tmp_path):
        pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(HybridError, match="is a file"), replaced_folder(tmp_path / "file"):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(HybridError, match="cannot write"), replaced_folder(tmp_path / "file" / "out"):
        pass


def test_a_full_disk_is_one_line(tmp_path):
    full = pytest.raises(HybridError, match="No space left")
    with full, replaced_folder(tmp_path / "out"), open("/dev/full", "w") as device:
        device.write("x" * 100_000)
