"""One tiny fitted model for all tests of this folder, its recordings, and the command line in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

RATE = 8000
TONES = {"low": 300, "2nd gear!": 1200, "größe": 2800}
CLIPS = 6
TINY = """
[audio]
rate = 8000
window_s = 0.5
[front_end]
frame = 256
hop = 160
bands = 16
fmax = 4000
[trunk]
channels = [8, 8]
kernels = [3, 3]
strides = [2, 2]
band_kernels = [1, 1]
band_strides = [1, 1]
heads = [1, 2]
extra_parts = []
[training]
copies = 2
teachers = 0
epochs = 1
quant_epochs = 1
min_steps = 4
threads = 1
[forest]
rounds = [2]
leaves = 4
min_leaf = 1
copies = 1
threads = 1
[data]
silence_clips = 3
"""


def tone(hz: float, seed: int, rate: int = RATE, seconds: float = 0.5) -> np.ndarray:
    """A noisy tone, float64 [n]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * hz * (1 + 0.05 * rng.standard_normal()) * time + rng.uniform(0, 6))
    return 0.3 * wave + 0.03 * rng.standard_normal(len(time))


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    """An audio file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.fixture(scope="session", autouse=True)
def one_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The cache of this run: nothing may pass thanks to what another run left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRID_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("HYBRID_CC", raising=False)
        yield


@pytest.fixture(scope="session")
def make_tone() -> Callable[..., np.ndarray]:
    return tone


@pytest.fixture(scope="session")
def write_wav() -> Callable[..., Path]:
    return write


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of tones whose names are no C identifiers, and a `_silence_` folder with an all-zero clip in it."""
    root = tmp_path_factory.mktemp("recordings")
    for number, (word, hz) in enumerate(TONES.items()):
        for clip in range(CLIPS):
            write(root / word / f"take ü {clip}.wav", tone(hz, 100 * number + clip))
    rng = np.random.default_rng(7)
    for clip in range(CLIPS):
        write(root / "_silence_" / f"{clip}.wav", 0.002 * clip * rng.standard_normal(RATE // 2))
    return root


@pytest.fixture
def copied(recordings: Path, tmp_path: Path) -> Path:
    """The recordings as a copy that a test may spoil."""
    return Path(shutil.copytree(recordings, tmp_path / "copied"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of a fit that takes seconds."""
    path = tmp_path_factory.mktemp("settings") / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def run(*args: object) -> Result:
    """`hybrid ARGS` in this process. A traceback fails the test."""
    from hybrid.cli import cli

    result = CliRunner().invoke(cli, [str(a) for a in args], prog_name="hybrid")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@pytest.fixture(scope="session")
def hybrid() -> Callable[..., Result]:
    return run


@pytest.fixture(scope="session")
def succeeds() -> Callable[..., Result]:
    """Run, and require exit code 0 and nothing that looks like trouble."""

    def check(*args: object) -> Result:
        result = run(*args)
        assert result.exit_code == 0, result.stderr
        assert "error" not in result.stderr and "Traceback" not in result.stderr
        return result

    return check


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """Run, and require exit code 2 with just one line; returns it."""

    def check(*args: object, code: int = 2) -> str:
        result = run(*args)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("hybrid: error: "), result.stderr
        return lines[0]

    return check


@dataclass(frozen=True)
class Fit:
    """A finished `hybrid fit --json --name kws`."""

    folder: Path
    stdout: str
    stderr: str
    fitted: Any  # hybrid.training.Fitted: what training gave


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, recordings: Path, tiny: Path) -> Fit:
    """The model that tests share."""
    import hybrid.fit

    kept: list[Any] = []
    train = hybrid.fit.fit_windows

    def keep(*args: Any) -> Any:
        kept.append(train(*args))
        return kept[-1]

    folder = tmp_path_factory.mktemp("models") / "kws"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hybrid.fit, "fit_windows", keep)
        result = run("fit", recordings, "--out", folder, "--config", tiny, "--name", "kws", "--json")
    assert result.exit_code == 0, result.stderr
    return Fit(folder, result.stdout, result.stderr, kept[0])


@pytest.fixture
def trained(model: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    """`hybrid fit --name kws` skips training: it takes what the shared fit trained. All else is done."""
    import hybrid.fit

    def again(*args: Any) -> Any:
        assert model.fitted.plan.labels in args
        return model.fitted

    footprint = {"flash": {"code": 0, "tables": 0, "total": 0}, "ram": {"context": 0}, "by_symbol": []}
    monkeypatch.setattr(hybrid.fit, "fit_windows", again)
    monkeypatch.setattr(hybrid.fit.footprint, "measure", lambda *_: footprint)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test fails if training begins."""
    import hybrid.fit

    def never(*_: Any) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(hybrid.fit, "fit_windows", never)
