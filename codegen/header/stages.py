"""Prints what a stage computes before its trees: scheduled maps in their order, and a base map that is on demand."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.header.maps import AXES, compute_whole, need_inputs
from codegen.header.stream import gap_functions, moved_name, origin_move
from codegen.header.writing import Writing
from codegen.streaming import StreamPlan
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import TIME


def stage_maps(w: Writing) -> None:
    """One function `<p>_maps<N>` per stage; with the eager baseline asked for, `<p>_eager<N>`, too."""
    out, plan = w.out, w.plan
    done: set[str] = set()
    if w.stream and w.stream.gaps:
        with w.streaming():
            gap_functions(w, w.stream)
    for number, stage in enumerate(plan.forest.stages):
        chosen = [m for m in plan.maps if plan.scheduled.get(m.name) == number]
        out.line()
        out.comment(f"---- stage {number} computes {', '.join(m.name for m in chosen) or 'nothing beforehand'} ----")
        _eager(w, number, done)
        with out.block(f"static void {w.p}_maps{number}({w.p}_context *ctx)"):
            if w.stream and (w.stream.origins(number) or any(w.reads_frames(m.name) for m in chosen)):
                with w.streaming():
                    _stream_maps(w, w.stream, number, chosen)
                    out.line("#else")
                    _window_maps(w, number, chosen)
            else:
                _window_maps(w, number, chosen)
            if stage.base is not None and plan.on_demand(stage.base):
                tiles = plan.grids[stage.base].size
                out.line(f"for (int32_t tile = 0; tile < {tiles}; tile++) {w.p}_{stage.base}_need(ctx, tile);")
            out.line("(void)ctx;")


def _window_maps(w: Writing, number: int, chosen: Sequence[FeatureMap]) -> None:
    """The scheduled maps of a stage, all of them whole."""
    out, plan = w.out, w.plan
    own = plan.prices.stages[number]
    out.line(f"#ifdef {w.P}_EAGER")
    with out.block("if (ctx->eager)"):
        out.lines([f"ctx->cost += {own}u;", f"{w.p}_eager{number}(ctx);", "return;"])
    out.line("#endif")
    out.line(f"ctx->cost += {own + sum(plan.price(m.name) for m in chosen)}u;")
    for item in chosen:
        _whole(w, item)


def _stream_maps(w: Writing, how: StreamPlan, number: int, chosen: Sequence[FeatureMap]) -> None:
    """The same over a stream: rows of frames, if they are not there, and of some maps all but a gap."""
    out, plan, origins = w.out, w.plan, how.origins(number)
    whole = [m for m in chosen if m.name not in how.gaps and m.name not in how.readers]
    if origins:
        out.line(f"const int32_t passed = ctx->moved[{number}];")
        out.line(f"ctx->moved[{number}] = 0;")
    out.line(f"ctx->cost += {how.stage_price(number) + sum(plan.price(m.name) for m in whole)}u;")
    moved: set[str | None] = set()

    def move(origin: str | None) -> None:
        if origin not in moved:
            moved.add(origin)
            origin_move(w, how, number, origin)

    for item in chosen:
        if item.name in how.gaps:
            origin = how.origin(item.name)
            move(origin)
            steps = how.step(number, origin)
            name = moved_name(origin)
            held = name if steps == 1 else f"hyb_steps({name}, {steps}) < 0 ? -1 : {name}"
            out.line(f"{w.p}_{item.name}_renew(ctx, {held});")
        elif item.name in how.readers:
            out.line(f"{w.p}_{item.name}_rows(ctx, 0, {item.value.shape[TIME]});")
        else:
            _whole(w, item)
        if item.name in origins:
            move(item.name)


def _whole(w: Writing, item: FeatureMap) -> None:
    """A scheduled map."""
    out = w.out
    out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[item.name]}, 0);")
    if any(w.plan.on_demand(source) for source in item.inputs):
        with out.block(""):
            for axis, size in zip(AXES, item.value.shape, strict=True):
                out.line(f"const int32_t {axis}0 = 0, {axis}1 = {size};")
            need_inputs(w, item)
            out.line("(void)t0, (void)t1, (void)b0, (void)b1, (void)c0, (void)c1;")
    out.line(compute_whole(w, item))


def _eager(w: Writing, number: int, done: set[str]) -> None:
    """All maps that the stage can touch and no stage before could, whole."""
    out, plan = w.out, w.plan
    out.line(f"#ifdef {w.P}_EAGER")
    with out.block(f"static void {w.p}_eager{number}({w.p}_context *ctx)"):
        for step in plan.steps:
            wanted = [n for n in step.touched if step.stage == number and plan.on_demand(n) and n not in done]
            for name in [*wanted, *([step.map] if step.map and step.stage == number else [])]:
                done.add(name)
                out.line(compute_whole(w, plan.graph[name]))
                if plan.on_demand(name):
                    out.line(f"memset({w.memo(name)}, 0xff, sizeof {w.memo(name)});")
        out.line("(void)ctx;")
    out.line("#endif")
