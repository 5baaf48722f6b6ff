"""Prints the functions that a user calls: init, and those of a stream, or classify and the eager baseline."""

from __future__ import annotations

from codegen.header.stream import stream_functions, stream_init
from codegen.header.within import stream_within, window_within
from codegen.header.writing import Writing


def entry_points(w: Writing) -> None:
    """`init`, then `push`, `ready` and `decide`, or `classify` and, if asked for, `classify_eager`."""
    out = w.out
    out.line()
    with out.block(f"void {w.p}_init({w.p}_context *ctx)"):
        out.line("memset(ctx, 0, sizeof *ctx);")
        if w.stream:
            with w.streaming():
                stream_init(w, w.stream)
    out.line()
    if w.stream:
        with w.streaming():
            stream_functions(w, w.stream)
            stream_within(w)
            out.line("#else")
            _classify(w)
    else:
        _classify(w)


def _classify(w: Writing) -> None:
    out, plan = w.out, w.plan
    with out.block(f"static void {w.p}_begin({w.p}_context *ctx, const int16_t *pcm)"):
        out.line("ctx->pcm = pcm;")
        out.line(f"ctx->cost = {plan.prices.begin}u;")
        if any(plan.on_demand(m.name) for m in plan.maps):
            out.line("memset(&ctx->memo, 0, sizeof ctx->memo);")
        out.line("HYB_ON_BEGIN(ctx);")
    out.line()
    with out.block(f"{w.p}_result {w.p}_classify({w.p}_context *ctx, const int16_t *pcm)"):
        out.line(f"{w.p}_begin(ctx, pcm);")
        out.line(f"return {w.p}_run(ctx);")
    window_within(w)
    out.line()
    _eager(w)


def _eager(w: Writing) -> None:
    out, plan = w.out, w.plan
    out.line(f"#ifdef {w.P}_EAGER")
    with out.block(f"{w.p}_result {w.p}_classify_eager({w.p}_context *ctx, const int16_t *pcm)"):
        out.line(f"{w.p}_result result;")
        out.line(f"{w.p}_begin(ctx, pcm);")
        out.line(f"ctx->cost += {plan.cost_eager}u;")
        out.line("ctx->eager = 1;")
        out.line(f"result = {w.p}_run(ctx);")
        for number in range(1, len(plan.forest.stages)):
            out.line(f"if (result.stage < {number}) {w.p}_eager{number}(ctx);")
        out.line("ctx->eager = 0;")
        out.line("return result;")
    out.line("#endif")
