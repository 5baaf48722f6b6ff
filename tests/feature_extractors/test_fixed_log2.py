"""The integer logarithm against numpy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feature_extractors.fixed_log2 import log2_q15, table


def logs(*numbers: int) -> list[int]:
    return log2_q15(np.array(numbers, dtype=np.int64)).tolist()


@given(st.integers(1, 2**62 - 1))
def test_error_is_below_a_chord(x):
    assert -6.5 <= logs(x)[0] - 32768 * np.log2(float(x)) <= 0.6


@given(st.integers(1, 2**62 - 2))
def test_a_larger_number_never_has_a_smaller_logarithm(x):
    low, high = logs(x, x + 1)
    assert low <= high


def test_powers_of_two_are_exact():
    assert logs(*(2**n for n in range(62))) == [n << 15 for n in range(62)]


def test_table_does_not_depend_on_the_last_bit_of_a_logarithm():
    exact = 32768 * np.log2(1 + np.arange(33) / 32)
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-4 and (np.abs(exact - table()) < 0.5).all()
