"""Prints what a model needs to run over a stream: its context, `push`, `ready` and `decide`, and what is kept."""

from __future__ import annotations

from codegen.cwriter import C_TYPES
from codegen.header.arena import memory_union
from codegen.header.writing import Writing
from codegen.stream import COST_LIMIT
from codegen.streaming import StreamError, StreamPlan, stream_plan
from feature_extractors.graph import FeatureMap


def refusal(w: Writing) -> None:
    """Why a model cannot stream, or that it either streams or decides windows."""
    try:
        stream_plan(w.plan)
        w.out.line(f"#if defined({w.P}_STREAM) && defined({w.P}_EAGER)")
        w.out.line(f'#error "{w.P}_STREAM decides on a stream, {w.P}_EAGER on windows: define one of them"')
    except StreamError as error:
        w.out.line(f"#ifdef {w.P}_STREAM")
        w.out.line(f'#error "{w.p}.h cannot stream: {error}"')
    w.out.line("#endif")


def stream_interface(w: Writing, how: StreamPlan) -> None:
    """What a user of a stream sees."""
    w.out.lines(
        [
            f"/* Windows begin at frames, which are {w.P}_HOP samples apart; {w.P}_FRAMES of them are a window.",
            f" * Decisions a multiple of {w.P}_STRIDE frames apart keep the most work. */",
            f"#define {w.P}_HOP {how.hop}",
            f"#define {w.P}_FRAMES {how.frames}",
            f"#define {w.P}_STRIDE {how.stride}",
            "/* Bounds of `.cost`: that of a frame pushed since the decision before, and of all else. */",
            f"#define {w.P}_COST_FRAME {how.frame_price}",
            f"#define {w.P}_COST_DECIDE_MAX {how.decide_max}",
            "/* Take n samples, any n; every whole frame is computed at once. Nothing happens if pcm is NULL. */",
            f"void {w.p}_push({w.p}_context *ctx, const int16_t *pcm, size_t n);",
            "/* Non-zero once a whole window of frames has been pushed. */",
            f"int32_t {w.p}_ready(const {w.p}_context *ctx);",
            "/* Decide the last whole window; ctx->scores holds the scores afterwards. `.cost` includes what push has",
            " * spent since the decision before. Before the first whole window label and stage are -1, margin is 0. */",
            f"{w.p}_result {w.p}_decide({w.p}_context *ctx);",
        ]
    )


def stream_context(w: Writing, how: StreamPlan) -> None:
    """The part of the context that a stream needs and a window does not."""
    memory_union(w, w.stream_layout(how), how.steps)
    w.out.lines(
        [
            f"int16_t frame[{how.frame}]; /* samples of the frame to come */",
            "int32_t filled; /* how many there are, negative for as many to be dropped */",
            "int32_t rows;   /* frames in memory, the last ones are the window */",
            "int32_t fresh;  /* frames pushed since the decision before */",
            f"int32_t moved[{len(w.plan.forest.stages)}]; /* frames pushed since each stage last ran */",
        ]
    )


def gap_functions(w: Writing, how: StreamPlan) -> None:
    """For each map with a gap the function that computes the rest of it."""
    for item in w.plan.maps:
        if item.name in how.gaps:
            _renew(w, how, item)


def _renew(w: Writing, how: StreamPlan, item: FeatureMap) -> None:
    out, gap, times, name = w.out, how.gaps[item.name], item.value.shape[0], f"{w.p}_{item.name}"
    base, slope = how.gap_prices[item.name]
    out.line()
    out.comment(f"{item.name}: all but positions {gap.first} .. {gap.last - 1}, which are one for {gap.frames} frames.")
    with out.block(f"static void {name}_renew({w.p}_context *ctx, int32_t frames)"):
        out.line(f"const int32_t moved = frames < 0 ? frames : frames / {gap.frames};")
        out.line(f"const hyb_gap gap = hyb_gap_after(moved, {gap.first}, {gap.last}, {times});")
        if item.name in how.kept:
            out.line(f"hyb_slide({w.buffer(item.name)}, {how.row_bytes(item.name)}, gap, moved);")
        out.line("if (moved == 0) return;")
        out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[item.name]}, 0);")
        part = f"{base}u + (uint32_t)moved * {slope}u"
        out.line(f"ctx->cost += gap.last > gap.first ? {part} : {w.plan.price(item.name)}u;")
        others = "".join(f", 0, {size}" for size, count in _other_axes(w, item) if count > 1)
        out.line(f"if (gap.first > 0) {name}_compute(ctx, 0, gap.first{others});")
        out.line(f"if (gap.last < {times}) {name}_compute(ctx, gap.last, {times}{others});")


def _other_axes(w: Writing, item: FeatureMap) -> list[tuple[int, int]]:
    """(size, tiles) of band and channel."""
    return list(zip(item.value.shape[1:], w.plan.grids[item.name].counts[1:], strict=True))


