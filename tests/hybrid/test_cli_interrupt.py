"""Ctrl-C: exit code 130 and one line; what stood before stands, nothing is left beside it, a rerun works."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def older(model, tmp_path):
    """An older result, in a folder of its own."""
    return shutil.copytree(model.folder, tmp_path / "results" / "kws")


def state(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_ctrl_c_during_training(older, recordings, tiny, tmp_path, monkeypatch, request, succeeds):
    (tmp_path / "scratch").mkdir()
    before = state(older.parent)
    arguments = ["fit", recordings, "--out", older, "--config", tiny, "--name", "kws"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hybrid.cli", *arguments, "--set", "training.min_steps=1000000", "--seed", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "scratch")},
    )  # fmt: skip
    try:
        said = [next(process.stderr)]
        while not said[-1].startswith("note:"):  # the last word before training
            said.append(next(process.stderr))
        time.sleep(1)
        assert process.poll() is None, "training ended before it could be interrupted"
        process.send_signal(signal.SIGINT)
        stdout, rest = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, stdout) == (130, "")
    assert rest == "hybrid: error: interrupted: what stood before stands\n"
    assert state(older.parent) == before and os.listdir(older.parent) == ["kws"]
    assert os.listdir(tmp_path / "scratch") == []
    request.getfixturevalue("trained")
    succeeds(*arguments)
    assert (older / "kws.h").read_bytes() == before[Path("kws/kws.h")]


def test_ctrl_c_while_results_are_written(older, recordings, tiny, trained, monkeypatch, refused):
    import hybrid.fit

    def interrupted(*_):
        raise KeyboardInterrupt

    before = state(older.parent)
    monkeypatch.setattr(hybrid.fit.parity, "check", interrupted)
    line = refused("fit", recordings, "--out", older, "--config", tiny, "--name", "kws", "--quiet", code=130)
    assert line == "hybrid: error: interrupted: what stood before stands"
    assert state(older.parent) == before and os.listdir(older.parent) == ["kws"]


def test_ctrl_c_between_the_two_renames_puts_the_older_result_back(
    older, recordings, tiny, trained, monkeypatch, refused
):
    real = os.replace
    before = state(older.parent)

    def replace(source, target):
        if Path(target).name == "kws" and Path(source).name.startswith(".kws."):
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    refused("fit", recordings, "--out", older, "--config", tiny, "--name", "kws", "--quiet", code=130)
    assert state(older.parent) == before and os.listdir(older.parent) == ["kws"]
