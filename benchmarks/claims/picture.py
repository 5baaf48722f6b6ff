"""Pictures. The same figures give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

STYLE = {"svg.hashsalt": "hypotheses", "svg.fonttype": "none"}


def bars(path: Path, names: Sequence[str], parts: dict[str, Sequence[float]], title: str) -> None:
    """Stacked bars, one a name from the top; parts: family -> k instructions of each name."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 0.9 + 0.34 * len(names)), layout="constrained")
        FigureCanvasSVG(figure)
        axes, left = figure.add_subplot(), [0.0] * len(names)
        at = list(range(len(names)))[::-1]
        for number, (part, values) in enumerate(parts.items()):
            axes.barh(at, values, left=left, height=0.7, label=part, color=f"C{number}")
            left = [a + b for a, b in zip(left, values, strict=True)]
        axes.set_yticks(at, names, fontsize=8)
        axes.set_xlabel("k instructions a decision")
        axes.set_title(title, fontsize=9)
        axes.grid(alpha=0.3, axis="x")
        axes.legend(fontsize=7, ncols=len(parts), loc="upper center", bbox_to_anchor=(0.4, -0.14 - 0.5 / len(names)))
        figure.savefig(path, metadata={"Date": None})


def scatter(path: Path, kinds: dict[str, Sequence[tuple[float, float]]], title: str) -> None:
    """kinds: of each kind of end (k instructions, accuracy in %), from the shallowest depth to the deepest."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for number, (kind, points) in enumerate(kinds.items()):
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker="osD^v*"[number % 6], linewidth=0.8, label=kind, color=f"C{number}")
        axes.set_xlabel("k instructions a decision, front end included")
        axes.set_ylabel("accuracy on test clips, %")
        axes.set_title(title, fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        figure.savefig(path, metadata={"Date": None})
