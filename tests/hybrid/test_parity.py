"""One wrong bit is found and told: the field, how many windows, the first of them, who differs."""

import numpy as np
import pytest

from hybrid.errors import HybridError
from hybrid.parity import compare

NAMES = ("one", "two", "three")


def answers():
    return {"label": np.array([0, 1, 2]), "scores": np.arange(6).reshape(3, 2)}


def test_equal_answers_pass_and_fields_that_are_not_named_are_not_compared():
    got = answers()
    compare(answers(), got, ("label", "scores"), NAMES, "C")
    got["scores"][1, 0] ^= 1
    compare(answers(), got, ("label",), NAMES, "C")


def test_the_first_window_that_differs_is_named():
    got = answers()
    got["scores"][1:, 0] ^= 1
    with pytest.raises(HybridError, match=r"^parity failed: scores of 2 of 3 windows differs .* the C, first in two: "):
        compare(answers(), got, ("label", "scores"), NAMES, "C")


def test_answers_that_end_earlier_are_compared_with_the_first_windows():
    got = {name: values[:2].copy() for name, values in answers().items()}
    compare(answers(), got, ("label", "scores"), NAMES, "stream")
    got["label"][1] = 5
    with pytest.raises(HybridError, match=r"^validation failed: label of 1 of 2 windows .* first in two: look there$"):
        compare(answers(), got, ("label", "scores"), NAMES, "stream", "validation", "look there")
