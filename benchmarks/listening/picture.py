"""The picture: the fewest misses at no more than so many false alarms an hour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.listening.detect import Point

STYLES = ("-", "--", ":")


def _envelope(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """False alarms an hour, rising, and the fewest misses (%) of all thresholds that give no more of them."""
    alarms = sorted({p.alarms for p in points})
    return alarms, [100 * min(p.misses for p in points if p.alarms <= most) for most in alarms]


def draw(path: Path, curves: Sequence[tuple[str, Sequence[Point], Point]]) -> None:
    """Write an SVG of ("model, smoothing", curve, chosen point): a colour for each model, a line style for each way to
    smooth. The same curves give the same bytes."""
    parts = [name.rpartition(", ") for name, _, _ in curves]
    models, ways = (list(dict.fromkeys(part[at] for part in parts)) for at in (0, 2))
    with matplotlib.rc_context({"svg.hashsalt": "stream", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 5.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for (name, points, chosen), (model, _, way) in zip(curves, parts, strict=True):
            color, style = f"C{models.index(model)}", STYLES[ways.index(way) % len(STYLES)]
            look: dict[str, Any] = {"color": color, "linestyle": style}
            axes.step(*_envelope(points), where="post", label=name, linewidth=1.3, **look)
            axes.plot([chosen.alarms], [100 * chosen.misses], marker="o", color=color, fillstyle="none")
        axes.set_xscale("symlog", linthresh=6)
        axes.set_xlim(left=0)
        axes.set_ylim(0, 100)
        axes.set_xlabel("false alarms an hour")
        axes.set_ylabel("misses, %")
        axes.grid(alpha=0.3)
        title = "circles: thresholds chosen on validation"
        figure.legend(fontsize=8, title=title, title_fontsize=8, loc="outside lower center", ncols=2)
        figure.savefig(path, metadata={"Date": None})
