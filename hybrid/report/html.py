"""The page of a report, from the template beside this file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from hybrid.data.labels import c_identifier, sort_labels
from hybrid.report import confusion, formats, overview, plots, stats_plots
from hybrid.report.bands_view import bands_view
from hybrid.report.plain import plain

_FILTERS = (
    formats.accuracy,
    formats.amount,
    formats.count,
    formats.duration,
    formats.fixed,
    formats.interval,
    formats.percent,
    formats.rate,
    formats.setting,
    formats.shape,
    formats.size,
    formats.width,
)
_SPLITS = ("train", "validation", "test", "test_without_silence")
_STEPS = ("data", "trunk", "forest", "c", "parity")
_FAMILIES = ("front end", "trunk", "affine", "forest")


def render(report: dict[str, Any]) -> str:
    """The report as one self-contained HTML page: no script, no network, no other file.

    Sections that `report` lacks are left out. Raises TypeError for a report that is not made of JSON types.
    """
    report = plain(report)
    return environment().get_template("template.html.j2").render(r=report, **_view(report)) + "\n"


def environment() -> Environment:
    """Templates that escape whatever they are given, and shrug at what is missing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({f.__name__: f for f in _FILTERS})
    return environment


def _view(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs beside the report itself."""
    split = overview.measured_split(report)
    measured = report["accuracy"][split] if split else {}
    by_family = overview.at(report, "cost", "by_family") or {}
    curves = overview.at(report, "learning", "validation_accuracy") or {}
    return {
        "summary": overview.summary(report),
        "tiles": overview.tiles(report),
        "versus": overview.versus(report),
        "overlap": overview.overlap(report),
        "unit": overview.unit(report),
        "split": split,
        "measured": measured,
        "confusion": confusion.confusion(measured),
        "mistakes": confusion.mistakes(measured),
        "accuracies": _accuracies(report),
        "decided": overview.decided(report),
        "cost_clips": _cost_clips(report),
        "histogram": plots.histogram(report),
        "looks": [(look, stats_plots.heat(look)) for look in overview.at(report, "access", "looks") or []],
        "bands": bands_view(report),
        "anytime": plots.anytime(report),
        "robustness": plots.robustness(report),
        "front": plots.front(report),
        "families": plots.families(report, _first(_FAMILIES, by_family)),
        "loss": plots.loss(report),
        "learning": plots.learning(report, sorted(curves, key=_natural)),
        "data_table": _data_table(report, measured.get("labels") or []),
        "timing": [(step, report["timing_s"][step]) for step in _first(_STEPS, report.get("timing_s") or {})],
        "c_name": c_identifier(str(report.get("name") or "model")),
        "levels": range(1, confusion.LEVELS + 1),
    }


def _accuracies(report: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Splits and their accuracies, in the order in which they were used."""
    found = report.get("accuracy") or {}
    return [(split.replace("_", " "), found[split]) for split in _first(_SPLITS, found) if found[split]]


def _cost_clips(report: Mapping[str, Any]) -> Any:
    """Over how many clips, or windows of them, costs were measured, None where the report does not say."""
    counts = overview.at(report, "cost", "histogram", "counts") or []
    known = counts and all(formats.number(n) is not None for n in counts)
    return overview.at(report, "cost", "n") or (sum(counts) if known else None)


def _data_table(report: Mapping[str, Any], labels: list[str]) -> dict[str, Any] | None:
    """Clips by class and split: the splits, the rows, the totals."""
    counts = overview.at(report, "data", "counts") or {}
    splits = _first(_SPLITS, counts)
    others = sort_labels(label for split in splits for label in counts[split] if label not in labels)
    known = [label for label in labels if any(label in counts[split] for split in splits)]
    if not known and not others:
        return None
    rows = [(label, [counts[split].get(label, 0) for split in splits]) for label in known + others]
    totals = [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]
    return {"splits": splits, "rows": rows, "totals": totals}


def _first(order: Iterable[str], names: Iterable[str]) -> list[str]:
    """`names` with those of `order` first, in that order, and the others sorted."""
    ranks = {name: rank for rank, name in enumerate(order)}
    return sorted(names, key=lambda name: (ranks.get(name, len(ranks)), name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts depth2 before depth10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
