"""Reading CSV tables that people wrote, with errors that name the line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid.errors import DataError


@dataclass(frozen=True)
class Row:
    """One line of a table: cells by column name, stripped of blanks, and where it stands."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The cell; KeyError where the table has no such column (those required are always there)."""
        return self.cells[column]

    def get(self, column: str) -> str:
        """The cell, or '' where the table has no such column."""
        return self.cells.get(column, "")


def read_table(path: Path, required: Sequence[str]) -> tuple[list[str], list[Row]]:
    """Column names and rows of a comma separated UTF-8 file with a header; blank lines are passed over.

    DataError: not UTF-8, no header, a required column missing, a line with too few or too many cells.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8: save the table as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path}: not a comma separated table ({error}): export it as CSV again") from None
    check_header(path, header, required)
    return header, [_row(path, header, line, cells) for line, cells in lines]


def check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    """DataError where a required column is missing or a column stands twice."""
    missing = [column for column in required if column not in header]
    if missing:
        found = ", ".join(header) or "none"
        raise DataError(f"{path}: no column {', '.join(missing)} (found: {found}): add it to the header line")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise DataError(f"{path}: column {', '.join(twice)} stands more than once: keep one")


def _row(path: Path, header: Sequence[str], line: int, cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise DataError(
            f"{path} line {line}: {len(cells)} cells under {len(header)} columns: put quotes round cells with a comma"
        )
    return Row(line, {column: cell.strip() for column, cell in zip(header, cells, strict=True)})
