"""Contrast against plain numpy; the C is held to it in tests/codegen/test_front_end_c.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen import interpret
from feature_extractors.graph import Graph
from feature_extractors.ops.base import OpError, Value
from feature_extractors.ops.contrast import CREST, RANGE, Contrast
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.samples import Samples
from feature_extractors.tiles import whole

SOURCE = Value((50, 1, 1), "int16", 0, 12000)


def run(op: Contrast, x: np.ndarray, source: Value = SOURCE) -> np.ndarray:
    """(n, 2) of rows (n, times)."""
    return op.evaluate([x[:, :, None, None]], whole(op.out([source]).shape), [source])[:, 0, 0]


@pytest.mark.parametrize("width", [1, 6, 50])
def test_crest_and_range_are_those_of_moving_sums(width):
    x = np.random.default_rng(width).integers(0, 12001, (40, 50))
    x[0], x[1] = 12000, np.where(np.arange(50) < 1, 12000, 0)
    op = Contrast(width)
    found, (crest, spread) = run(op, x), op.shifts(SOURCE)
    sums = np.stack([x[:, i : i + width].sum(axis=1) for i in range(51 - width)], axis=1)
    assert np.abs(found[:, CREST] - (sums.max(axis=1) - sums.mean(axis=1)) * sums.shape[1] / 2**crest).max() <= 0.51
    assert np.abs(found[:, RANGE] - (sums.max(axis=1) - sums.min(axis=1)) / 2**spread).max() <= 0.51
    out = op.out([SOURCE])
    assert out.lo == 0 and found.min() >= 0 and found.max() <= out.hi <= 32767
    assert not found[0].any()


@given(st.lists(st.integers(0, 9000), min_size=50, max_size=50), st.integers(0, 3000), st.integers(1, 50))
def test_a_gain_moves_nothing(energies, louder, width):
    x = np.array([energies])
    np.testing.assert_array_equal(run(Contrast(width), x), run(Contrast(width), x + louder))


def test_a_word_stands_out_of_noise_however_quiet_and_noise_does_not():
    rng = np.random.default_rng(0)
    graph = Graph()
    graph.add("pcm", Samples(16000, 16000))
    graph.add("loudness", FrameEnergy(160, 320, True), ["pcm"])
    graph.add("contrast", Contrast(6), ["loudness"])
    hiss = rng.standard_normal(16000) * np.array([[50.0], [1000.0]])
    word = hiss.copy()
    word[:, 6000:9000] *= 6
    pcm = np.rint(np.concatenate([hiss, word])).astype(np.int16)
    found = interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), ["contrast"])["contrast"][:, 0, 0]
    assert (found[2:] > 4 * found[:2]).all()
    assert (np.abs(found[0] / found[1] - 1) < 0.05).all() and (np.abs(found[2] / found[3] - 1) < 0.05).all()


def test_what_does_not_fit_is_refused():
    for width in (0, -1, 1.5, 1 << 16):
        with pytest.raises(OpError):
            Contrast(width)
    for source in (Value((5, 1, 1), "int16", 0, 9), Value((50, 2, 1), "int16", 0, 9), Value((50, 1, 1), "int8", 0, 9)):
        with pytest.raises(OpError):
            Contrast(6).out([source])
    with pytest.raises(OpError, match="leave int32"):
        Contrast(400).out([Value((800, 1, 1), "int16", 0, 12000)])
