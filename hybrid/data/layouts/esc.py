"""ESC-10 and ESC-50: ``meta/*.csv`` with filename, fold, category beside ``audio/``.

Clips cut from one recording share a fold; that recording is the group. Files are matched without their suffix.
"""

from __future__ import annotations

import re
from pathlib import Path

from hybrid.data.corpus import Clip, Corpus, present_labels
from hybrid.data.files import audio_files, by_stem, stem
from hybrid.data.folds import choose_folds
from hybrid.data.options import Options
from hybrid.data.tables import Row, read_table
from hybrid.errors import DataError, few

NAME = "esc"
OPTIONS = frozenset({"test_fold", "validation_fold", "subset"})

_NAME = re.compile(r"[0-9]+-(?P<source>[0-9]+)-.+")


def matches(root: Path) -> bool:
    """Whether a table in ``meta`` stands beside ``audio``."""
    return root.is_dir() and (root / "audio").is_dir() and any((root / "meta").glob("*.csv"))


def read(root: Path, options: Options) -> Corpus:
    """One clip per row whose file is there; the others are noted.

    DataError: columns missing, none of the files there, a fold that is not there, a subset of another name.
    """
    tables = sorted((root / "meta").glob("*.csv"))
    header, rows = read_table(tables[0], ("filename", "fold", "category"))
    notes = [f"{few(t.name for t in tables[1:])}: only {tables[0].name} is read"] if len(tables) > 1 else []
    if options.subset is not None:
        rows = _subset(tables[0], header, rows, options.subset)
    files = by_stem(audio_files(root / "audio"))
    rows = rows_with_files(tables[0], rows, [stem(row["filename"]) in files for row in rows], notes)
    folds = choose_folds((row["fold"] for row in rows), options.test_fold, options.validation_fold, tables[0])
    clips = [
        Clip(
            files[stem(row["filename"])],
            label=row["category"],
            split=folds[row["fold"]],
            group=source(row),
            name=stem(row["filename"]),
        )
        for row in rows
    ]
    return Corpus(root, NAME, clips, present_labels(clips), folds.description, notes=notes)


def rows_with_files(table: Path, rows: list[Row], there: list[bool], notes: list[str]) -> list[Row]:
    """The rows whose file is there; a note names some of the others, and DataError where none is."""
    absent = [row for row, found in zip(rows, there, strict=True) if not found]
    if len(absent) == len(rows):
        raise DataError(f"{table}: none of the {len(rows)} files that it names is there: check the audio folder")
    if absent:
        lines = few((f"line {row.line}" for row in absent), 3)
        notes.append(f"{table.name} names {len(absent)} of {len(rows)} files that are not there ({lines})")
    return [row for row, found in zip(rows, there, strict=True) if found]


def source(row: Row) -> str | None:
    """The recording that a clip was cut from: its column in ESC-50 or ESC-10, or else the middle of the file name."""
    match = _NAME.fullmatch(stem(row["filename"]))
    return row.get("src_file") or row.get("clip_id") or (match["source"] if match else None)


def _subset(table: Path, header: list[str], rows: list[Row], subset: str) -> list[Row]:
    if subset != "esc10" or "esc10" not in header:
        raise DataError(f"{table}: no subset '{subset}': the only one is esc10, in tables with that column")
    return [row for row in rows if row["esc10"].lower() in ("true", "1")]
