"""Prints what a user of the header sees: comments, version handshake, constants, context and functions."""

from __future__ import annotations

import numpy as np

from codegen.cwriter import C_TYPES
from codegen.header.writing import Writing

RUNTIME_API = 1
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
        "Maps, in order of computation (shape is time x band x channel):",
        *(f"  {line}" for line in _map_lines(w)),
    )
    out.lines([f"#ifndef {w.P}_H", f"#define {w.P}_H", f'#include "{HEADER}"'])
    out.line(f"#if HYB_RUNTIME_API != {RUNTIME_API}")
    out.line(
        f'#error "{w.p}.h was written for HYB_RUNTIME_API {RUNTIME_API}: '
        f'regenerate the model with this hybrid, or use the {HEADER} written beside it"'
    )
    out.lines(["#endif", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""])


def _map_lines(w: Writing) -> list[str]:
    lines = []
    for item in w.plan.maps:
        readers = [m.name for m in w.plan.maps if item.name in m.inputs]
        readers += ["trees"] if any(f.map == item.name for f in w.plan.forest.features) else []
        readers += ["scores"] if any(s.base == item.name for s in w.plan.forest.stages) else []
        shape, tile = ("x".join(map(str, s)) for s in (item.value.shape, item.grid.tile))
        lines.append(
            f"{item.name}: {item.op.name} {shape} {item.value.dtype}, tile {tile}, "
            f"{item.cost.macs} MAC a tile; for {', '.join(readers)}"
        )
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
            f"#define {w.P}_TILES {sum(m.grid.size for m in plan.maps)}",
            "/* Bounds of `.cost`, in multiply-accumulates, front end included: no input leaves them. */",
            f"#define {w.P}_COST_MAX {plan.cost_max}",
            f"#define {w.P}_COST_MIN {plan.cost_min}",
            "/* Scores and margins divided by this are logits. */",
            f"#define {w.P}_SCORE_ONE {round(1 / plan.forest.unit)}",
            "",
        ]
    )
    with out.block("typedef struct", f"}} {w.p}_result;"):
        out.lines(
            [
                "int32_t label;   /* class number, see the labels below */",
                "int32_t stage;   /* stage after which the decision left, from 0 */",
                "int32_t margin;  /* best score minus second best */",
                "uint32_t cost;   /* multiply-accumulates spent */",
            ]
        )
    out.line()
    _context(w)
    out.lines(
        [
            "",
            f"extern const char *const {w.p}_labels[{w.P}_CLASSES];",
            f"void {w.p}_init({w.p}_context *ctx);",
            f"/* Decide one window of {w.P}_WINDOW samples. ctx->scores holds the scores afterwards. */",
            f"{w.p}_result {w.p}_classify({w.p}_context *ctx, const int16_t *pcm);",
            f"#ifdef {w.P}_EAGER",
            "/* The same decision with every map computed whole first: the baseline of lazy evaluation. */",
            f"{w.p}_result {w.p}_classify_eager({w.p}_context *ctx, const int16_t *pcm);",
            "#endif",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            f"#endif /* {w.P}_H */",
            "",
        ]
    )


def _context(w: Writing) -> None:
    plan, out = w.plan, w.out
    out.comment("Owned by the caller; nothing in it needs to outlive a decision but the scores.")
    with out.block("typedef struct", f"}} {w.p}_context;"):
        scratch = max([8, *(w.emitter(m).scratch_bytes(m, w.sources(m)) for m in plan.maps)])
        out.line(f"uint64_t scratch[{-(-scratch // 8)}];")
        out.line("const int16_t *pcm;")
        out.line("uint32_t cost;")
        out.line(f"int32_t scores[{plan.forest.classes}];")
        for item in plan.maps:
            out.line(f"uint32_t memo_{item.name}[{-(-item.grid.size // 32)}];")
        for wide in (True, False):
            for item in plan.maps:
                if (item.value.dtype == "int16") == wide:
                    size = int(np.prod(item.value.shape))
                    out.line(f"{C_TYPES[item.value.dtype]} {item.name}[{size}];")
        out.lines(
            [
                "#ifdef HYB_TRACE",
                f"uint32_t computes[{len(plan.maps)}];",
                f"uint32_t hits[{len(plan.maps)}];",
                "uint32_t visits;",
                "void (*on_request)(void *user, int32_t hit, int32_t map, int32_t tile);",
                "void *user;",
                "#endif",
            ]
        )
