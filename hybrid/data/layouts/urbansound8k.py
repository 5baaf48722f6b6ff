"""UrbanSound8K: ``metadata/UrbanSound8K.csv`` and ``audio/fold1`` to ``audio/fold10``.

The table's start and end count in the original recording, not in the file, so whole files are read. The group is the
recording (fsID); all its slices are in one fold.
"""

from __future__ import annotations

from pathlib import Path

from hybrid.data.corpus import Clip, Corpus, present_labels
from hybrid.data.files import audio_files, by_stem, stem
from hybrid.data.folds import choose_folds
from hybrid.data.layouts.esc import rows_with_files
from hybrid.data.options import Options
from hybrid.data.tables import read_table

NAME = "urbansound8k"
OPTIONS = frozenset({"test_fold", "validation_fold"})

_TABLE = Path("metadata", "UrbanSound8K.csv")


def matches(root: Path) -> bool:
    """Whether the table is there."""
    return (root / _TABLE).is_file()


def read(root: Path, options: Options) -> Corpus:
    """One clip per row whose file is there; the others are noted. DataError as for ESC-50."""
    _, rows = read_table(root / _TABLE, ("slice_file_name", "fsID", "fold", "class"))
    files = {fold: by_stem(audio_files(root / "audio" / f"fold{fold}")) for fold in {row["fold"] for row in rows}}
    notes: list[str] = []
    there = [stem(row["slice_file_name"]) in files[row["fold"]] for row in rows]
    rows = rows_with_files(root / _TABLE, rows, there, notes)
    folds = choose_folds((row["fold"] for row in rows), options.test_fold, options.validation_fold, root / _TABLE)
    clips = [
        Clip(
            files[row["fold"]][stem(row["slice_file_name"])],
            label=row["class"],
            split=folds[row["fold"]],
            group=row["fsID"],
            name=stem(row["slice_file_name"]),
        )
        for row in rows
    ]
    return Corpus(root, NAME, clips, present_labels(clips), folds.description, notes=notes)
