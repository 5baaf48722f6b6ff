"""Splits from numbered folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hybrid.errors import DataError


@dataclass(frozen=True)
class FoldSplit:
    """Which fold is for testing and which for validation; all others are for training."""

    test: str
    validation: str

    def __getitem__(self, fold: str) -> str:
        return "test" if fold == self.test else "validation" if fold == self.validation else "train"

    @property
    def description(self) -> str:
        """One phrase for reports."""
        return f"fold {self.test} for test, fold {self.validation} for validation, the others for train"


def choose_folds(folds: Iterable[str], test: str | None, validation: str | None, where: object) -> FoldSplit:
    """The split that the user asked for among the folds present.

    Default: the last fold for testing, and for validation the one after the test fold, cyclically.
    DataError: fewer than three folds, a fold that is not there, one fold for both.
    """
    present = sorted(set(folds), key=lambda fold: (not fold.isdecimal(), int(fold) if fold.isdecimal() else 0, fold))
    if len(present) < 3:
        raise DataError(
            f"{where}: folds {', '.join(present)}: three are needed (train, validation, test): add a split column"
        )
    for fold, what in ((test, "test"), (validation, "validation")):
        if fold is not None and fold not in present:
            raise DataError(f"{where}: no {what} fold {fold} (folds: {', '.join(present)}): name one of these")
    if test is None:
        test = present[-1] if validation != present[-1] else present[-2]
    if validation is None:
        validation = present[(present.index(test) + 1) % len(present)]
    if test == validation:
        raise DataError(f"{where}: fold {test} is both the test and the validation fold: name two folds")
    return FoldSplit(test, validation)
