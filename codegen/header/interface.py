"""Prints what a user of the header sees: comments, version handshake, constants, context and functions."""

from __future__ import annotations

import itertools

from codegen.anytime import Anytime
from codegen.header.arena import memory_union
from codegen.header.stats import stats_context, stats_interface, stats_refusal
from codegen.header.stream import refusal, stream_context, stream_interface
from codegen.header.within import within_interface
from codegen.header.writing import Writing
from tree_backends.forest import NEVER

RUNTIME_API = 3
HEADER = "hyb_runtime.h"


def head(w: Writing) -> None:
    """The comment on top and the version handshake."""
    plan, out, forest = w.plan, w.out, w.plan.forest
    out.comment(
        f"{w.p}: classifier of {forest.classes} classes, written by hybrid. Do not edit.",
        "",
        f"Use: #define {w.P}_IMPLEMENTATION in one C or C++ file before including this header.",
        f"Input: {plan.source.value.shape[0]} int16 samples at {getattr(plan.source.op, 'rate', 0)} Hz.",
        f"Forest: {len(forest.stages)} stages, {forest.trees} trees, {forest.nodes} nodes,"
        f" {len(forest.features)} features.",
        f"Costs: instructions of a {plan.core}, from version {plan.table.version} of its price table"
        f" ({plan.table.compiler}).",
        "Maps, in order of computation (shape is time x band x channel):",
        *(f"  {line}" for line in _map_lines(w)),
    )
    out.lines([f"#ifndef {w.P}_H", f"#define {w.P}_H", f'#include "{HEADER}"'])
    out.line(f"#if HYB_RUNTIME_API != {RUNTIME_API}")
    out.line(
        f'#error "{w.p}.h was written for HYB_RUNTIME_API {RUNTIME_API}: '
        f'regenerate the model with this hybrid, or use the {HEADER} written beside it"'
    )
    out.line("#endif")
    refusal(w)
    stats_refusal(w)
    out.lines(["#ifdef __cplusplus", 'extern "C" {', "#endif", ""])


def _map_lines(w: Writing) -> list[str]:
    lines = []
    for item in w.plan.maps:
        readers = [m.name for m in w.plan.maps if item.name in m.inputs]
        readers += ["trees"] if any(f.map == item.name for f in w.plan.forest.features) else []
        readers += ["scores"] if any(s.base == item.name for s in w.plan.forest.stages) else []
        shape, tile = ("x".join(map(str, s)) for s in (item.value.shape, w.plan.grids[item.name].tile))
        price = f"{w.plan.price(item.name)} instructions ({w.plan.tile_macs(item.name)} MAC)"
        when = f"whole in stage {w.plan.scheduled.get(item.name)}, {price}"
        if w.plan.on_demand(item.name):
            when = f"on demand, tile {tile}, {price} a tile"
        lines.append(f"{item.name}: {item.op.name} {shape} {item.value.dtype}, {when}; for {', '.join(readers)}")
    return lines


def interface(w: Writing) -> None:
    """Constants, types and declarations."""
    plan, out = w.plan, w.out
    out.lines(
        [
            f"#define {w.P}_CLASSES {plan.forest.classes}",
            f"#define {w.P}_STAGES {len(plan.forest.stages)}",
            f"#define {w.P}_WINDOW {plan.source.value.shape[0]}",
            f"#define {w.P}_RATE {getattr(plan.source.op, 'rate', 0)}",
            f"#define {w.P}_MAPS {len(plan.maps)}",
            f"#define {w.P}_TILES {sum(grid.size for grid in plan.grids.values())}",
            f"/* Bounds of `.cost`, in instructions of a {plan.core}, front end included: no input leaves them. */",
            f"#define {w.P}_COST_MAX {plan.cost_max}",
            f"#define {w.P}_COST_MIN {plan.cost_min}",
            "/* Scores and margins divided by this are logits. */",
            f"#define {w.P}_SCORE_ONE {round(1 / plan.forest.unit)}",
            *_clip_margin(w),
            "",
        ]
    )
    with out.block("typedef struct", f"}} {w.p}_result;"):
        out.lines(
            [
                "int32_t label;   /* class number, see the labels below */",
                "int32_t stage;   /* stage after which the decision left, from 0 */",
                "int32_t margin;  /* best score minus second best */",
                f"uint32_t cost;   /* instructions of a {plan.core} that this decision was priced at */",
            ]
        )
    out.line()
    _context(w)
    out.lines(
        [
            "",
            f"extern const char *const {w.p}_labels[{w.P}_CLASSES];",
            *_init_name(w),
            f"void {w.p}_init({w.p}_context *ctx);",
        ]
    )
    if w.stream:
        with w.streaming():
            stream_interface(w, w.stream)
            within_interface(w, Anytime(w.plan, w.stream), "")
            out.line("#else")
            _window_interface(w)
    else:
        _window_interface(w)
    stats_interface(w)
    out.lines(
        [
            "#ifdef __cplusplus",
            "}",
            "#endif",
            f"#endif /* {w.P}_H */",
            "",
        ]
    )


