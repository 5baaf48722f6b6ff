"""Prints a map: its tables, the function that computes a box of it, and for a map on demand the memo in front of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codegen.cwriter import C_TYPES
from codegen.header.stream import row_functions
from codegen.header.writing import Writing
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import TIME, All, AxisRule, Grid, Regions, Shape

AXES = ("t", "b", "c")


def map_functions(w: Writing, item: FeatureMap) -> None:
    """Tables and `compute` of one map; `tile` and `need`, too, if it is on demand."""
    name = f"{w.p}_{item.name}"
    w.out.line()
    w.out.comment(f"---- {item.name}: {item.op.name} ----")
    w.emitter(item).tables(item, w.sources(item), name, w.out)
    if w.reads_frames(item.name):
        with w.streaming():
            frame_functions(w, item, name)
            w.out.line("#else")
            _accessor(w, item, name)
            _functions(w, item, name)
        return
    _functions(w, item, name)


def _functions(w: Writing, item: FeatureMap, name: str) -> None:
    """`compute`, and `tile` and `need` of a map on demand."""
    axes = [AXES[axis] for axis in box_axes(w, item)]
    _compute(w, item, name, f"ctx->memory.{item.name}_map.x", axes, item.value.shape)
    if w.plan.on_demand(item.name):
        _tile(w, item, name)
        _need(w, item, name)


def frame_functions(w: Writing, item: FeatureMap, name: str) -> None:
    """Of a map that reads the samples, where the model streams: `compute` of a row, and what asks for rows."""
    assert w.stream is not None
    _, bands, channels = item.value.shape
    row = f"ctx->memory.{item.name}_map.x + row * {bands * channels}"
    source = f"{w.p}_frame_of(ctx, row)"
    _compute(w, w.stream.row_map(item.name), name, row, [], (1, bands, channels), source, ", int32_t row")
    row_functions(w, w.stream, item, name)


def _accessor(w: Writing, item: FeatureMap, name: str) -> None:
    """The function that tells where the elements of a map lie that reads the samples, where windows are decided."""
    head = f"static inline {C_TYPES[item.value.dtype]} *{name}_at({w.p}_context *ctx)"
    w.out.line(f"{head} {{ return ctx->memory.{item.name}_map.x; }}")


def box_axes(w: Writing, item: FeatureMap) -> list[int]:
    """The axes whose range `compute` takes as arguments; on the others it always computes all of the map."""
    counts = w.plan.grids[item.name].counts
    return [axis for axis in range(3) if counts[axis] > 1 or (axis == TIME and w.has_gap(item.name))]


def compute_whole(w: Writing, item: FeatureMap) -> str:
    """The call that computes all of a map."""
    ranges = [f", 0, {item.value.shape[axis]}" for axis in box_axes(w, item)]
    return f"{w.p}_{item.name}_compute(ctx{''.join(ranges)});"


def _compute(
    w: Writing,
    item: FeatureMap,
    name: str,
    target: str,
    axes: Sequence[str],
    shape: Shape,
    source: str | None = None,
    more: str = "",
) -> None:
    """The function that computes a box: ranges of `axes`, and `more`, are arguments; others go over all of `shape`."""
    out, sources = w.out, w.sources(item)
    calls = w.emitter(item).call(item, sources, name)
    used = " ".join(calls)
    names = "".join(f", int32_t {a}{e}" for a in axes for e in (0, 1))
    with out.block(f"HYB_SHARED void {name}_compute({w.p}_context *ctx{names}{more})"):
        out.line(f"{C_TYPES[item.value.dtype]} *out = {target};")
        for i, below in enumerate(sources):
            out.line(f"const {C_TYPES[below.value.dtype]} *in{i} = {source or w.buffer(below.name)};")
        if "scratch" in used:
            out.line(f"void *scratch = &ctx->memory.{item.name}_scratch.x;")
        for axis, size in zip(AXES, shape, strict=True):
            fixed = [f"{axis}{e} = {size * e}" for e in (0, 1) if axis not in axes and _mentions(used, f"{axis}{e}")]
            out.lines([f"const int32_t {', '.join(fixed)};"] if fixed else [])
        out.lines(calls)
        unused = [f"{a}{e}" for a in axes for e in (0, 1) if not _mentions(used, f"{a}{e}")]
        out.lines([" ".join(f"(void){u};" for u in unused)] if unused else [])


def _tile(w: Writing, item: FeatureMap, name: str) -> None:
    """The function that computes a tile that is not there yet, inputs first."""
    out = w.out
    with out.block(f"HYB_SHARED void {name}_tile({w.p}_context *ctx, int32_t tile)"):
        out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[item.name]}, tile);")
        out.lines(_tile_box(w.plan.grids[item.name], _box_names(w, item)))
        out.line(f"hyb_memo_set({w.memo(item.name)}, tile);")
        price = w.plan.price(item.name)
        out.lines([f"ctx->cost += {price}u;"] if price else [])
        need_inputs(w, item)
        ranges = "".join(f", {AXES[axis]}0, {AXES[axis]}1" for axis in box_axes(w, item))
        out.line(f"{name}_compute(ctx{ranges});")


def _need(w: Writing, item: FeatureMap, name: str) -> None:
    """The memo check, written out where the tile is asked for: most requests end here."""
    out = w.out
    with out.block(f"static inline void {name}_need({w.p}_context *ctx, int32_t tile)"):
        with out.block(f"if (hyb_memo({w.memo(item.name)}, tile))", "} else {"):
            out.line(f"HYB_ON_HIT(ctx, {w.ids[item.name]}, tile);")
        out.line(f"  {name}_tile(ctx, tile);")
        out.line("}")


def _box_names(w: Writing, item: FeatureMap) -> set[str]:
    """The axes whose range the tile function needs: those that `compute` takes, and those that input loops read."""
    names = {AXES[axis] for axis in box_axes(w, item)}
    for source, rule in zip(item.inputs, item.rules, strict=True):
        if w.plan.on_demand(source):
            counts = w.plan.grids[source].counts
            parts = [part for part, n in zip(rule, counts, strict=True) if n > 1]
            names |= {AXES[part.axis] for part in parts if not isinstance(part, All)}
    return names


def _tile_box(grid: Grid, names: set[str]) -> list[str]:
    """The box of tile number `tile` in t0 .. c1, as far as it is needed."""
    lines = []
    numbers = _tile_numbers(grid.counts)
    for axis, text, count, size, tile in zip(AXES, numbers, grid.counts, grid.shape, grid.tile, strict=True):
        first = text if tile == 1 else f"{text} * {tile}"
        if axis not in names:
            continue
        if count == 1:
            lines.append(f"const int32_t {axis}0 = 0, {axis}1 = {size};")
        elif size % tile == 0:
            lines.append(f"const int32_t {axis}0 = {first}, {axis}1 = {axis}0 + {tile};")
        else:
            lines.append(f"const int32_t {axis}0 = {first}, {axis}1 = hyb_min({axis}0 + {tile}, {size});")
    return lines


def need_inputs(w: Writing, item: FeatureMap) -> None:
    """Asks for the input tiles on demand that the box t0 .. c1 reads; scheduled maps and samples are there."""
    for source, rule in zip(item.inputs, item.rules, strict=True):
        if w.plan.on_demand(source):
            _need_input(w, w.plan.grids[source], source, rule)


def _need_input(w: Writing, grid: Grid, source: str, rule: Sequence[AxisRule]) -> None:
    """Loops over the input tiles that the box reads, time outermost, as Grid.tiles_in."""
    out = w.out
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
    call = f"{w.p}_{source}_need(ctx, {number});"
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
