"""The statistics as lines for people and as CSV tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybrid.errors import HybridError, few

TABLES = ("maps", "places", "features", "trees", "nodes", "stages", "classes", "first")
SHOWN = 8


def text(found: Mapping[str, Any]) -> str:
    """A summary in a few lines."""
    source, cost = found["source"], found["cost"]
    where = f"{source['path']}" + (f", split {source['split']}" if source.get("split") else "")
    lines = [
        f"{found['name']}: {found['decisions']} decisions ({'device counters' if source['kind'] == 'dump' else 'clips'}"
        f" of {where})",
        f"cost per decision: mean {cost['mean'] / 1e6:.3f}, most {cost['max_seen'] / 1e6:.3f}, bound "
        f"{cost['static_max'] / 1e6:.3f} M {found['unit']} of a {found['core']}",
        "leaving after stages: " + ", ".join(f"{row['left']:.1%}" for row in found["stages"]),
    ]
    dearest = sorted((row for row in found["maps"] if row["cost_share"]), key=lambda row: -row["cost_share"])[:SHOWN]
    if dearest:
        lines.append("dearest maps: " + ", ".join(f"{row['name']} {row['cost_share']:.1%}" for row in dearest))
    most = sorted(found["features"], key=lambda row: -row["reads"])[:SHOWN]
    lines.append("read most: " + ", ".join(f"{row['name']} {row['reads']:.2f}" for row in most))
    if "first" in found:
        lines.append("tell most for their price: " + ", ".join(
            f"{row['feature']} <= {row['threshold']} ({row['alone_bits']:.2f} bits)" for row in found["first"][:SHOWN]
        ))  # fmt: skip
    return "\n".join([*lines, *_unused(found)])


def _unused(found: Mapping[str, Any]) -> list[str]:
    unused, total = found["unused"], len(found["features"])
    lines = []
    for name, words in (("never", "never read"), ("hardly", "read in under 1 % of decisions")):
        if unused[name]:
            lines.append(f"{len(unused[name])} of {total} features {words}: {few(unused[name], SHOWN)}")
    if unused["places"]:
        named = [f"{p['map']} {p['axis']} {p['index']}" for p in unused["places"]]
        lines.append(f"{len(named)} time columns, bands or channels never computed: {few(named, SHOWN)}")
    return lines


def check_folders(*folders: Path | None) -> None:
    """Raise HybridError for a folder of results that is a file, before the work has begun."""
    for folder in folders:
        if folder is not None and folder.exists() and not folder.is_dir():
            raise HybridError(f"{folder} is a file: name a folder")


def write_csv(found: Mapping[str, Any], folder: Path) -> list[Path]:
    """A file a table, `<table>.csv`, and `looks_<map>.csv` with a row a time column; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in TABLES:
        rows = found.get(name)
        if rows:
            written.append(_table(folder / f"{name}.csv", list(rows[0]), [list(row.values()) for row in rows]))
    for look in found["looks"]:
        head = ["time", *(f"band {b}" for b in range(len(look["looked"][0])))]
        rows = [[t, *row] for t, row in enumerate(look["looked"])]
        written.append(_table(folder / f"looks_{look['map']}.csv", head, rows))
    return written


def _table(path: Path, head: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows([[_cell(value) for value in row] for row in rows])
    return path


def _cell(value: Any) -> Any:
    """Lists as words apart, nothing for what is not known."""
    return " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else value
