"""Numbers as people read them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hybrid.report import formats
from hybrid.report.confusion import confusion, mistakes

NUMBERS = st.one_of(st.none(), st.booleans(), st.text(), st.integers(), st.floats())


def spaced(text):
    return text.replace(formats.SPACE, " ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 instructions"),
        (950, "950 instructions"),
        (18_234, "18.2 k instructions"),
        (182_345.6, "0.182 M instructions"),
        (1.234e9, "1.23 G instructions"),
        (12_345_678, "12.3 M instructions"),
        (3.25, "3.25 instructions"),
        (None, "–"),
        (float("nan"), "–"),
        (True, "–"),
    ],
)
def test_costs(value, shown):
    assert spaced(formats.amount(value)) == shown


def test_costs_side_by_side_have_one_unit_unless_one_is_tiny():
    assert spaced(formats.amount(81_100, like=219_000)) == "0.0811 M instructions"
    assert spaced(formats.amount(3_103, like=219_000)) == "3.10 k instructions"


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (532, "532 B"), (23_410, "23.4 kB"), (1_234_567, "1.23 MB"), (None, "–")]
)
def test_bytes(value, shown):
    assert spaced(formats.size(value)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0.0 %"), (1, "100.0 %"), (0.912, "91.2 %"), (0.99999, "> 99.9 %"), (0.00001, "< 0.1 %"), (None, "–")],
)
def test_shares_round_neither_to_nothing_nor_to_all(value, shown):
    assert spaced(formats.percent(value)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.312, "0.312 s"),
        (75.23, "75.2 s"),
        (99.97, "100 s"),
        (754.2, "12 min 34 s"),
        (7500, "2 h 05 min"),
        (1.0, "1 s"),
    ],
)
def test_durations(value, shown):
    assert spaced(formats.duration(value)) == shown


def test_differences_are_signed():
    assert spaced(formats.points(0.008)) == "+0.8 points"
    assert spaced(formats.points(-0.0001)) == "±0.0 points"
    assert spaced(formats.change(62, 100)) == "−38 %"
    assert spaced(formats.change(215, 100)) == "+115 %"
    assert formats.change(1, 0) == "–"


def test_accuracies_carry_their_interval_where_there_is_one():
    assert spaced(formats.accuracy({"accuracy": 0.912, "interval": [0.891, 0.93]})) == "91.2 % (89.1–93.0)"
    assert spaced(formats.accuracy({"accuracy": 0.912})) == "91.2 %"


def test_settings_read_as_typed():
    values = (True, None, [32, 48], 1e-4, "mean,max", {"b": 1, "a": [2]})
    assert [formats.setting(v) for v in values] == ["yes", "–", "32, 48", "0.0001", "mean,max", "a: 2, b: 1"]


@given(NUMBERS)
@example(1.797e306)
@example(10**400)
def test_whatever_comes_something_is_shown(value):
    shows = ("count", "amount", "size", "percent", "points", "duration", "rate", "fixed")
    for show in (getattr(formats, name) for name in shows):
        text = show(value)
        assert text and "nan" not in text and "inf" not in text


@given(NUMBERS, NUMBERS)
def test_bars_stay_in_their_track(part, whole):
    assert 0 <= float(formats.width(part, whole).rstrip("%")) <= 100


def test_shades_are_shares_of_a_row():
    found = confusion({"labels": ["a", "b"], "confusion": [[9, 1], [0, 0]]})
    assert [[cell.kind for cell in row] for row in found.rows] == [["d9", "e1"], ["", ""]]


def test_a_matrix_that_does_not_fit_its_labels_is_left_out():
    assert confusion({"labels": ["a", "b"], "confusion": [[1, 2]]}) is None
    assert confusion({}) is None


def test_mistakes_are_listed_most_frequent_first():
    measured = {"labels": ["a", "b", "c"], "confusion": [[5, 2, 0], [4, 6, 0], [0, 0, 3]]}
    assert [(m.truth, m.answer, m.count, m.share) for m in mistakes(measured)] == [
        ("b", "a", 4, 0.4),
        ("a", "b", 2, 2 / 7),
    ]
