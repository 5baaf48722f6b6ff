"""Audio files made on the spot, and the real sets where they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 8000


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own empty cache: none may pass thanks to what another left behind."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HYBRID_CACHE", str(folder))
    return folder


@pytest.fixture
def write_audio() -> Callable[..., Path]:
    """A function that writes an audio file; samples default to a tenth of a second of noise named by its path."""

    def write(path: Path, samples: np.ndarray | None = None, rate: int = RATE, subtype: str | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if samples is None:
            rng = np.random.default_rng(list(f"{path.parent.name}/{path.name}".encode()))
            samples = rng.integers(-3000, 3000, rate // 10).astype(np.int16)
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def class_folders(tmp_path: Path, write_audio: Callable[..., Path]) -> Callable[..., Path]:
    """A function that makes ``<tmp>/words/<word>/<stem>.wav`` from ``word=[stems]`` (or a number of clips)."""

    def make(**words: list[str] | int) -> Path:
        root = tmp_path / "words"
        root.mkdir(exist_ok=True)
        for word, stems in words.items():
            for name in stems if isinstance(stems, list) else [f"clip{i}" for i in range(stems)]:
                write_audio(root / word / f"{name}.wav")
        return root

    return make


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """A function that gives the folder of a real set, and skips the test where it is absent."""
    beside = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    base = Path(os.environ.get("HYBRID_TEST_DATA") or beside)

    def folder(name: str) -> Path:
        if not (base / name).is_dir():
            pytest.skip(f"REAL DATA ABSENT: no {base / name}; set HYBRID_TEST_DATA to the folder that holds {name}")
        return base / name

    return folder
