"""Ctrl-C: exit code 130 and one line; what stood before stands, nothing is left beside it, a rerun works."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def older(model, tmp_path):
    """An older result, in a folder of its own."""
    return shutil.copytree(model.folder, tmp_path / "results" / "kws")


def state(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def until(terminal, words):
    """Wait for words on a terminal. Words of the training itself: before, it is libraries that are loaded."""
    said = b""
    while words.encode() not in said:
        said += os.read(terminal, 4096)


def heeding_ctrl_c():
    """As on a terminal: what a shell starts in the background ignores the signal, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def the_rest(terminal):
    said = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(terminal, 4096):
            said += part
    return said.decode()


def test_ctrl_c_during_training(older, recordings, tiny, tmp_path, request, succeeds):
    (tmp_path / "scratch").mkdir()
    before = state(older.parent)
    arguments = ["fit", recordings, "--out", older, "--config", tiny, "--name", "kws"]
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 120))  # bars are drawn for a width
    process = subprocess.Popen(
        [sys.executable, "-m", "hybrid.cli", *arguments, "--set", "training.epochs=1000000", "--seed", "1"],
        stdout=subprocess.PIPE, stderr=end, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "scratch")},
        preexec_fn=heeding_ctrl_c,
    )  # fmt: skip
    os.close(end)
    watchdog = threading.Timer(240, process.kill)
    watchdog.start()
    try:
        until(terminal, "float:")  # the bar of the first phase
        process.send_signal(signal.SIGINT)
        rest = the_rest(terminal)
        stdout, _ = process.communicate()
    finally:
        process.kill()
        watchdog.cancel()
    assert (process.returncode, stdout) == (130, b"")
    assert rest.splitlines()[-1] == "hybrid: error: interrupted: what stood before stands"
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
