"""Plots as inline SVG: the same input gives the same bytes, and the page's style sheet chooses font and colours.

Matplotlib draws in placeholder colours, which `_inline` turns into CSS variables, so one drawing serves light, dark
and print. Text stays text. Nothing in a drawing points outside it: namespaces and metadata are left out, as inline
SVG needs neither.
"""

from __future__ import annotations

import html
import io
import itertools
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from hybrid.report.formats import UNIT, amount, number, percent, scale
from hybrid.report.overview import decided

WIDTH = 6.0  # inches of 72 px: half of a wide page, all of a phone, where text is still readable
_NAMES = ("ink", "muted", "line", "accent", "soft", "warm", "page", *(f"series{i}" for i in range(6)))
_PLACEHOLDERS = {name: f"#c0de{i:02x}" for i, name in enumerate(_NAMES)}
_STYLES = ("-", "--", ":", "-.")

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": _PLACEHOLDERS["ink"],
    "font.size": 12,
    "axes.edgecolor": _PLACEHOLDERS["line"],
    "axes.labelcolor": _PLACEHOLDERS["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": _PLACEHOLDERS["line"],
    "grid.linewidth": 0.8,
    "xtick.color": _PLACEHOLDERS["line"],
    "ytick.color": _PLACEHOLDERS["line"],
    "xtick.labelcolor": _PLACEHOLDERS["muted"],
    "ytick.labelcolor": _PLACEHOLDERS["muted"],
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
}


@dataclass(frozen=True)
class Mark:
    """A cost worth a line across the histogram."""

    name: str
    value: float
    color: str = "ink"
    style: str = "-"


def histogram(report: Mapping[str, Any]) -> Markup | None:
    """How many clips cost how much, with mean, p95, static maximum and eager as lines.

    None without a histogram, or where all decisions cost the same.
    """
    cost = report.get("cost") or {}
    bins = cost.get("histogram") or {}
    edges, counts = _numbers(bins.get("edges")), _numbers(bins.get("counts"))
    if not counts or len(edges) != len(counts) + 1 or edges[0] == edges[-1]:
        return None
    marks = _marks(cost)
    reach = max([edges[-1], *(mark.value for mark in marks)])
    unit, what = cost.get("unit", UNIT), decided(report)
    return _draw("histogram", 3.3, lambda axes: _histogram(axes, edges, counts, marks, reach, unit, what))


def _histogram(
    axes: Axes, edges: list[float], counts: list[float], marks: list[Mark], reach: float, unit: str, what: str
) -> str:
    widths = [right - left for left, right in itertools.pairwise(edges)]
    axes.bar(edges[:-1], counts, widths, align="edge", color=_PLACEHOLDERS["accent"], linewidth=0)
    axes.set_xlim(0, reach * 1.03 or 1)
    axes.set_ylim(0, max(counts) * 1.05 or 1)
    divisor, prefix = scale(reach)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel(f"cost of a decision, {prefix} {unit}")
    axes.set_ylabel(what)
    axes.grid(axis="y")
    for mark in marks:
        name = f"{mark.name} {amount(mark.value, unit, reach)}"
        axes.axvline(mark.value, color=_PLACEHOLDERS[mark.color], linestyle=mark.style, linewidth=1.4, label=name)
    if marks:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=11, columnspacing=1, handlelength=1.5)
    told = ", ".join(f"{mark.name} {amount(mark.value, unit)}" for mark in marks)
    return f"Histogram of the cost of a decision over {sum(counts):,.0f} {what}: {told}"


def _marks(cost: Mapping[str, Any]) -> list[Mark]:
    """The lines of the histogram from left to right; lines that fall together are one."""
    wanted = (("mean", "mean", "ink", "-"), ("p95", "p95", "ink", "--"))
    wanted += (("static max", "static_max", "warm", "-"), ("eager", "eager", "warm", "--"))
    marks: list[Mark] = []
    for name, key, color, style in wanted:
        value = number(cost.get(key))
        if value is None:
            continue
        if marks and marks[-1].value == value:
            marks[-1] = Mark(f"{marks[-1].name} = {name}", value, marks[-1].color, marks[-1].style)
        else:
            marks.append(Mark(name, value, color, style))
    return sorted(marks, key=lambda mark: mark.value)


def families(report: Mapping[str, Any], order: Sequence[str]) -> Markup | None:
    """Mean and eager cost of each family of maps; None where there are none. `order`: the families, top first."""
    cost = report.get("cost") or {}
    found = cost.get("by_family") or {}
    rows = [(name, number(found[name].get("mean")), number(found[name].get("eager"))) for name in order]
    rows = [(name, mean, eager) for name, mean, eager in rows if mean is not None or eager is not None]
    if not rows:
        return None
    return _draw("families", 0.9 + 0.8 * len(rows), lambda axes: _families(axes, rows, cost.get("unit", UNIT)))


