"""Pictures of the statistics as inline SVG in the page's own colours; what a mark says, its tooltip says."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from hybrid.report.formats import amount, count, percent

HEAT_WIDTH, HEAT_HEIGHT = 660, 330
STRIP = 200
LEFT = 84
"""Room for the names of classes."""
PLOT, ROW = 330, 15


def _svg(width: float, height: float, told: str, parts: Sequence[str], css: str = "") -> Markup:
    head = f'<svg class="{css}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" aria-label="{{}}">'
    return Markup(head).format(told) + Markup("".join(parts) + "</svg>")


def _rect(x: float, y: float, width: float, height: float, opacity: float, told: str, css: str = "cell") -> str:
    fill = f' fill-opacity="{opacity:.3g}"' if opacity < 1 else ""
    place = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}"'
    return f'<rect class="{css}" {place}{fill}><title>{escape(told)}</title></rect>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}">{escape(text)}</text>'


def heat(look: Mapping[str, Any]) -> Markup:
    """Time x band: the stronger a cell, the more decisions look at it. Low bands lie below, as in a spectrogram."""
    cells = look["looked"]
    times, bands = len(cells), len(cells[0])
    wide = max(3.0, min(14.0, HEAT_WIDTH / times))
    high = max(3.0, min(9.0, HEAT_HEIGHT / bands)) if bands > 1 else 18.0
    parts = [f'<rect class="paper" x="40" y="4" width="{times * wide:g}" height="{bands * high:g}"/>']
    for time, column in enumerate(cells):
        start = 0
        for share, run in itertools.groupby(column):
            stop = start + len(list(run))
            if share:
                told = f"{look['map']}, time {time}, {_bands(start, stop, bands)}{_looked(share, look['exact'])}"
                parts.append(
                    _rect(40 + time * wide, 4 + (bands - stop) * high, wide, (stop - start) * high, share, told)
                )
            start = stop
    for time, column in enumerate(look["read"]):
        for band, reads in enumerate(column):
            if reads:
                told = (
                    f"{look['map']}, time {time}, {_bands(band, band + 1, bands)}read {count(reads)} times a decision"
                )
                x, y = 40 + (time + 0.25) * wide, 4 + (bands - band - 0.75) * high
                parts.append(_rect(x, y, wide / 2, high / 2, min(1.0, 0.6 + reads), told, "read"))
    bottom = 4 + bands * high
    if bands > 1:
        parts += [_text(36, bottom - 2, "band 0", "end"), _text(36, 14, str(bands - 1), "end")]
    step = max(1, times // 6)
    parts += [_text(40 + (t + 0.5) * wide, bottom + 14, str(t), "middle") for t in range(0, times, step)]
    parts.append(_text(40 + times * wide, bottom + 28, "time column", "end"))
    told = f"Time columns and bands of {look['map']} that decisions look at"
    return _svg(48 + times * wide, bottom + 32, told, parts, "plot")


def worth(regions: Mapping[str, Any]) -> Markup:
    """Ranges of frames x ranges of bands: the stronger a cell, the more the log-loss rises without it."""
    times, bands, rises = regions["times"], regions["bands"], regions["loss_rise"]
    most = max((max(row) for row in rises), default=0.0) or 1.0
    wide, high = 56.0, 22.0
    parts = [f'<rect class="paper" x="60" y="4" width="{len(times) * wide:g}" height="{len(bands) * high:g}"/>']
    for column, (first, last) in enumerate(times):
        for row, (low, top) in enumerate(bands):
            rise, drop = rises[column][row], regions["accuracy_drop"][column][row]
            told = f"frames {first} to {last}, bands {low} to {top}: log-loss {rise:+.3f}, "
            told += f"accuracy {-100 * drop:+.1f} points"
            place = 60 + column * wide, 4 + (len(bands) - row - 1) * high
            parts.append(_rect(*place, wide, high, min(0.999, max(0.0, rise / most)), told))
    bottom = 4 + len(bands) * high
    parts += [_text(56, bottom - row * high - 7, f"{low}–{top}", "end") for row, (low, top) in enumerate(bands)]
    parts += [
        _text(60 + (column + 0.5) * wide, bottom + 14, f"{first}–{last}", "middle")
        for column, (first, last) in enumerate(times)
    ]
    told = "How much the log-loss rises where a range of bands and frames says nothing"
    return _svg(68 + len(times) * wide, bottom + 20, told, parts, "plot")


def _bands(start: int, stop: int, bands: int) -> str:
    if bands == 1:
        return ""
    return f"band {start}: " if stop == start + 1 else f"bands {start} to {stop - 1}: "


def _looked(share: float, exact: bool) -> str:
    return f"looked at in {percent(share)} of decisions" if exact else "looked at"


def strip(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """One axis of a map as a row of cells, strong where it is computed often."""
    wide = min(12.0, STRIP / len(rows))
    parts = [f'<rect class="paper" x="0" y="0" width="{wide * len(rows):g}" height="14"/>']
    for row in rows:
        share = float(row["ever"]) if row["used_by"] is None else row["used_by"]
        if share or row["reads"]:
            parts.append(_rect(row["index"] * wide, 0, wide, 14, share, _place(row)))
        if row["reads"]:
            parts.append(_rect(row["index"] * wide, 11, wide, 3, 1, _place(row), "read"))
    axis = rows[0]["axis"]
    return _svg(wide * len(rows), 14, f"{rows[0]['map']}: use by {axis}", parts, "strip")


def _place(row: Mapping[str, Any]) -> str:
    told = [f"{row['axis']} {row['index']}"]
    if row["used_by"] is not None:
        told.append(f"computed in {percent(row['used_by'])} of decisions")
        told.append(f"{count(row['computed'])} tiles and {count(row['hits'])} hits a decision")
        told.append(f"{percent(row['cost_share'])} of the cost")
    else:
        told.append("computed" if row["ever"] else "never computed")
    if row["reads"]:
        told.append(f"read {count(row['reads'])} times a decision by trees")
    return ", ".join(told)


def values(item: Mapping[str, Any], labels: Sequence[str]) -> Markup:
    """A row of bars for each class: how its windows' values lie; lines are thresholds, wide where often compared."""
    edges, low = item["edges"], item["edges"][0]
    scale = PLOT / (edges[-1] - low)
    shown = [(label, row) for label, row in zip(labels, item["counts"], strict=True) if sum(row)]
    bottom = ROW * len(shown) + 4
    parts = []
    for number, (label, row) in enumerate(shown):
        base, most = 4 + ROW * (number + 1), max(row)
        parts.append(f'<line class="rule" x1="{LEFT}" y1="{base}" x2="{LEFT + PLOT}" y2="{base}"/>')
        parts.append(_text(LEFT - 6, base - 3, label if len(label) < 13 else label[:12] + "…", "end"))
        for i, n in enumerate(row):
            if n:
                high = (ROW - 2) * n / most
                told = f"{label}: {n} of {sum(row)} windows at {edges[i]} to {edges[i + 1] - 1}"
                place = LEFT + (edges[i] - low) * scale
                parts.append(_rect(place, base - high, (edges[i + 1] - edges[i]) * scale, high, 1, told, "bin"))
    most = max([cut["visits"] for cut in item["thresholds"]], default=0) or 1
    for cut in item["thresholds"]:
        place, wide = LEFT + (cut["value"] + 1 - low) * scale, 0.6 + 2.4 * cut["visits"] / most
        told = f"up to {cut['value']} goes left: compared {count(cut['visits'])} times a decision"
        parts.append(
            f'<line class="cut" x1="{place:.4g}" y1="2" x2="{place:.4g}" y2="{bottom}" stroke-width="{wide:.3g}">'
            f"<title>{escape(told)}</title></line>"
        )
    parts += [_text(LEFT, bottom + 13, str(low)), _text(LEFT + PLOT, bottom + 13, str(edges[-1] - 1), "end")]
    told = f"Values of {item['feature']} by class and {len(item['thresholds'])} thresholds"
    return _svg(LEFT + PLOT + 4, bottom + 18, told, parts, "plot")


