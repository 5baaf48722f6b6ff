"""Prints `decide_within`: a decision that never spends more than its budget. codegen.anytime explains the steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from codegen.anytime import Anytime
from codegen.header.forest import first_node, leave, open_stage
from codegen.header.writing import Writing


@contextmanager
def _asked_for(w: Writing) -> Iterator[None]:
    """Lines that only a build with WITHIN has."""
    w.out.line(f"#ifdef {w.P}_WITHIN")
    yield
    w.out.line("#endif")


def within_interface(w: Writing, how: Anytime, arguments: str) -> None:
    """What a user sees; `arguments` name what is decided beside context and budget."""
    with _asked_for(w):
        w.out.lines(
            [
                "/* The same decision inside a budget of instructions, which it never exceeds: the best answer so far.",
                f" * From {w.P}_WITHIN_MAX on, a budget changes nothing. One too small for any work gives the prior's",
                f" * class, {w.plan.forest.prior}, with stage -1 and margin 0; that takes at most {w.P}_WITHIN_MIN. */",
                *([f'#error "{w.p}: decisions cost too much to be held to a budget: use a smaller trunk or window"']
                  if 2 * how.most >= 2**32 else []),
            ]
        )
        if how.stream is None:
            _limits(w, how)
        else:
            with w.keeping():
                _limits(w, _keeping(how))
                w.out.line("#else")
                _limits(w, how)
        w.out.lines(
            [
                f"{w.p}_result {w.p}_decide_within({w.p}_context *ctx, {arguments}uint32_t budget);",
            ]
        )


def _keeping(how: Anytime) -> Anytime:
    """The steps of a stream whose samples are kept: the same but for what they cost."""
    assert how.stream is not None
    return Anytime(how.plan, how.stream.keeping_samples)


def _limits(w: Writing, how: Anytime) -> None:
    w.out.lines([f"#define {w.P}_WITHIN_MIN {how.answer}", f"#define {w.P}_WITHIN_MAX {how.most}"])


def window_within(w: Writing) -> None:
    """`decide_within` of one window."""
    out, how = w.out, Anytime(w.plan)
    with _asked_for(w):
        _run(w, how)
        with out.block(f"{w.p}_result {w.p}_decide_within({w.p}_context *ctx, const int16_t *pcm, uint32_t budget)"):
            with out.block(f"if ({_misses(w, how, 0, f'{how.start}u', '')})"):
                out.line("ctx->pcm = pcm;")
                out.line(f"ctx->cost = {how.answer}u;")
                out.line("HYB_ON_BEGIN(ctx);")
                out.line(f"return {w.p}_prior(ctx);")
            out.line(f"{w.p}_begin(ctx, pcm);")
            out.line(f"ctx->cost += {how.overhead}u;")
            out.line(f"return {w.p}_run_within(ctx, 0, budget);")


def stream_within(w: Writing) -> None:
    """`decide_within` of a stream's last window. Frames are paid by push: the budget is for all else."""
    assert w.stream is not None
    out, how = w.out, Anytime(w.plan, w.stream)
    with _asked_for(w):
        with w.keeping():
            _tables(w, _keeping(how))
            out.line("#else")
            _tables(w, how)
        _run(w, how)
        with out.block(f"{w.p}_result {w.p}_decide_within({w.p}_context *ctx, uint32_t budget)"):
            out.line(f"{w.p}_result result = {{-1, -1, 0, 0}};")
            out.line("const uint32_t before = ctx->cost;")
            out.line("result.cost = before;")
            out.line(f"if (!{w.p}_ready(ctx)) return result;")
            out.line("HYB_ON_SPEND(ctx);")
            out.line(f"{w.p}_move(ctx);")
            with out.block(f"if ({_misses(w, how, 0, f'{w.P}_WITHIN_START', _gaps(w, how, 0))})"):
                out.line(f"ctx->cost += {w.P}_WITHIN_MIN;")
                out.line(f"result = {w.p}_prior(ctx);")
            with out.block("else"):
                out.line(f"ctx->cost += {w.P}_WITHIN_START;")
                out.line(f"result = {w.p}_run_within(ctx, before, budget);")
            out.line("ctx->cost = 0;")
            out.line("HYB_ON_DECIDED(ctx);")
            out.line("return result;")


