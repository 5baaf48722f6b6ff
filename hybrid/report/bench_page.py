"""A measurement by `hybrid bench` as pictures and a page."""

from __future__ import annotations

import html
import io
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from hybrid.report.bench_text import csv_text, text
from hybrid.report.files import to_json
from hybrid.report.formats import scale, significant

COLORS = (
    "#8a949e", "#1867a8", "#cc6a12", "#2a8a4d", "#7a4fb0", "#14929c", "#8a7a3a", "#b03a5b", "#c2a000", "#3f4a8c",
    "#e58fb1", "#6b7f1e",
)  # fmt: skip
INK = "#17212b"
BAR = 0.27  # inches of height for a map
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; padding: 1.5rem; max-width: 62rem; color: #17212b; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }}
h1 {{ font-size: 1.6rem; }}
svg {{ width: 100%; height: auto; }}
pre {{ background: #f5f7f9; border-radius: 6px; padding: 1rem; overflow-x: auto; font-size: .85rem; }}
</style>
<h1>{title}</h1>
{picture}
<pre>{text}</pre>
</html>
"""


def write(found: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write bench.json, .csv, .svg, .png and .html into `folder`, which is made where it is absent."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing = figure(found)
    svg = _saved(drawing, "svg").decode()
    title = html.escape(f"{found['name']} on {found['core']}")
    page = PAGE.format(title=title, picture=svg[svg.index("<svg") :], text=html.escape(text(found)))
    contents = {
        "bench.json": to_json(dict(found)).encode(),
        "bench.csv": csv_text(found).encode(),
        "bench.svg": svg.encode(),
        "bench.png": _saved(drawing, "png"),
        "bench.html": page.encode(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def figure(found: Mapping[str, Any]) -> Figure:
    """Instructions by map, stacked by stage, over a histogram of instructions per decision."""
    rows = [m for m in found["maps"] if m["mean"] or m["eager"]]
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"text.parse_math": False, "font.size": 10, "text.color": INK})
        drawing = Figure(figsize=(9, 4.4 + BAR * (len(rows) + 1)), layout="constrained")
        top, bottom = drawing.subplots(2, 1, height_ratios=[1.2 + BAR * (len(rows) + 1), 2.6])
        _maps(top, rows, found)
        _histogram(bottom, found)
    return drawing


def _maps(axes: Axes, rows: list[Mapping[str, Any]], found: Mapping[str, Any]) -> None:
    stages, told = found["stages"], found["stages"][0]["mean"] is not None
    outside = found["forest"]["mean"] - sum(s["forest"] or 0 for s in stages)
    forest = [outside, *(s["forest"] or 0 for s in stages)]
    bars = [(m["name"], m["by_stage"], m["eager"]) for m in rows] + [("forest and the rest", forest, None)]
    names = ["outside the stages" if told else "all stages", *(f"stage {s['number'] + 1}" for s in stages)]
    places = list(range(len(bars) - 1, -1, -1))
    for number, name in enumerate(names):
        widths = [parts[number] for _, parts, _ in bars]
        if any(widths):
            left = [sum(parts[:number]) for _, parts, _ in bars]
            axes.barh(places, widths, 0.62, left, color=COLORS[number % len(COLORS)], label=name)
    eager = [(place, whole) for place, (_, _, whole) in zip(places, bars, strict=True) if whole is not None]
    axes.plot([w for _, w in eager], [p for p, _ in eager], "|", color=INK, markersize=12, label="eager: whole map")
    reach = max([*(w for _, w in eager), *(sum(parts) for _, parts, _ in bars)], default=1)
    _number_axis(axes, reach)
    axes.set_yticks(places, [name for name, _, _ in bars])
    axes.set_xlabel(f"{scale(reach)[1]} instructions per decision (mean)".strip())
    axes.set_title(f"{found['name']} on {found['core']}, {found['compiler']}", fontsize=10, loc="left")
    axes.grid(axis="x", linewidth=0.5)
    axes.legend(frameon=False, loc="lower right")


def _histogram(axes: Axes, found: Mapping[str, Any]) -> None:
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    widths = [b - a for a, b in itertools.pairwise(edges)]
    axes.bar(edges[:-1], counts, widths, align="edge", color=COLORS[1])
    marks = (("mean", found["lazy"]["mean"], "-"), ("p95", found["lazy"]["p95"], "--"))
    for name, value, style in (*marks, ("eager mean", found["eager"]["mean"], ":")):
        divisor, prefix = scale(value)
        shown = f"{name} {significant(value / divisor)} {prefix}".strip()
        axes.axvline(value, color=COLORS[2] if name.startswith("eager") else INK, linestyle=style, label=shown)
    reach = max(edges[-1], found["eager"]["mean"])
    _number_axis(axes, reach)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel(f"{scale(reach)[1]} instructions of a decision".strip())
    axes.set_ylabel("decisions")
    axes.legend(frameon=False)


def _number_axis(axes: Axes, reach: float) -> None:
    divisor = scale(reach)[0]
    axes.set_xlim(0, reach * 1.04 or 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:g}"))
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _saved(drawing: Figure, kind: str) -> bytes:
    """The picture's bytes: the same figures give the same bytes."""
    out = io.BytesIO()
    FigureCanvasAgg(drawing)
    with matplotlib.rc_context({"svg.hashsalt": "hybrid bench", "svg.fonttype": "none"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        drawing.savefig(out, format=kind, dpi=120, metadata=metadata)
    return out.getvalue()
