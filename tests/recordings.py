"""Real recordings for tests: found in ../shared/data beside the repository, or where HYBRID_TEST_DATA points."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(os.environ.get("HYBRID_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SETS = {
    "speech": ("speech_commands/*/*_nohash_*", 16000),
    "noise": ("speech_commands/_background_noise_/*", 16000),
    "digits": ("fsdd/recordings/*", 8000),
    "sounds": ("esc10/audio/*", 44100),
}


def clips(kind: str, count: int) -> np.ndarray:
    """int16 (count, rate): `count` recordings spread over a set, one second each, zeros where one is shorter.

    Skips the test, saying so, where the recordings are not there.
    """
    soundfile = pytest.importorskip("soundfile")
    pattern, rate = SETS[kind]
    files = sorted(path for path in ROOT.glob(pattern) if path.suffix in (".flac", ".wav", ".ogg"))
    if len(files) < count:
        pytest.skip(f"NOT CHECKED ON REAL SOUND: {count} files {pattern} are not under {ROOT}; set HYBRID_TEST_DATA")
    result = np.zeros((count, rate), dtype=np.int16)
    for row, path in zip(result, files[:: len(files) // count], strict=False):
        pcm, found = soundfile.read(path, dtype="int16", always_2d=True)
        assert found == rate, path
        row[: len(pcm)] = pcm[:rate, 0]
    return result
