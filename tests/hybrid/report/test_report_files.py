"""report.json and report.html on disk."""

import json
from pathlib import Path

import numpy as np
import pytest

from hybrid.report import to_json, write


def test_both_files_are_written_and_nothing_else(tmp_path, make_dense):
    report = make_dense(["a", "b"], 10)
    write(report, tmp_path / "build" / "kws")
    folder = tmp_path / "build" / "kws"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    assert json.loads((folder / "report.json").read_text("utf-8")) == report


def test_the_json_alone_gives_the_same_page(tmp_path, any_report, any_page):
    (tmp_path / "again").write_text(to_json(any_report), encoding="utf-8")
    again = json.loads((tmp_path / "again").read_text("utf-8"))
    assert again == any_report
    write(again, tmp_path)
    assert (tmp_path / "report.json").read_bytes() == (tmp_path / "again").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == any_page.encode()


def test_json_has_sorted_keys_and_finite_numbers():
    text = to_json({"b": float("nan"), "a": [np.float32(0.5), np.int64(3), float("inf")], "c": Path("x") / "é"})
    assert text == '{\n "a": [\n  0.5,\n  3,\n  null\n ],\n "b": null,\n "c": "x/é"\n}\n'


def test_undecodable_file_names_and_control_characters_are_spelled_out():
    found = json.loads(to_json({"path": "a\udcff", "bell": "\x07\x1b[31m"}))
    assert found == {"path": "a\\udcff", "bell": "\\x07\\x1b[31m"}


def test_what_json_cannot_say_is_an_error_and_leaves_the_old_files(tmp_path):
    write({"name": "old"}, tmp_path)
    before = (tmp_path / "report.json").read_bytes()
    with pytest.raises(TypeError, match="cannot hold a set"):
        write({"name": {1, 2}}, tmp_path)
    assert (tmp_path / "report.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
