"""Splits from numbered folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hybrid.errors import DataError

NO_FOLD = "none"
"""In place of a validation fold: validation clips are drawn, by group, from all folds but the test fold."""


@dataclass(frozen=True)
class FoldSplit:
    """Which fold is for testing and which for validation; all others are for training.

    validation None: no fold is; splits other than the test fold's are None, to be drawn (hybrid.data.splits).
    """

    test: str
    validation: str | None

    def __getitem__(self, fold: str) -> str | None:
        if fold == self.test:
            return "test"
        if self.validation is None:
            return None
        return "validation" if fold == self.validation else "train"

    @property
    def description(self) -> str:
        """One phrase for reports."""
        if self.validation is None:
            return f"fold {self.test} for test"
        return f"fold {self.test} for test, fold {self.validation} for validation, the others for train"


def choose_folds(folds: Iterable[str], test: str | None, validation: str | None, where: object) -> FoldSplit:
    """The split that the user asked for among the folds present.

    Default: the last fold for testing, and for validation the one after the test fold, cyclically; validation
    NO_FOLD: none. DataError: fewer than three folds (two, without a validation fold), a fold that is not there, one
    fold for both.
    """
    present = sorted(set(folds), key=lambda fold: (not fold.isdecimal(), int(fold) if fold.isdecimal() else 0, fold))
    drawn = validation == NO_FOLD and NO_FOLD not in present
    if len(present) < 3 - drawn:
        raise DataError(
            f"{where}: folds {', '.join(present)}: three are needed (train, validation, test): add a split column"
        )
    for fold, what in ((test, "test"), (None if drawn else validation, "validation")):
        if fold is not None and fold not in present:
            raise DataError(f"{where}: no {what} fold {fold} (folds: {', '.join(present)}): name one of these")
    if test is None:
        test = present[-1] if validation != present[-1] else present[-2]
    if drawn:
        return FoldSplit(test, None)
    if validation is None:
        validation = present[(present.index(test) + 1) % len(present)]
    if test == validation:
        raise DataError(f"{where}: fold {test} is both the test and the validation fold: name two folds")
    return FoldSplit(test, validation)
