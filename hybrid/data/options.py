"""What a user may choose when a corpus is opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hybrid.data.files import composed
from hybrid.errors import DataError, few


@dataclass(frozen=True)
class Options:
    """Choices for reading a corpus. A layout names those that only some layouts know in its `OPTIONS`."""

    classes: tuple[str, ...] | None = None  # the rest becomes `_unknown_`; None: every label is a class
    unknown: bool = True  # with classes: keep the rest as `_unknown_` (False: leave it out)
    silence: bool | None = None  # cut `_silence_` from background noise; None: only when classes are named
    silence_clips: int = 50  # `_silence_` clips in validation, and in test
    silence_fraction: float = 0.1  # `_silence_` clips in train, as a share of the other train clips
    silence_seconds: float = 1.0  # length of a `_silence_` clip
    test_fold: str | None = None  # folds: default the last one present
    validation_fold: str | None = None  # folds: default the one after the test fold, cyclically; 'none': drawn
    leave_out: tuple[str, ...] | None = None  # fsdd: speakers kept for testing
    test_takes: tuple[int, ...] | None = None  # fsdd: takes kept for testing
    subset: str | None = None  # esc: 'esc10' takes only the rows that ESC-50's csv marks
    seed: int = 0  # of drawn splits
    test_share: float = 0.1  # of drawn splits
    validation_share: float = 0.1


def as_names(value: str | Iterable[str] | None, what: str) -> tuple[str, ...] | None:
    """``'yes, no'`` or ``['yes', 'no']`` as a tuple; DataError where it is empty or names something twice."""
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else [str(part) for part in value]
    names = tuple(composed(part.strip()) for part in parts if part.strip())
    if not names:
        raise DataError(f"{what} is empty: name at least one, separated by commas, or leave the option out")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{what} names {few(twice)} more than once: name each once")
    return names


def as_takes(value: str | Iterable[int] | None) -> tuple[int, ...] | None:
    """``'5-9,12'`` or ``[5, 6, 7]`` as sorted numbers; DataError where it is neither."""
    if value is None:
        return None
    if not isinstance(value, str):
        return tuple(sorted({int(take) for take in value}))
    takes: set[int] = set()
    for part in as_names(value, "test takes") or ():
        first, dash, last = part.partition("-")
        if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
            raise DataError(f"test takes '{value}': '{part}' is neither a number nor a range: write for instance 5-9")
        takes.update(range(int(first), int(last or first) + 1))
    if not takes:
        raise DataError(f"test takes '{value}' names no take: write the smaller number first, for instance 5-9")
    return tuple(sorted(takes))