def stream_functions(w: Writing, how: StreamPlan) -> None:
    """`init`, `push`, `ready` and `decide`."""
    out = w.out
    _frame(w, how)
    with out.block(f"void {w.p}_push({w.p}_context *ctx, const int16_t *pcm, size_t n)"):
        out.line("if (pcm == NULL) return;")
        with out.block("while (n > 0)"):
            out.line(f"const size_t taken = hyb_take(ctx->frame, &ctx->filled, {how.frame}, pcm, n);")
            out.lines(["pcm += taken;", "n -= taken;"])
            with out.block(f"if (ctx->filled == {how.frame})"):
                out.line(f"{w.p}_frame(ctx);")
                out.line(f"hyb_next_frame(ctx->frame, &ctx->filled, {how.frame}, {how.hop});")
    out.line(f"int32_t {w.p}_ready(const {w.p}_context *ctx) {{ return ctx->rows >= {how.frames}; }}")
    _move(w, how)
    with out.block(f"{w.p}_result {w.p}_decide({w.p}_context *ctx)"):
        out.line(f"{w.p}_result result = {{-1, -1, 0, 0}};")
        out.line("result.cost = ctx->cost;")
        out.line(f"if (!{w.p}_ready(ctx)) return result;")
        out.line("HYB_ON_SPEND(ctx);")
        out.line(f"{w.p}_move(ctx);")
        out.line(f"ctx->cost += {w.plan.prices.begin}u;")
        out.line(f"result = {w.p}_run(ctx);")
        out.line("ctx->cost = 0;")
        out.line("HYB_ON_DECIDED(ctx);")
        out.line("return result;")


def stream_init(w: Writing, how: StreamPlan) -> None:
    """What `init` does beside clearing: no stage has run yet."""
    w.out.line(f"for (int32_t s = 0; s < {w.P}_STAGES; s++) ctx->moved[s] = {how.frames};")


def _frame(w: Writing, how: StreamPlan) -> None:
    """The function that computes a row of each map that reads the samples."""
    out = w.out
    with out.block(f"HYB_SHARED void {w.p}_frame({w.p}_context *ctx)"):
        out.line("HYB_ON_SPEND(ctx);")
        with out.block(f"if (ctx->rows == {how.rows})"):
            for name in how.readers:
                row, rest = how.row_bytes(name), how.frames - 1
                to, first = f"ctx->memory.{name}_map.x", (how.rows - rest) * (row // _width(w, name))
                out.line(f"memmove({to}, {to} + {first}, {rest * row});")
            out.line(f"ctx->rows = {how.frames - 1};")
        for name in how.readers:
            out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[name]}, 0);")
            out.line(f"{w.p}_{name}_compute(ctx);")
        limit = COST_LIMIT - how.decide_max
        out.line(f"ctx->cost = hyb_spend(ctx->cost, {how.frame_price}u, {limit}u);")
        out.line("ctx->rows++;")
        out.line(f"ctx->fresh = hyb_min(ctx->fresh + 1, {how.frames});")


def _width(w: Writing, name: str) -> int:
    return {"int16_t": 2}.get(C_TYPES[w.plan.graph[name].value.dtype], 1)


def _move(w: Writing, how: StreamPlan) -> None:
    """The function that moves the window to the last frames: memos and the tiles that are kept."""
    out = w.out
    with out.block(f"static void {w.p}_move({w.p}_context *ctx)"):
        out.line("const int32_t frames = ctx->fresh;")
        out.line("ctx->fresh = 0;")
        out.line(f"for (int32_t s = 0; s < {w.P}_STAGES; s++)")
        out.line(f"  ctx->moved[s] = hyb_min(ctx->moved[s] + frames, {how.frames});")
        for item in w.plan.maps:
            if w.plan.on_demand(item.name) and item.name not in how.readers:
                _move_memo(w, how, item)


def _move_memo(w: Writing, how: StreamPlan, item: FeatureMap) -> None:
    out, memo = w.out, w.memo(item.name)
    if item.name not in how.kept_tiles:
        out.line(f"memset({memo}, 0, sizeof {memo});")
        return
    inner, times, counts = how.inner[item.name], item.value.shape[0], w.plan.grids[item.name].counts
    row = counts[1] * counts[2]
    with out.block("if (frames > 0)"):
        out.line(f"const int32_t moved = frames % {inner.frames} == 0 ? frames / {inner.frames} : -1;")
        out.line(f"const hyb_gap gap = hyb_gap_after(moved, {inner.first}, {inner.last}, {times});")
        out.line(f"hyb_slide({w.buffer(item.name)}, {how.row_bytes(item.name)}, gap, moved);")
        words = -(-w.plan.grids[item.name].size // 32)
        out.line(f"hyb_memo_slide({memo}, {words}, gap.first * {row}, gap.last * {row}, hyb_max(moved, 0) * {row});")