def _run(w: Writing, how: Anytime) -> None:
    """`prior`, and the steps with a test before each but the first."""
    out, forest = w.out, w.plan.forest
    with out.block(f"static {w.p}_result {w.p}_prior({w.p}_context *ctx)"):
        out.line(f"{w.p}_result result = {{{forest.prior}, -1, 0, 0}};")
        out.line(f"memcpy(ctx->scores, {w.p}_bias, sizeof {w.p}_bias);")
        out.line("result.cost = ctx->cost;")
        out.line("return result;")
    _gap_functions(w, how)
    out.comment("What was spent before counts to nobody's budget.")
    with out.block(f"static {w.p}_result {w.p}_run_within({w.p}_context *ctx, uint32_t before, uint32_t budget)"):
        out.line(f"{w.p}_result result;")
        out.line(f"memcpy(ctx->scores, {w.p}_bias, sizeof {w.p}_bias);")
        ended: set[str] = set()
        for number, (step, after) in enumerate(zip(how.steps, [*how.steps[1:], None], strict=True)):
            if number:
                label = "done" if step.opens else "spent"
                gaps = _gaps(w, how, step.stage) if step.opens else ""
                out.line(f"if ({_misses(w, how, number, 'ctx->cost - before', gaps)}) goto {label};")
                ended.add(label)
            if step.opens:
                out.line(f"result.stage = {step.stage};")
                open_stage(w, step.stage)
            else:
                node = first_node(w, step.first)
                out.line(f"{w.p}_trees(ctx, {step.first}, {step.last}, {node}, {node + step.first});")
            if after is None or after.opens:
                out.line(f"result.label = hyb_best(ctx->scores, {w.P}_CLASSES, &result.margin);")
                if leave(w, step.stage):
                    ended.add("done")
        if "spent" in ended:
            out.line("goto done;")
            out.line("spent:")
            out.line(f"result.label = hyb_best(ctx->scores, {w.P}_CLASSES, &result.margin);")
        if ended:
            out.line("done:")
        out.line("result.cost = ctx->cost;")
        out.line("HYB_ON_RESULT(ctx, result);")
        out.lines(["(void)before;", "(void)budget;"] if len(how.steps) == 1 else [])
        out.line("return result;")


def _tables(w: Writing, how: Anytime) -> None:
    """What is spent before the first step, and of each step the most that it costs and what is spent by its end."""
    w.out.line(f"#define {w.P}_WITHIN_START {how.start}u")
    with w.out.block(f"static const uint32_t {w.p}_steps[{len(how.steps)}][2] =", "};"):
        w.out.lines(f"{{{step.price}u, {step.total + how.overhead}u}}," for step in how.steps)


def _misses(w: Writing, how: Anytime, number: int, spent: str, gaps: str) -> str:
    """C condition: a step has no room in the budget. Over a stream a table tells its price and bound."""
    step = how.steps[number]
    price, total = f"{step.price}u", f"{step.total + how.overhead}u"
    if how.stream is not None:
        price, total = (f"{w.p}_steps[{number}][{i}]" for i in (0, 1))
    return f"{spent} + {price}{gaps} > budget && budget < {total}"


def _gaps(w: Writing, how: Anytime, stage: int) -> str:
    return f" + {w.p}_gaps{stage}(ctx)" if how.gaps[stage] else ""


def _gap_functions(w: Writing, how: Anytime) -> None:
    """For each stage the function that prices its maps with gaps, as the stage would find them."""
    if how.stream is None:
        return
    for number, names in enumerate(how.gaps):
        if not names:
            continue
        with w.out.block(f"HYB_SHARED uint32_t {w.p}_gaps{number}(const {w.p}_context *ctx)"):
            w.out.line("uint32_t cost = 0;")
            w.out.line("int32_t frames;")
            origins = sorted({how.stream.origin(name) for name in names}, key=lambda name: name or "")
            for origin in origins:
                further = "0" if origin is None else f"{w.buffer(origin)}[0] - ctx->{origin}_at[{number}]"
                w.out.line(f"frames = hyb_moved(ctx->moved[{number}], {further}, {how.stream.frames});")
                step = how.stream.step(number, origin)
                w.out.lines([f"if (hyb_steps(frames, {step}) < 0) frames = -1;"] if step > 1 else [])
                for name in (n for n in names if how.stream.origin(n) == origin):
                    gap, (base, slope) = how.stream.gaps[name], how.stream.gap_prices[name]
                    moved = "frames" if gap.frames == 1 else f"(frames < 0 ? frames : frames / {gap.frames})"
                    size = gap.last - gap.first
                    w.out.line(f"cost += hyb_gap_price({moved}, {size}, {base}u, {slope}u, {w.plan.price(name)}u);")
            w.out.line("return cost;")
