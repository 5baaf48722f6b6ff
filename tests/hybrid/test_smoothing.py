"""Smoothing in C equals smoothing in Python, and both do what they say."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hybrid.smoothing import ClipSum, ExponentialScores, MajorityLabel, MeanScores
from tests.c_helpers import C99, CPP11, compile_shared, compile_to, compilers, run_program

SOURCE = """\
#include "hyb_smooth.h"
{linkage}void means(const int32_t *scores, int32_t n, int32_t classes, int32_t windows, int32_t *out);
{linkage}void exponentials(const int32_t *scores, int32_t n, int32_t classes, int32_t shift, int32_t *out);
{linkage}void majorities(const int32_t *labels, int32_t n, int32_t windows, int32_t *out);
{linkage}void clips(const int32_t *scores, int32_t n, int32_t classes, int32_t margin, int32_t *out);
static int64_t sums[4];
static int32_t memory[256 * 4];
{linkage}void means(const int32_t *scores, int32_t n, int32_t classes, int32_t windows, int32_t *out) {{
  hyb_mean s;
  hyb_mean_init(&s, memory, out, classes, windows);
  for (int32_t i = 0; i < n; i++, s.mean += classes) hyb_mean_add(&s, scores + i * classes);
}}
{linkage}void exponentials(const int32_t *scores, int32_t n, int32_t classes, int32_t shift, int32_t *out) {{
  hyb_exponential s;
  hyb_exponential_init(&s, memory, out, classes, shift);
  for (int32_t i = 0; i < n; i++, s.mean += classes) hyb_exponential_add(&s, scores + i * classes);
}}
{linkage}void majorities(const int32_t *labels, int32_t n, int32_t windows, int32_t *out) {{
  hyb_majority s;
  hyb_majority_init(&s, memory, windows);
  for (int32_t i = 0; i < n; i++, out += 2) out[0] = hyb_majority_add(&s, labels[i], out + 1);
}}
{linkage}void clips(const int32_t *scores, int32_t n, int32_t classes, int32_t margin, int32_t *out) {{
  hyb_clip s;
  hyb_clip_init(&s, sums, classes, margin);
  for (int32_t i = 0; i < n; i++, out += 2) out[0] = hyb_clip_add(&s, scores + i * classes, out + 1);
}}
"""


def call(name, rows, *numbers, width):
    """Run the C over int32 rows (n, ...); int64 (n, width)."""
    library = compile_shared(SOURCE.format(linkage=""), C99)
    rows, out = np.ascontiguousarray(rows, np.int32), np.zeros((len(rows), width), np.int32)
    getattr(library, name)(ctypes.c_void_p(rows.ctypes.data), len(rows), *numbers, ctypes.c_void_p(out.ctypes.data))
    return out.astype(np.int64)


def score_rows(limit):
    """Scores of 1 to 20 decisions on 4 classes."""
    return st.integers(1, 20).flatmap(lambda n: hnp.arrays(np.int32, (n, 4), elements=st.integers(-limit, limit)))


@settings(max_examples=100, deadline=None)
@given(score_rows(2**30), st.one_of(st.integers(1, 8), st.just(256)))
def test_means_are_those_of_the_last_windows(scores, windows):
    smooth = MeanScores(windows)
    python = np.array([smooth.add(row) for row in scores])
    np.testing.assert_array_equal(call("means", scores, 4, windows, width=4), python)
    exact = np.array([scores[max(0, i + 1 - windows) : i + 1].mean(axis=0) for i in range(len(scores))])
    assert (np.abs(python - exact) <= 0.5).all()


@settings(max_examples=100, deadline=None)
@given(score_rows(2**31 - 1), st.integers(0, 8))
def test_exponential_averages_follow_their_formula(scores, shift):
    smooth = ExponentialScores(shift)
    python = np.array([smooth.add(row) for row in scores])
    np.testing.assert_array_equal(call("exponentials", scores, 4, shift, width=4), python)
    cut = np.clip(scores, -(2**21), 2**21)
    exact = cut[0].astype(float)
    for row, found in zip(cut, python, strict=True):
        exact += (row - exact) / 2**shift
        assert (np.abs(found - exact) <= 2).all()  # each step rounds down by less than 1/256, and forgets by 1/2**shift


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.int32, st.integers(1, 30), elements=st.integers(-1, 3)), st.integers(1, 7))
def test_the_majority_is_the_commonest_label_and_the_latest_on_a_tie(labels, windows):
    smooth = MajorityLabel(windows)
    python = [smooth.add(label) for label in labels]
    assert call("majorities", labels, windows, width=2).tolist() == [list(pair) for pair in python]
    for i, (label, votes) in enumerate(python):
        last = labels[max(0, i + 1 - windows) : i + 1].tolist()
        counts = {own: last.count(own) for own in last}
        assert votes == counts[label] == max(counts.values())
        rivals = [own for own in counts if counts[own] == votes]
        assert max(rivals, key=lambda own: max(j for j, x in enumerate(last) if x == own)) == label


@settings(max_examples=100, deadline=None)
@given(score_rows(2**31 - 1), st.one_of(st.integers(0, 2**31 - 1), st.just(0)))
def test_the_sum_of_a_clip_is_clear_once_it_leads_by_the_margin(scores, margin):
    smooth = ClipSum(margin)
    python = [smooth.add(row) for row in scores]
    assert call("clips", scores, 4, margin, width=2).tolist() == [list(pair) for pair in python]
    for total, (label, clear) in zip(np.cumsum(scores.astype(np.int64), axis=0), python, strict=True):
        rest = np.delete(total, label)
        assert total[label] >= rest.max() and clear == (total[label] - rest.max() >= margin)


def test_means_over_one_window_are_the_scores_and_over_two_their_middle():
    assert MeanScores(1).add(np.array([5, -7])).tolist() == [5, -7]
    smooth = MeanScores(2)
    assert [smooth.add(np.array(row)).tolist() for row in ([4, -4], [7, -7], [8, -8])] == [[4, -4], [6, -5], [8, -7]]


@pytest.mark.parametrize(
    "make, number", [(MeanScores, 0), (MeanScores, 257), (ExponentialScores, 9), (MajorityLabel, -1), (ClipSum, -1)]
)
def test_numbers_out_of_range_are_refused(make, number):
    with pytest.raises(ValueError, match=f"not {number}"):
        make(number)


@pytest.mark.parametrize("compiler", compilers())
def test_every_compiler_accepts_it_without_a_warning(compiler):
    compile_to("o", SOURCE.format(linkage=""), (*C99, "-O2"), compiler)
    compile_to("o", SOURCE.format(linkage='extern "C" '), (*CPP11, "-O2"), compiler)


EXTREMES = """
#include <stdio.h>
int main(void) {
  static int32_t in[40], out[40];
  if (fread(in, sizeof in, 1, stdin) != 1) return 1;
  means(in, 10, 4, 3, out);
  exponentials(in, 10, 4, 1, out);
  clips(in, 10, 4, 2147483647, out);
  return 0;
}
"""


def test_no_scores_overflow():
    """Undefined behaviour would end the program."""
    if "gcc" not in compilers():
        pytest.skip("gcc is not here: its sanitizer was not run")
    scores = np.resize(np.array([2**31 - 1, -(2**31), 2**30, -(2**30), 0], np.int32), 40)
    flags = ("-std=c99", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
    run_program(SOURCE.format(linkage="") + EXTREMES, scores.tobytes(), flags, "gcc")
