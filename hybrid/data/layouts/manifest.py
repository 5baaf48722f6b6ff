"""A CSV manifest: a .csv file, or a folder with ``manifest.csv``.

Columns: `path` (relative to the manifest) and `label`; optional `split`, `fold`, `group`, and `start` and `stop` in
seconds. Where no group is given, all rows of one file are one group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from hybrid.data.corpus import Clip, Corpus, present_labels
from hybrid.data.folds import choose_folds
from hybrid.data.options import Options
from hybrid.data.tables import Row, read_table
from hybrid.errors import DataError, few

NAME = "manifest"
OPTIONS = frozenset({"test_fold", "validation_fold"})

REQUIRED = ("path", "label")
KNOWN = (*REQUIRED, "split", "fold", "group", "start", "stop")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def matches(root: Path) -> bool:
    """A .csv file, or a folder with one called manifest.csv."""
    return _table(root).is_file()


def read(root: Path, options: Options) -> Corpus:
    """One clip per row. Splits come from `split`, else from `fold`, else they are drawn.

    DataError, with the line: a column missing, a file that is not there, an empty label, an unknown split, a time
    range that is none, one piece of audio under two labels or in two splits.
    """
    table = _table(root)
    header, rows = read_table(table, REQUIRED)
    if not rows:
        raise DataError(f"{table}: no rows below the header: add one per clip")
    notes = _header_notes(header)
    _check_files(table, rows)
    splits, description = _splits(table, header, rows, options)
    clips = [_clip(table, row, split) for row, split in zip(rows, splits, strict=True)]
    clips = _without_repeats(table, rows, clips, notes)
    return Corpus(root, NAME, clips, present_labels(clips), description, notes=notes)


def _table(root: Path) -> Path:
    return root if root.suffix.lower() == ".csv" and root.is_file() else root / "manifest.csv"


def _header_notes(header: Sequence[str]) -> list[str]:
    notes = []
    unknown = [column for column in header if column not in KNOWN]
    if unknown:
        notes.append(f"columns {few(unknown)} are not used (known: {', '.join(KNOWN)})")
    if "split" in header and "fold" in header:
        notes.append("column fold is not used: there is a split column")
    return notes


def _check_files(table: Path, rows: Sequence[Row]) -> None:
    absent = [row for row in rows if not row["path"] or not (table.parent / row["path"]).is_file()]
    if absent:
        raise DataError(
            f"{table} line {absent[0].line}: no audio file '{absent[0]['path']}' ({len(absent)} of {len(rows)} rows): "
            f"paths are relative to the manifest: correct or remove these rows"
        )


def _splits(table: Path, header: Sequence[str], rows: Sequence[Row], options: Options) -> tuple[list[str | None], str]:
    if "split" in header:
        if options.test_fold is not None or options.validation_fold is not None:
            raise DataError(f"{table}: has a split column, so no fold can be chosen: leave the fold or the column out")
        splits = [_split(table, row) for row in rows]
        # The train rows are offered for drawing where the table has no validation (or no test) rows.
        complete = {"validation", "test"} <= set(splits)
        return [split if split != "train" or complete else None for split in splits], "split column"
    if "fold" in header:
        for row in rows:
            if not row["fold"]:
                raise DataError(f"{table} line {row.line}: the fold is empty: fill it in")
        folds = choose_folds((row["fold"] for row in rows), options.test_fold, options.validation_fold, table)
        return [folds[row["fold"]] for row in rows], folds.description
    if options.test_fold is not None or options.validation_fold is not None:
        raise DataError(f"{table}: no column fold to choose a fold by: add it, or leave the fold out")
    return [None] * len(rows), ""


def _split(table: Path, row: Row) -> str:
    split = SPLIT_NAMES.get(row["split"].lower())
    if split is None:
        raise DataError(f"{table} line {row.line}: split '{row['split']}': write train, validation or test")
    return split


def _clip(table: Path, row: Row, split: str | None) -> Clip:
    if not row["label"]:
        raise DataError(f"{table} line {row.line}: the label is empty: name the class or remove the row")
    start, stop = _seconds(table, row, "start"), _seconds(table, row, "stop")
    if (start or 0.0) >= (stop if stop is not None else math.inf):
        raise DataError(f"{table} line {row.line}: start {start or 0:g} s is not before stop {stop:g} s: correct them")
    name = row["path"]
    if start is not None or stop is not None:
        name += f"@{start or 0.0:g}-" + ("" if stop is None else f"{stop:g}")
    return Clip(table.parent / row["path"], row["label"], split, row.get("group") or row["path"], start, stop, name)


def _seconds(table: Path, row: Row, column: str) -> float | None:
    text = row.get(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise DataError(f"{table} line {row.line}: {column} '{text}': write seconds from the file's beginning")
    return value


def _without_repeats(table: Path, rows: Sequence[Row], clips: Sequence[Clip], notes: list[str]) -> list[Clip]:
    seen: dict[tuple[Path, float | None, float | None], Clip] = {}
    for row, clip in zip(rows, clips, strict=True):
        first = seen.setdefault((clip.path, clip.start, clip.stop), clip)
        if first.label != clip.label:
            raise DataError(
                f"{table} line {row.line}: {clip.name} is labelled '{clip.label}', but '{first.label}' above: keep "
                f"one of the rows"
            )
        if first.split != clip.split:
            raise DataError(f"{table} line {row.line}: {clip.name} stands in two splits: keep one of the rows")
    if len(seen) < len(clips):
        notes.append(f"{len(clips) - len(seen)} repeated rows were left out")
    return list(seen.values())
