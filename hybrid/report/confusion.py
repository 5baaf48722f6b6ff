"""Confusion matrices as heat maps of table cells, and the confusions worth naming."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEVELS = 10  # shades of a cell; the style sheet has one class for each
SMALL = 16  # classes up to which cells carry their counts


@dataclass(frozen=True)
class Cell:
    """`kind` is the CSS class, "" for an empty cell."""

    kind: str
    count: int


@dataclass(frozen=True)
class Confusion:
    """A matrix ready to be laid out: rows are the truth."""

    labels: list[str]
    rows: list[list[Cell]]
    dense: bool


@dataclass(frozen=True)
class Mistake:
    """How often clips of one class were taken for another, and the share of that class's clips."""

    truth: str
    answer: str
    count: int
    share: float


def confusion(measured: Mapping[str, Any]) -> Confusion | None:
    """The heat map of one split's accuracy; None where the matrix is missing or does not fit its labels."""
    labels, matrix = _matrix(measured)
    if not labels:
        return None
    rows = [[_cell(n, sum(row), i == j) for j, n in enumerate(row)] for i, row in enumerate(matrix)]
    return Confusion(labels, rows, len(labels) > SMALL)


def mistakes(measured: Mapping[str, Any], limit: int = 8) -> list[Mistake]:
    """The most frequent confusions, most frequent first."""
    labels, matrix = _matrix(measured)
    found = [
        Mistake(labels[i], labels[j], n, n / sum(row))
        for i, row in enumerate(matrix)
        for j, n in enumerate(row)
        if n and i != j
    ]
    return sorted(found, key=lambda m: (-m.count, -m.share, m.truth, m.answer))[:limit]


def _matrix(measured: Mapping[str, Any]) -> tuple[list[str], list[list[int]]]:
    labels, matrix = measured.get("labels") or [], measured.get("confusion") or []
    if not matrix or len(matrix) != len(labels) or any(len(row) != len(labels) for row in matrix):
        return [], []
    return [str(label) for label in labels], matrix


def _cell(count: int, total: int, right: bool) -> Cell:
    if not count:
        return Cell("", 0)
    level = max(1, round(LEVELS * count / total))
    return Cell(f"{'d' if right else 'e'}{level}", count)
