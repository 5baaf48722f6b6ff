"""The mel tables against librosa's filter bank."""

from __future__ import annotations

import numpy as np
import pytest

from feature_extractors.mel import dense, mel_points, mel_sums, mel_tables

SETTINGS = [
    (16000, 512, 40, 20, 8000),
    (16000, 512, 32, 0, 8000),
    (8000, 256, 20, 60, 3800),
    (44100, 1024, 64, 0, 22050),
    (16000, 128, 10, 300, 7600),
]


@pytest.mark.parametrize("rate, frame, bands, fmin, fmax", SETTINGS)
def test_tables_rebuild_librosas_matrix(rate, frame, bands, fmin, fmax):
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=rate, n_fft=frame, n_mels=bands, fmin=fmin, fmax=fmax, htk=False, norm="slaney")
    tables = mel_tables(rate, frame, bands, fmin, fmax)
    points = mel_points(bands, fmin, fmax)
    found = dense(tables.edges, tables.weights, frame // 2 + 1) / 65536 * (2 / (points[2:] - points[:-2]))
    assert np.abs(found.T - expected).max() <= 2e-5 * expected.max()


def test_sums_are_exact_where_doubles_are_not():
    rng = np.random.default_rng(3)
    tables = mel_tables(16000, 512, 8, 0, 8000)
    bank = dense(tables.edges, tables.weights, 257)
    power = rng.integers(2**29, 2**30, (4, 257)).astype(np.int32)
    assert (mel_sums(power, bank) == power.astype(np.int64) @ bank).all()
    assert mel_sums(power, bank).max() > 2**50