def class_costs(rows: Sequence[Mapping[str, Any]], unit: str) -> Markup:
    """What each class's windows cost: line from 5 to 95 %, box from 25 to 75 %, tick at the median."""
    most = max(row["p95"] for row in rows) or 1
    scale, height = PLOT / most, 20
    parts = []
    for number, row in enumerate(rows):
        middle = 12 + height * number
        x = {q: LEFT + row[q] * scale for q in ("p5", "p25", "p50", "p75", "p95")}
        told = f"{row['label']}: median {amount(row['p50'], unit)}, 90 % within {amount(row['p5'], unit)} and "
        told += amount(row["p95"], unit)
        label = row["label"]
        parts.append(_text(LEFT - 6, middle + 4, label if len(label) < 13 else label[:12] + "…", "end"))
        parts.append(f'<line class="whisker" x1="{x["p5"]:.4g}" y1="{middle}" x2="{x["p95"]:.4g}" y2="{middle}"/>')
        parts.append(_rect(x["p25"], middle - 6, max(1, x["p75"] - x["p25"]), 12, 1, told, "box"))
        parts.append(
            f'<line class="median" x1="{x["p50"]:.4g}" y1="{middle - 7}" x2="{x["p50"]:.4g}" y2="{middle + 7}"/>'
        )
        parts.append(_rect(LEFT, middle - 10, PLOT, 20, 0, told, "hover"))
    bottom = 12 + height * len(rows)
    parts += [_text(LEFT, bottom + 8, "0"), _text(LEFT + PLOT, bottom + 8, amount(most, unit), "end")]
    return _svg(LEFT + PLOT + 4, bottom + 14, "Cost of decisions by class", parts, "plot")