def _families(axes: Axes, rows: list[tuple[str, float | None, float | None]], unit: str) -> str:
    reach = max(max(mean or 0, eager or 0) for _, mean, eager in rows) or 1
    places = range(len(rows) - 1, -1, -1)
    told = []
    for place, (name, mean, eager) in zip(places, rows, strict=True):
        _family_bar(axes, place - 0.19, eager, "soft", f"eager {amount(eager, unit, reach)}")
        share = f" ({percent(mean / eager, 0)})" if eager and mean is not None else ""
        _family_bar(axes, place + 0.19, mean, "accent", f"mean {amount(mean, unit, reach)}{share}")
        told.append(f"{name} {amount(mean, unit)} of {amount(eager, unit)}")
    axes.set_xlim(0, reach * 1.85)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(list(places), [name for name, _, _ in rows])
    axes.tick_params(axis="y", labelcolor=_PLACEHOLDERS["ink"])
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return f"Mean and eager cost by family: {', '.join(told)}"


def _family_bar(axes: Axes, place: float, value: float | None, color: str, label: str) -> None:
    if value is None:
        return
    axes.barh(place, value, 0.34, color=_PLACEHOLDERS[color], linewidth=0)
    axes.annotate(label, (value, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=11)


def loss(report: Mapping[str, Any]) -> Markup | None:
    """Training loss by epoch; None where it was not kept."""
    learning = report.get("learning") or {}
    epochs, losses = learning.get("epoch"), learning.get("train_loss")
    if not epochs or not losses:
        return None
    return _draw("loss", 2.6, lambda axes: _curves(axes, epochs, {"training loss": losses}, "training loss", False))


def learning(report: Mapping[str, Any], order: Sequence[str]) -> Markup | None:
    """Validation accuracy by epoch, one line for each of `order`; None where it was not kept."""
    found = report.get("learning") or {}
    epochs, curves = found.get("epoch"), found.get("validation_accuracy") or {}
    if not epochs or not curves:
        return None
    chosen = {name: curves[name] for name in order}
    return _draw("learning", 2.6, lambda axes: _curves(axes, epochs, chosen, "validation accuracy, %", True))


def _curves(axes: Axes, epochs: list[Any], curves: dict[str, list[Any]], label: str, shares: bool) -> str:
    for i, (name, values) in enumerate(curves.items()):
        pairs = [(number(x), number(y)) for x, y in zip(epochs, values, strict=False)]
        pairs = [(x, y) for x, y in pairs if x is not None and y is not None]
        color, style = _PLACEHOLDERS[f"series{i % 6}"], _STYLES[i // 6 % 4]
        dots = "o" if len(pairs) < 3 else None
        axes.plot(
            [x for x, _ in pairs],
            [100 * y if shares else y for _, y in pairs],
            color=color,
            linestyle=style,
            linewidth=1.6,
            marker=dots,
            markersize=4,
            # Matplotlib drops names with a leading underscore from legends.
            label=name if not name.startswith("_") else f"\u200b{name}",
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y")
    if len(curves) > 1:
        axes.legend(loc="lower right", ncols=1 if len(curves) < 5 else 2, fontsize=11)
    return f"{label} by epoch"


def anytime(report: Mapping[str, Any]) -> Markup | None:
    """Accuracy against budget, a line for each split; None where it was not measured."""
    found = report.get("anytime") or {}
    budgets, splits = _numbers(found.get("budgets")), found.get("splits") or {}
    curves = {str(name): _numbers((splits[name] or {}).get("accuracy")) for name in sorted(splits, reverse=True)}
    curves = {name: values for name, values in curves.items() if values and len(values) == len(budgets)}
    if not budgets or not curves:
        return None
    unit = (report.get("cost") or {}).get("unit", UNIT)
    return _draw("anytime", 2.8, lambda axes: _anytime(axes, budgets, curves, unit))


def _anytime(axes: Axes, budgets: list[float], curves: dict[str, list[float]], unit: str) -> str:
    for i, (name, values) in enumerate(curves.items()):
        color = _PLACEHOLDERS[f"series{i % 6}"]
        axes.step(budgets, [100 * y for y in values], where="post", color=color, linewidth=1.6, label=name)
    divisor, prefix = scale(budgets[-1])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:g}"))
    axes.set_xlabel(f"budget, {prefix} {unit}")
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.legend(loc="upper left", fontsize=11)
    told = ", ".join(f"{name} {percent(values[0])} to {percent(values[-1])}" for name, values in curves.items())
    return f"Accuracy by budget: {told}"


def robustness(report: Mapping[str, Any]) -> Markup | None:
    """Accuracy by gain and by level above noise, offsets as lines across; None where it was not measured."""
    rows = [r for r in (report.get("robustness") or {}).get("rows") or [] if number(r.get("accuracy")) is not None]
    if not rows:
        return None
    return _draw("robustness", 2.8, lambda axes: _robustness(axes, rows))


def _robustness(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> str:
    for i, (kind, name) in enumerate((("gain", "by gain"), ("noise", "by level above noise"))):
        pairs = sorted((float(r["value"]), 100 * float(r["accuracy"])) for r in rows if r["kind"] == kind)
        color = _PLACEHOLDERS[f"series{i}"]
        axes.plot([x for x, _ in pairs], [y for _, y in pairs], color=color, linewidth=1.6, marker="o", label=name)
    for i, row in enumerate(r for r in rows if r["kind"] == "offset"):
        style = _STYLES[(i + 1) % 4]
        axes.axhline(100 * row["accuracy"], color=_PLACEHOLDERS["warm"], linestyle=style, label=row["name"])
    axes.set_xlabel("dB")
    axes.set_ylabel("accuracy, %")
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=11)
    return "Accuracy in the field: " + ", ".join(f"{r['name']} {percent(r['accuracy'])}" for r in rows)


def front(report: Mapping[str, Any]) -> Markup | None:
    """Accuracy against mean cost of the forests that were tried; None where there were none."""
    rows = [row for row in (report.get("front") or {}).get("points") or [] if isinstance(row, Mapping)]
    points = [(number(row.get("mean")), number(row.get("accuracy")), row) for row in rows]
    known = [(cost, 100 * right, row) for cost, right, row in points if cost is not None and right is not None]
    if not known:
        return None
    unit = (report.get("cost") or {}).get("unit", UNIT)
    return _draw("front", 3.0, lambda axes: _front(axes, known, unit))


def _front(axes: Axes, points: list[tuple[float, float, Mapping[str, Any]]], unit: str) -> str:
    best = sorted((cost, right) for cost, right, row in points if row.get("on_front"))
    taken = [(cost, right) for cost, right, row in points if row.get("chosen")]
    axes.plot(*_columns(points), "o", markersize=4, color=_PLACEHOLDERS["soft"], label="tried")
    if best:
        xs, ys = _columns(best)
        axes.step(xs, ys, where="post", marker="o", markersize=4, color=_PLACEHOLDERS["accent"], label="front")
    if taken:
        axes.plot(*_columns(taken), "D", markersize=8, color=_PLACEHOLDERS["warm"], label="taken")
    divisor, prefix = scale(max(cost for cost, _, _ in points))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:g}"))
    axes.set_xlabel(f"mean cost of a decision, {prefix} {unit}")
    axes.set_ylabel("validation accuracy, %")
    axes.grid(axis="y")
    axes.legend(loc="lower right", fontsize=11)
    told = ", ".join(f"{right:.1f} % at {amount(cost, unit)}" for cost, right in best)
    return f"Accuracy by mean cost of {len(points)} forests; the front: {told}"


def _columns(points: Sequence[tuple[Any, ...]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _numbers(values: Any) -> list[float]:
    """`values` where all are numbers, else none."""
    found = [number(value) for value in values or []]
    return [] if None in found else found  # type: ignore[return-value]


def _draw(name: str, height: float, paint: Callable[[Axes], str]) -> Markup:
    """The SVG of what `paint(axes)` draws; it returns what the drawing says, for those who cannot see it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_SETTINGS, "svg.hashsalt": f"hybrid {name}"})
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        told = paint(figure.add_subplot())
        text = io.StringIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a glyph that matplotlib's font lacks: the browser has others
            blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(text, format="svg", transparent=True, metadata=blank)
    return Markup(_inline(text.getvalue(), told))


def _inline(svg: str, told: str) -> str:
    """A drawing of matplotlib's as a part of a page."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"font-family: [^;\"]*; ?", "", body)
    body = re.sub(r"\s*\n\s*", " ", body).replace("xlink:href", "href").replace("> <", "><")
    for name, color in _PLACEHOLDERS.items():
        body = body.replace(color, f"var(--{name})")
    head = f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{html.escape(told)}">'
    return head + body.strip()
