"""Writing a report's two files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hybrid.report.html import render
from hybrid.report.plain import plain


def to_json(report: dict[str, Any]) -> str:
    """The report as JSON text: sorted keys, finite numbers only (null for others), a final newline."""
    return json.dumps(plain(report), sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write(report: dict[str, Any], folder: str | os.PathLike[str]) -> None:
    """Write `report.json` and `report.html` into `folder`, which is made where it is absent.

    Each is written aside and renamed, so that a reader never sees half a file. Both are made before either is
    written: a report that cannot be rendered leaves the old pair as it was.
    """
    files = {"report.json": to_json(report), "report.html": render(report)}
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _replace(Path(folder) / name, content)


def _replace(path: Path, content: str) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(content, encoding="utf-8", newline="\n")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
