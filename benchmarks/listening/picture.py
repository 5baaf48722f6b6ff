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
    """Write an SVG of (name, curve, chosen point). The same curves give the same bytes."""
    with matplotlib.rc_context({"svg.hashsalt": "stream", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for number, (name, points, chosen) in enumerate(curves):
            color, style = f"C{number % 2}", STYLES[number // 2 % len(STYLES)]
            look: dict[str, Any] = {"color": color, "linestyle": style}
            axes.step(*_envelope(points), where="post", label=name, linewidth=1.3, **look)
            axes.plot([chosen.alarms], [100 * chosen.misses], marker="o", color=color, fillstyle="none")
        axes.set_xscale("symlog", linthresh=6)
        axes.set_xlim(left=0)
        axes.set_ylim(0, 100)
        axes.set_xlabel("false alarms an hour")
        axes.set_ylabel("misses, %")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, title="circles: thresholds chosen on validation", title_fontsize=8)
        figure.savefig(path, metadata={"Date": None})
