"""The comparison of placements: what stays as loud as it was, and what is refused."""

import numpy as np
import pytest

from benchmarks.placing import RULES, main, softened
from hybrid.config import FrontEndConfig


@pytest.mark.parametrize("name", RULES)
def test_what_lies_outside_the_placed_frames_is_softer(name):
    front, rng = FrontEndConfig(frame=512, hop=320), np.random.default_rng(0)
    pcm = rng.integers(-90, 90, (3, 16000)).astype(np.int16)
    begins = [1600, 6400, 11200]
    for row, begin in zip(pcm, begins, strict=True):
        row[begin : begin + 3200] *= 100
    found = softened(pcm, front, 20, RULES[name])
    for row, old, begin in zip(found, pcm, begins, strict=True):
        assert (row[begin : begin + 3200] == old[begin : begin + 3200]).all()
        same = np.flatnonzero(row == old)
        kept = 19 * front.hop + front.frame
        assert (row[old > 80] == old[old > 80]).sum() < (old > 80).sum() and len(same) >= kept
        assert np.abs(row[row != old]).max() <= 3


def test_a_folder_that_is_no_model_is_refused(tmp_path, capsys):
    assert main([str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "error:" in capsys.readouterr().err
