"""The page of `hybrid stats`: readable without network and without scripts; with them, tables sort at a click."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hybrid.report import plots, stats_plots
from hybrid.report.bands_view import bands_view
from hybrid.report.confusion import LEVELS
from hybrid.report.formats import amount, count, number, percent, shape, width
from hybrid.report.html import environment
from hybrid.report.plain import plain

MOST_ROWS = 150
"""Rows of a table on the page; files hold all."""
SCRIPT = """
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  table.tHead.querySelectorAll("th").forEach((head, column) => {
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = row => { const v = row.cells[column].dataset.v; return v === undefined ? null : v; };
      const order = (a, b) => {
        if (a === null || b === null) return (a === null) - (b === null);
        const gap = Number(b) - Number(a);
        return (Number.isNaN(gap) ? b.localeCompare(a) : gap) * (down ? 1 : -1);
      };
      body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
    };
    head.tabIndex = 0;
    head.title = "sort";
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}
"""


@dataclass(frozen=True)
class Column:
    """One column: key of the rows, heading, how a value is shown; bar: whether its length is drawn, too."""

    key: str
    title: str
    show: Callable[[Any], str] = str
    bar: bool = False


def _signed(value: Any) -> str:
    found = number(value)
    return "–" if found is None else f"{found:+.3f}"


def _small(value: Any) -> str:
    found = number(value)
    return "–" if found is None else f"{found:.3f}"


_MAPS = (
    Column("name", "map"), Column("op", "operation"), Column("when", "when"),
    Column("cost_share", "share of cost", percent, True), Column("used_by", "decisions", percent, True),
    Column("computed", "computed", count), Column("hits", "hits", count),
    Column("reads", "read by trees", count), Column("tiles", "tiles", count),
    Column("tiles_ever", "of them ever", count), Column("price", "price of a tile", count),
    Column("shape", "shape", shape), Column("tile", "tile", shape),
)  # fmt: skip
_STAGES = (
    Column("number", "stage"), Column("trees", "trees", count), Column("nodes", "nodes", count),
    Column("base", "starts from"), Column("entered", "entered by", percent, True), Column("left", "left here", percent),
    Column("accuracy_of_left", "right of these", percent), Column("mean_cost_of_left", "their mean cost", count),
    Column("visits", "nodes visited", count), Column("computed", "tiles computed", count),
    Column("hits", "hits", count), Column("cost_share", "share of cost", percent, True),
)  # fmt: skip
_CLASSES = (
    Column("label", "class"), Column("windows", "windows", count), Column("accuracy", "right", percent),
    Column("decided", "answered", count), Column("reads", "nodes visited", count),
    Column("computed", "tiles computed", count), Column("hits", "hits", count),
    Column("mean_cost", "mean cost", count), Column("p95_cost", "95 %", count),
    Column("cost_share", "share of cost", percent, True),
    Column("left", "left at stages", lambda v: ", ".join(percent(s, 0) for s in v) if v else "–"),
)  # fmt: skip
_FEATURES = (
    Column("name", "feature"), Column("kind", "kind"), Column("nodes", "nodes", count),
    Column("reads", "reads", count, True), Column("read_by", "decisions that read it", percent, True),
    Column("computed", "its tile computed", percent), Column("hits", "found there", count),
    Column("cost_share", "share of cost", percent, True), Column("price_alone", "price alone", count),
)  # fmt: skip
_TREES = (
    Column("number", "tree"), Column("stage", "stage"), Column("class", "class"), Column("nodes", "nodes", count),
    Column("entered", "entered by", percent), Column("visits", "visits", count), Column("depth_mean", "depth", count),
    Column("moved", "moves the lead by, logits", _small, True), Column("helped", "for the answer, logits", _signed),
    Column("cost_share", "share of cost", percent, True),
)  # fmt: skip
_NODES = (
    Column("number", "node"), Column("tree", "tree"), Column("stage", "stage"), Column("feature", "feature"),
    Column("threshold", "left up to"), Column("visits", "visits", count), Column("left", "go left", percent),
    Column("bits", "bits it tells", _small, True), Column("moved", "moves the lead by, logits", _small, True),
    Column("cost_share", "share of cost", percent), Column("alone_bits", "bits if first", _small),
    Column("alone_price", "its price if first", count),
)  # fmt: skip
_FIRST = (
    Column("feature", "feature"), Column("threshold", "left up to"), Column("stage", "now in stage"),
    Column("tree", "tree"), Column("visits", "visits now", count), Column("alone_bits", "bits if first", _small, True),
    Column("alone_price", "price alone", count), Column("bits_per_million", "bits a million instructions", count, True),
)  # fmt: skip
_PATHS = (
    Column("share", "decisions", percent, True), Column("stages", "stages"), Column("mean_tiles", "mean tiles", count),
    Column("mean_cost", "mean cost", count), Column("maps", "maps", ", ".join),
)  # fmt: skip


def render(found: Mapping[str, Any]) -> str:
    """The statistics as one self-contained page. Its policy names its only script, which sorts tables, by hash."""
    found = plain(found)
    nodes = sorted(found["nodes"], key=lambda row: -(row["moved"] if row["moved"] is not None else row["visits"]))
    features = sorted(found["features"], key=lambda row: -row["reads"])
    cost = {**found["cost"], "unit": found["unit"]}
    view = {
        "s": found,
        "levels": range(1, LEVELS + 1),
        "script": Markup(SCRIPT),
        "script_hash": base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
        "tiles": _tiles(found),
        "looks": [(look, stats_plots.heat(look)) for look in found["looks"]],
        "bands": bands_view(found),
        "histogram": plots.histogram({"cost": cost}),
        "class_costs": stats_plots.class_costs(found["cost_by_class"], found["unit"])
        if found.get("cost_by_class") else None,
        "parts": _parts(found),
        "strips": _strips(found),
        "values": [(v, stats_plots.values(v, found["labels"])) for v in found.get("values", [])],
        "tables": {
            "maps": _table(_MAPS, found["maps"]), "stages": _table(_STAGES, found["stages"]),
            "classes": _table(_CLASSES, found["classes"]), "features": _table(_FEATURES, features),
            "trees": _table(_TREES, found["trees"]), "nodes": _table(_NODES, nodes),
            "first": _table(_FIRST, found.get("first", [])),
            "paths": _table(_PATHS, found.get("paths", {}).get("most_frequent", [])),
        },
        "most_rows": MOST_ROWS,
    }  # fmt: skip
    return environment().get_template("stats.html.j2").render(view) + "\n"


def write(found: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write stats.html and stats.json into `folder`, which is made where it is absent."""
    from hybrid.report.files import to_json

    contents = {"stats.html": render(found), "stats.json": to_json(dict(found))}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


