"""Prints a map: its tables, the function that computes a box of it, and the one that computes a tile on demand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codegen.cwriter import C_TYPES
from codegen.header.writing import Writing
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import All, AxisRule, Regions

AXES = ("t", "b", "c")


def map_functions(w: Writing, item: FeatureMap) -> None:
    """Tables, `compute` and `need` of one map."""
    out, sources, name = w.out, w.sources(item), f"{w.p}_{item.name}"
    out.line()
    out.comment(f"---- {item.name}: {item.op.name} ----")
    emitter = w.emitter(item)
    emitter.tables(item, sources, name, out)
    names = ", ".join(f"int32_t {a}{e}" for a in AXES for e in (0, 1))
    with out.block(f"HYB_SHARED void {name}_compute({w.p}_context *ctx, {names})"):
        c_type = C_TYPES[item.value.dtype]
        out.line(f"{c_type} *out = ctx->{item.name};")
        for i, source in enumerate(sources):
            field = "pcm" if source.op.family == "source" else source.name
            out.line(f"const {C_TYPES[source.value.dtype]} *in{i} = ctx->{field};")
        calls = emitter.call(item, sources, name)
        used = " ".join(calls)
        if "scratch" in used:
            out.line("void *scratch = ctx->scratch;")
        unused = [f"{a}{e}" for a in AXES for e in (0, 1) if not _mentions(used, f"{a}{e}")]
        out.lines(calls)
        if unused:
            out.line(" ".join(f"(void){u};" for u in unused))
    _need(w, item, sources, name)


def _need(w: Writing, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> None:
    out = w.out
    with out.block(f"HYB_SHARED void {name}_need({w.p}_context *ctx, int32_t tile)"):
        with out.block(f"if (hyb_memo(ctx->memo_{item.name}, tile))"):
            out.line(f"HYB_ON_HIT(ctx, {w.ids[item.name]}, tile);")
            out.line("return;")
        _tile_box(w, item)
        out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[item.name]}, tile);")
        if item.cost.macs:
            out.line(f"ctx->cost += {item.cost.macs}u;")
        for source, rule in zip(sources, item.rules, strict=True):
            if source.op.family != "source":
                _need_inputs(w, source, rule)
        out.line(f"{name}_compute(ctx, t0, t1, b0, b1, c0, c1);")


def _tile_box(w: Writing, item: FeatureMap) -> None:
    """The box of tile number `tile` in t0 .. c1."""
    out, grid = w.out, item.grid
    numbers = _tile_numbers(grid.counts)
    for axis, text, count, size, tile in zip(AXES, numbers, grid.counts, grid.shape, grid.tile, strict=True):
        first = text if tile == 1 else f"{text} * {tile}"
        if count == 1:
            out.line(f"const int32_t {axis}0 = 0, {axis}1 = {size};")
        elif size % tile == 0:
            out.line(f"const int32_t {axis}0 = {first}, {axis}1 = {axis}0 + {tile};")
        else:
            out.line(f"const int32_t {axis}0 = {first}, {axis}1 = hyb_min({axis}0 + {tile}, {size});")


def _need_inputs(w: Writing, source: FeatureMap, rule: Sequence[AxisRule]) -> None:
    """Loops over the input tiles that the box reads, time outermost, as Grid.tiles_in."""
    out, grid = w.out, source.grid
    heads, terms, bounds = [], [], []
    for axis, part, size, tile, count in zip("tbc", rule, grid.shape, grid.tile, grid.counts, strict=True):
        if count == 1:
            continue
        low, high = axis_range(part, size)
        first, last = (low, high) if tile == 1 else (f"({low}) / {tile}", f"(({high}) - 1) / {tile} + 1")
        bounds.append(f"const int32_t {axis}_first = {first}, {axis}_last = {last};")
        heads.append(f"for (int32_t {axis} = {axis}_first; {axis} < {axis}_last; {axis}++)")
        terms.append((axis, count))
    number = "0"
    for axis, count in terms:
        number = axis if number == "0" else f"({number}) * {count} + {axis}"
    call = f"{w.p}_{source.name}_need(ctx, {number});"
    if not heads:
        out.line(call)
        return
    with out.block(""):
        out.lines(bounds)
        for depth, head in enumerate(heads):
            out.line("  " * depth + head)
        out.line("  " * len(heads) + call)


def axis_range(rule: AxisRule, size: int) -> tuple[str, str]:
    """C expressions for the input range that a rule reads, from the output box variables; AxisRule.range in C."""
    if isinstance(rule, All):
        return "0", str(size)
    low, high = f"{AXES[rule.axis]}0", f"{AXES[rule.axis]}1"
    if isinstance(rule, Regions):
        return f"{low} * {size} / {rule.count}", f"{high} * {size} / {rule.count}"
    if (rule.stride, rule.offset, rule.length) == (1, 0, 1):
        return low, high
    first = f"{low} * {rule.stride} + ({rule.offset})"
    last = f"({high} - 1) * {rule.stride} + ({rule.offset + rule.length})"
    return f"hyb_max({first}, 0)", f"hyb_min({last}, {size})"


def _tile_numbers(counts: Sequence[int]) -> tuple[str, str, str]:
    _, bands, channels = counts
    if bands == channels == 1:
        return "tile", "0", "0"
    if bands == 1:
        return f"tile / {channels}", "0", f"tile % {channels}"
    if channels == 1:
        return f"tile / {bands}", f"tile % {bands}", "0"
    return f"tile / {bands * channels}", f"tile / {channels} % {bands}", f"tile % {channels}"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None
