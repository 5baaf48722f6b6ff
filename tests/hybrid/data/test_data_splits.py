"""Drawing splits, and the check that no group is in two."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.data.corpus import Clip
from hybrid.data.folds import choose_folds
from hybrid.data.splits import check_groups, draw_splits
from hybrid.errors import DataError

SHARES = {"test": 0.1, "validation": 0.1}


def clip(label, i, group=None, split=None):
    return Clip(Path(f"{label}{i}.wav"), label, split, group, name=f"{label}/{i}")


@st.composite
def grouped_clips(draw):
    pairs = draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8)), min_size=1, max_size=60))
    return [clip(label, i, f"speaker{group}") for i, (label, group) in enumerate(pairs)]


@settings(deadline=None, max_examples=50)
@given(grouped_clips(), st.integers(0, 3))
def test_a_group_is_never_divided_and_every_class_can_be_learnt(clips, seed):
    drawn = draw_splits(clips, SHARES, seed)
    check_groups(drawn, "here")
    assert {c.label for c in drawn if c.split == "train"} == {c.label for c in clips}


@settings(deadline=None, max_examples=200)
@given(grouped_clips(), st.integers(0, 3))
def test_drawing_for_test_leaves_groups_for_train_and_validation(clips, seed):
    drawn = draw_splits(clips, SHARES, seed)
    for label in {c.label for c in clips}:
        groups = {c.group for c in clips if c.label == label}
        tested = {c.group for c in drawn if c.label == label and c.split == "test"}
        assert len(groups) < 3 or len(groups - tested) >= 2


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40), min_size=1), st.integers(0, 3))
def test_each_class_of_three_single_clips_or_more_is_in_every_split_in_proportion(sizes, seed):
    clips = [clip(label, i) for label, size in sizes.items() for i in range(size)]
    counts = Counter((c.label, c.split) for c in draw_splits(clips, SHARES, seed))
    for label, size in sizes.items():
        expected = max(1, round(0.1 * size))
        assert counts[label, "test"] == (expected if size > 1 else 0)
        assert counts[label, "validation"] == (expected if size > 2 else 0)


@settings(deadline=None, max_examples=50)
@given(grouped_clips(), st.randoms())
def test_the_draw_does_not_depend_on_the_order_of_the_clips(clips, random):
    shuffled = clips[:]
    random.shuffle(shuffled)
    assert {c.name: c.split for c in draw_splits(clips, SHARES, 0)} == {
        c.name: c.split for c in draw_splits(shuffled, SHARES, 0)
    }


def test_many_speakers_of_all_words_give_about_a_tenth_each():
    clips = [clip(word, i, f"speaker{i % 100}") for word in "abcde" for i in range(300)]
    drawn = draw_splits(clips, SHARES, 0)
    speakers = defaultdict(set)
    for c in drawn:
        speakers[c.split].add(c.group)
    assert len(speakers["test"]) == len(speakers["validation"]) == 10
    assert len(speakers["train"]) == 80


def test_another_seed_draws_other_groups():
    clips = [clip("a", i) for i in range(200)]
    assert draw_splits(clips, SHARES, 0) != draw_splits(clips, SHARES, 1)


def test_named_splits_stay_and_only_the_wanted_one_is_drawn():
    clips = [clip("a", i, split="test" if i < 50 else None) for i in range(100)]
    drawn = draw_splits(clips, {"validation": 0.1}, 0)
    assert [c.split for c in drawn[:50]] == ["test"] * 50
    assert Counter(c.split for c in drawn[50:]) == {"validation": 5, "train": 45}


def test_a_huge_group_is_passed_over_while_small_ones_do():
    clips = [clip("a", i, "huge" if i < 60 else f"small{i}") for i in range(100)]
    for seed in range(5):
        assert {c.split for c in draw_splits(clips, SHARES, seed) if c.group == "huge"} == {"train"}


def test_a_group_in_two_splits_is_an_error_that_names_both_clips():
    clips = [clip("a", 1, "bob", "train"), clip("b", 2, "bob", "test")]
    with pytest.raises(DataError, match=r"group 'bob' is in two splits: a/1 in train, b/2 in test"):
        check_groups(clips, "here")


def test_a_clip_without_group_is_its_own_and_no_namesake_of_a_group():
    check_groups([clip("a", 1, None, "train"), clip("b", 1, "a/1", "test")], "here")


def test_folds_default_to_the_last_for_test_and_the_next_cyclically_for_validation():
    chosen = choose_folds(["1", "2", "10", "9", "2"], None, None, "here")
    assert (chosen.test, chosen.validation) == ("10", "1")
    assert choose_folds("1234", "2", None, "here").validation == "3"
    assert choose_folds("1234", None, "4", "here").test == "3"
    assert [chosen[fold] for fold in ("10", "1", "2")] == ["test", "validation", "train"]


def test_without_a_validation_fold_all_but_the_test_fold_may_be_drawn_from():
    chosen = choose_folds("12", "2", "none", "here")
    assert [chosen[fold] for fold in "12"] == [None, "test"]
    assert choose_folds(["a", "none", "b"], "a", "none", "here").validation == "none"


@pytest.mark.parametrize(
    ("folds", "test", "validation", "message"),
    [("12", None, None, "three are needed"), ("123", "5", None, "no test fold 5"), ("123", "1", "1", "name two folds")],
)
def test_folds_that_cannot_be_used_are_errors(folds, test, validation, message):
    with pytest.raises(DataError, match=message):
        choose_folds(folds, test, validation, "here")