def _tiles(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """The figures on top."""
    cost, unit = found["cost"], found["unit"]
    read = sum(row["reads"] > 0 for row in found["features"])
    ever, total = (sum(row[key] for row in found["maps"]) for key in ("tiles_ever", "tiles"))
    visits = sum(row["visits"] for row in found["nodes"])
    passed = sum(row["visits"] > 0 for row in found["nodes"])
    return [
        {"label": "decisions", "value": count(found["decisions"]), "note": "counted"},
        {"label": "mean cost", "value": amount(cost["mean"], ""),
         "note": f"{unit}, {amount(cost['max_seen'], '')} at most"},
        {"label": "features read", "value": f"{count(read)} of {count(len(found['features']))}", "note": "by any"},
        {"label": "tiles needed", "value": f"{count(ever)} of {count(total)}", "note": "by any decision"},
        {"label": "nodes visited", "value": count(visits), "note": f"a decision; {count(passed)} of "
         f"{count(len(found['nodes']))} by any"},
    ]  # fmt: skip


def _parts(found: Mapping[str, Any]) -> list[dict[str, str]]:
    parts = found["cost"].get("parts", {})
    total = sum(parts.values()) or 1
    return [
        {"name": name, "value": amount(value, found["unit"], total), "share": percent(value / total),
         "width": width(value, total)}
        for name, value in parts.items()
    ]  # fmt: skip


def _strips(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each map its time, band and channel axes as strips."""
    rows: dict[str, dict[str, Any]] = {}
    for (name, axis), own in itertools.groupby(found["places"], key=lambda row: (row["map"], row["axis"])):
        rows.setdefault(name, {"map": name})[axis] = stats_plots.strip(list(own))
    return list(rows.values())


def _table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Headings and cells; columns of which nothing is known are left out."""
    if not rows:
        return None
    known = [c for c in columns if any(row[c.key] is not None for row in rows)]
    most = {c.key: max((number(row[c.key]) or 0 for row in rows), default=0) for c in known if c.bar}
    numeric = {c.key: all(row[c.key] is None or number(row[c.key]) is not None for row in rows) for c in known}
    return {
        "heads": [(c.title, "num" if numeric[c.key] and not c.bar else "") for c in known],
        "rows": [[_cell(c, row[c.key], numeric[c.key], most.get(c.key)) for c in known] for row in rows[:MOST_ROWS]],
        "more": max(0, len(rows) - MOST_ROWS),
    }


def _cell(column: Column, value: Any, numeric: bool, most: float | None) -> dict[str, Any]:
    shown = "–" if value is None else column.show(value)
    return {
        "text": shown,
        "v": value if numeric or isinstance(value, str) else None,
        "kind": "num" if numeric and most is None else "",
        "bar": width(value or 0, most) if most is not None else None,
    }
