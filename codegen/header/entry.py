"""Prints the functions that a user calls: init, classify, and the eager baseline."""

from __future__ import annotations

from codegen.header.writing import Writing


def entry_points(w: Writing) -> None:
    """`init`, `classify` and, if asked for, `classify_eager`."""
    out, plan = w.out, w.plan
    out.line()
    with out.block(f"void {w.p}_init({w.p}_context *ctx)"):
        out.line("memset(ctx, 0, sizeof *ctx);")
    out.line()
    with out.block(f"static void {w.p}_begin({w.p}_context *ctx, const int16_t *pcm)"):
        out.line("ctx->pcm = pcm;")
        out.line("ctx->cost = 0;")
        for item in plan.maps:
            out.line(f"memset(ctx->memo_{item.name}, 0, sizeof ctx->memo_{item.name});")
        out.line("HYB_ON_BEGIN(ctx);")
    out.line()
    with out.block(f"{w.p}_result {w.p}_classify({w.p}_context *ctx, const int16_t *pcm)"):
        out.line(f"{w.p}_begin(ctx, pcm);")
        out.line(f"return {w.p}_run(ctx);")
    out.line()
    out.line(f"#ifdef {w.P}_EAGER")
    with out.block(f"{w.p}_result {w.p}_classify_eager({w.p}_context *ctx, const int16_t *pcm)"):
        out.line(f"{w.p}_begin(ctx, pcm);")
        for item in plan.maps:
            t, b, c = item.value.shape
            out.line(f"{w.p}_{item.name}_compute(ctx, 0, {t}, 0, {b}, 0, {c});")
            out.line(f"memset(ctx->memo_{item.name}, 0xff, sizeof ctx->memo_{item.name});")
        total = sum(m.grid.size * m.cost.macs for m in plan.maps)
        out.line(f"ctx->cost = {total}u;")
        out.line(f"return {w.p}_run(ctx);")
    out.line("#endif")