def _clip_margin(w: Writing) -> list[str]:
    """The margin of clips of several windows, where it was chosen."""
    if w.plan.forest.clip_margin == NEVER:
        return []
    return [
        "/* A clip of several windows: add up its decisions' scores (hyb_clip_add) until one class leads by this. */",
        f"#define {w.P}_CLIP_MARGIN {w.plan.forest.clip_margin}",
    ]


def _init_name(w: Writing) -> list[str]:
    """Another name of `init` for every setting that changes the context: files that differ in one do not link."""
    lines = ["/* The context depends on these settings: a program whose files differ in one does not link. */"]
    streams = [[f"{w.P}_KEEP_SAMPLES"], [f"{w.P}_STREAM"]] if w.stream else []
    for own in (*streams, [f"{w.P}_EAGER"], []):
        for counts in itertools.product(("HYB_TRACE", ""), ("HYB_STATS", "")):
            chosen = [*own, *(name for name in counts if name)]
            if f"{w.P}_EAGER" in chosen and "HYB_STATS" in chosen:
                continue  # refused above
            tests = " && ".join(f"defined({name})" for name in chosen)
            name = "".join(f"_{part.removeprefix(f'{w.P}_').removeprefix('HYB_').lower()}" for part in chosen)
            lines += [f"#elif {tests}", f"#define {w.p}_init {w.p}_init{name}"] if tests else ["#endif"]
    return [lines[0], lines[1].replace("#elif", "#if"), *lines[2:]]


def _window_interface(w: Writing) -> None:
    within_interface(w, Anytime(w.plan), "const int16_t *pcm, ")
    w.out.lines(
        [
            f"/* Decide one window of {w.P}_WINDOW samples. ctx->scores holds the scores afterwards. */",
            f"{w.p}_result {w.p}_classify({w.p}_context *ctx, const int16_t *pcm);",
            f"#ifdef {w.P}_EAGER",
            "/* The same decision with every map computed whole first: the baseline of lazy evaluation. */",
            f"{w.p}_result {w.p}_classify_eager({w.p}_context *ctx, const int16_t *pcm);",
            "#endif",
        ]
    )


def _context(w: Writing) -> None:
    plan, out = w.plan, w.out
    out.comment("Owned by the caller. The scores are those of the last decision.")
    with out.block("typedef struct", f"}} {w.p}_context;"):
        if w.stream:
            with w.streaming():
                stream_context(w, w.stream)
                out.line("#else")
                _window_context(w)
        else:
            _window_context(w)
        out.line("uint32_t cost;")
        out.line(f"int32_t scores[{plan.forest.classes}];")
        demanded = [m for m in plan.maps if plan.on_demand(m.name)]
        if demanded:
            with out.block("struct", "} memo;"):
                out.lines(f"uint32_t {m.name}_map[{-(-plan.grids[m.name].size // 32)}];" for m in demanded)
        out.lines(
            [
                f"#ifdef {w.P}_EAGER",
                "int32_t eager;",
                "#endif",
                "#ifdef HYB_TRACE",
                *(["int32_t decided;"] if w.stream else []),
                f"uint32_t computes[{len(plan.maps)}];",
                f"uint32_t hits[{len(plan.maps)}];",
                "uint32_t visits;",
                "void (*on_request)(void *user, int32_t hit, int32_t map, int32_t tile);",
                "void *user;",
                "#endif",
            ]
        )
        stats_context(w)


def _window_context(w: Writing) -> None:
    memory_union(w, w.layout, w.plan.steps)
    w.out.line("const int16_t *pcm;")
