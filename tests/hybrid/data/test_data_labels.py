"""Class names: order, and C names made from them."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.data.labels import c_identifier, c_identifiers, sort_labels
from hybrid.errors import DataError, few


def test_words_are_sorted_and_the_reserved_classes_stand_last():
    assert sort_labels(["_unknown_", "yes", "_silence_", "no", "yes"]) == ["no", "yes", "_silence_", "_unknown_"]


def test_readable_names_stay_readable():
    labels = ["yes", "_silence_", "dog bark", "Café", "3 beeps", "int", "new", "été-hiver"]
    names = ["yes", "silence", "dog_bark", "Cafe", "n3_beeps", "int_", "new_", "ete_hiver"]
    assert c_identifiers(labels) == names


def test_a_label_without_latin_letters_gets_its_code_points():
    assert c_identifier("да") == "u434_u430"
    assert c_identifier("---") == "label"


def test_names_that_would_collide_are_numbered_even_when_only_case_differs():
    assert c_identifiers(["on", "_on_", "ON", "on 2"]) == ["on", "on_2", "ON_3", "on_2_2"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(), max_size=12))
def test_any_labels_become_different_c_identifiers(labels):
    names = c_identifiers(labels)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in names)
    assert len({name.lower() for name in names}) == len(labels)


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_an_error_is_one_printable_line_whatever_it_quotes(text):
    message = str(DataError(f"file {text}\n\udcff is bad"))
    assert "\n" not in message
    message.encode("utf-8")


def test_few_names_some_and_counts_the_rest():
    assert few("abc", 5) == "a, b, c"
    assert few("abcdefg", 2) == "a, b and 5 more"
