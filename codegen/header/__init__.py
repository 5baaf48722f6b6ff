"""Prints a plan as one C header: a function per map computes one tile, so size grows with maps and nodes, not tiles.

interface.py prints what a user sees, arena.py the memory of maps, maps.py the feature maps, stages.py what a stage
computes beforehand, forest.py trees and decision, stream.py what a stream needs, entry.py what users call, stats.py
the counters of HYB_STATS.
"""

from __future__ import annotations

import codegen.emit  # noqa: F401  registers every emitter
from codegen.header.entry import entry_points
from codegen.header.forest import decide, features, forest
from codegen.header.interface import HEADER, RUNTIME_API, head, interface
from codegen.header.maps import axis_range, map_functions
from codegen.header.stages import stage_maps
from codegen.header.stats import stats_functions
from codegen.header.stream import frame_function
from codegen.header.writing import Writing, c_string
from codegen.plan import Plan
from codegen.streaming import StreamPlan

__all__ = ["HEADER", "RUNTIME_API", "axis_range", "c_string", "header"]


def header(plan: Plan, stream: StreamPlan | None = None) -> str:
    """The whole generated header as text. Same plan, same bytes. stream: how it streams, default `can_stream`."""
    w = Writing(plan)
    if stream is not None:
        w.stream = stream
    head(w)
    interface(w)
    _implementation(w)
    return w.out.text()


def _implementation(w: Writing) -> None:
    out, plan = w.out, w.plan
    out.lines([f"#ifdef {w.P}_IMPLEMENTATION", f"#ifndef {w.P}_IMPLEMENTED", f"#define {w.P}_IMPLEMENTED"])
    out.line()
    with out.block(f"const char *const {w.p}_labels[{w.P}_CLASSES] =", "};"):
        out.lines([f"{c_string(label)}," for label in plan.labels])
    if w.stream:
        with w.streaming():
            frame_function(w, w.stream)
    for item in plan.maps:
        map_functions(w, item)
    stage_maps(w)
    features(w)
    forest(w)
    decide(w)
    entry_points(w)
    stats_functions(w)
    out.lines(["#endif", "#endif"])
