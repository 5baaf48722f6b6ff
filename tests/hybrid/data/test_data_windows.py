"""Cutting clips to the model's window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.data import fit_window, windows

lengths = st.integers(0, 300)


def ramp(n):
    return np.arange(1, n + 1, dtype=np.int16)


@settings(deadline=None, max_examples=50)
@given(lengths, st.integers(1, 120))
def test_fit_window_pads_or_crops_evenly_on_both_sides(n, size):
    out = fit_window(ramp(n), size)
    assert out.shape == (size,)
    assert out.dtype == np.int16
    sounding = out[out != 0]
    assert len(sounding) == min(n, size)
    if n < size:
        before = int(np.argmax(out != 0)) if n else size // 2
        after = size - n - before if n else size - before
        assert 0 <= after - before <= 1
    else:
        before, after = sounding[0] - 1, n - sounding[-1]
        assert abs(before - after) <= 1
    assert np.array_equal(np.diff(sounding), np.ones(max(0, len(sounding) - 1)))


@settings(deadline=None, max_examples=50)
@given(lengths, st.integers(1, 120), st.data())
def test_windows_lose_no_sample_of_a_long_clip(n, size, data):
    hop = data.draw(st.integers(1, size))
    out = windows(ramp(n), size, hop)
    assert out.dtype == np.int16
    assert out.shape[1] == size
    if n > 1.1 * size:
        assert set(out.ravel().tolist()) == set(range(1, n + 1))
        assert out[-1, -1] == n
    else:
        assert np.array_equal(out, fit_window(ramp(n), size)[np.newaxis])


def test_a_clip_ten_percent_over_is_one_centred_window_and_a_longer_one_is_two():
    assert windows(ramp(110), 100, 50).tolist() == [list(range(6, 106))]
    assert windows(ramp(111), 100, 50)[:, 0].tolist() == [1, 12]


def test_the_last_window_is_not_doubled_where_the_hop_meets_the_end():
    assert windows(ramp(200), 100, 50)[:, 0].tolist() == [1, 51, 101]


def test_silent_windows_are_dropped_unless_all_are_silent():
    clip = np.concatenate([ramp(100), np.zeros(200, np.int16)])
    assert len(windows(clip, 100, 100)) == 1
    assert len(windows(np.zeros(300, np.int16), 100, 100)) == 3


@pytest.mark.parametrize(("size", "hop"), [(0, 1), (10, 0), (10, 11)])
def test_a_hop_that_would_lose_audio_is_refused(size, hop):
    with pytest.raises(ValueError, match="hop"):
        windows(ramp(50), size, hop)
