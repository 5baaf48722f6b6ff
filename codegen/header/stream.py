"""Prints what a model needs to run over a stream: its context, `push`, `ready` and `decide`, and what is kept.

With KEEP_SAMPLES the context holds the window's samples, and rows of the maps that cost most are computed when
something asks for them; else all rows are computed at push. The functions are the same but for where a frame lies and
who computes those rows.
"""

from __future__ import annotations

from codegen.cwriter import C_TYPES
from codegen.header.arena import memory_union
from codegen.header.writing import Writing
from codegen.stream import COST_LIMIT
from codegen.streaming import StreamError, StreamPlan, stream_plan
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import TIME


def refusal(w: Writing) -> None:
    """Why a model cannot stream, or that it either streams or decides windows."""
    try:
        stream_plan(w.plan)
        w.out.line(f"#if defined({w.P}_STREAM) && defined({w.P}_EAGER)")
        w.out.line(f'#error "{w.P}_STREAM decides on a stream, {w.P}_EAGER on windows: define one of them"')
        w.out.line("#endif")
        w.out.line(f"#if defined({w.P}_KEEP_SAMPLES) && !defined({w.P}_STREAM)")
        w.out.line(f'#error "{w.P}_KEEP_SAMPLES is a way to stream: define {w.P}_STREAM, too"')
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
            f"#define {w.P}_FRAMES {how.window}",
            f"#define {w.P}_STRIDE {how.stride}",
            "/* Bounds of `.cost`: of every hop of samples begun since the decision before, of every call of push, and",
            f" * of all else. With {w.P}_KEEP_SAMPLES frames cost next to nothing until a decision asks for them. */",
        ]
    )
    with w.keeping():
        _bounds(w, how.keeping_samples)
        w.out.line("#else")
        _bounds(w, how)
    w.out.lines(
        [
            "/* Take n samples, any n; every whole frame is looked at at once. Nothing happens if pcm is NULL. */",
            f"void {w.p}_push({w.p}_context *ctx, const int16_t *pcm, size_t n);",
            "/* Non-zero once a whole window of frames has been pushed. */",
            f"int32_t {w.p}_ready(const {w.p}_context *ctx);",
            *_centred_interface(w, how),
            "/* Decide the last whole window; ctx->scores holds the scores afterwards. `.cost` includes what push has",
            " * spent since the decision before. Before the first whole window label and stage are -1, margin is 0. */",
            f"{w.p}_result {w.p}_decide({w.p}_context *ctx);",
        ]
    )


def _centred_interface(w: Writing, how: StreamPlan) -> list[str]:
    declared = f"int32_t {w.p}_centred({w.p}_context *ctx, int32_t frames);"
    if how.centring is None:
        return ["/* As ready: this model hears the whole window, wherever a sound is. */", declared]
    return [
        "/* Non-zero if ready and what is placed around the sound lies at least so many frames from both ends of the",
        " * window. At an end a sound is cut off: an earlier window held more, or a later one will. Detectors that",
        f" * pass over such windows cost less and hear no halves. 1 passes over the ends only; ({w.P}_PLACES - h) / 2,",
        f" * decisions being h frames apart, hears a sound about once. Adds {w.P}_COST_CENTRED to the next `.cost`. */",
        f"#define {w.P}_PLACES {how.places_range}",
        declared,
    ]


def _bounds(w: Writing, how: StreamPlan) -> None:
    w.out.lines(
        [
            f"#define {w.P}_COST_FRAME {how.frame_max}",
            f"#define {w.P}_COST_PUSH {how.push_max}",
            f"#define {w.P}_COST_DECIDE_MAX {how.decide_max}",
            f"#define {w.P}_COST_CENTRED {how.centring_price}",
        ]
    )


def stream_context(w: Writing, how: StreamPlan) -> None:
    """The part of the context that a stream needs and a window does not."""
    kept = how.keeping_samples
    with w.keeping():
        memory_union(w, w.stream_layout(kept), kept.steps)
        size = kept.ring * kept.spacing
        w.out.line(f"int16_t samples[{size + kept.mirrored}]; /* a ring of {size}, and its beginning once more */")
        w.out.line("int32_t slot; /* where in the ring the frame to come is, counted in frames */")
        for name in sorted(kept.waiting):
            w.out.line(f"uint32_t {name}_rows[{-(-kept.rows // 32)}]; /* a bit for every row that is there */")
        w.out.line("#else")
        memory_union(w, w.stream_layout(how), how.steps)
        w.out.line(f"int16_t frame[{how.frame}]; /* samples of the frame to come */")
    w.out.lines(
        [
            "int32_t filled; /* how many samples of the frame to come are there, negative for as many to be dropped */",
            "int32_t rows;   /* rows in memory, the last ones are the window */",
            "int32_t fresh;  /* frames pushed since the decision before */",
            f"int32_t moved[{len(w.plan.forest.stages)}]; /* frames pushed since each stage last ran */",
            *(f"int16_t {p}_at[{len(w.plan.forest.stages)}]; /* the {p} when it did */" for p in how.places),
        ]
    )


# ---- rows of the maps that read the samples --------------------------------------------------------------------------


def frame_function(w: Writing, how: StreamPlan) -> None:
    """The function that tells where the samples of a row's frame are."""
    out, kept = w.out, how.keeping_samples
    out.line()
    head = f"static inline const int16_t *{w.p}_frame_of(const {w.p}_context *ctx, int32_t row)"
    with out.block(head), w.keeping():
        out.line(f"const int32_t slot = ctx->slot + row - ctx->rows{f' + {how.lead}' if how.lead else ''};")
        wrapped = f"slot < 0 ? slot + {kept.ring} : slot"
        if how.lead:
            wrapped = f"{wrapped} - (slot < {kept.ring} ? 0 : {kept.ring})"
        out.line(f"return ctx->samples + ({wrapped}) * {kept.spacing};")
        out.line("#else")
        if how.lead:
            out.line(f"return ctx->frame + (row - ctx->rows + {how.lead}) * {how.hop};")
        else:
            out.line("(void)row;")
            out.line("return ctx->frame;")


def row_functions(w: Writing, how: StreamPlan, item: FeatureMap, name: str) -> None:
    """Of a map that reads the samples: where its rows are, and how they are asked for. `compute` makes a row."""
    out, (_, bands, channels) = w.out, item.value.shape
    place = how.framings[item.name].place
    first = f"ctx->rows - {how.frames}{f' + {w.buffer(place)}[0]' if place else ''}"
    out.line(f"static inline {C_TYPES[item.value.dtype]} *{name}_at({w.p}_context *ctx)")
    out.line(f"{{ return ctx->memory.{item.name}_map.x + ({first}) * {bands * channels}; }}")
    if item.name not in how.keeping_samples.waiting:
        _rows(w, item, name, [], place)
        return
    with w.keeping():
        kept = how.keeping_samples
        bits = f"ctx->{item.name}_rows"
        with out.block(f"HYB_SHARED void {name}_row({w.p}_context *ctx, int32_t row)"):
            out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[item.name]}, 0);")
            out.line(f"hyb_memo_set({bits}, row);")
            out.line(f"ctx->cost += {kept.row_prices[item.name]}u;")
            out.line(f"{name}_compute(ctx, row);")
        lines = [
            f"ctx->cost += (uint32_t)(last - first) * {kept.look_price}u;",
            f"for (int32_t row = {first} + first, end = row + last - first; row < end; row++)",
            f"  if (!hyb_memo({bits}, row)) {name}_row(ctx, row);",
        ]
        _rows(w, item, name, lines, place)
        out.line("#else")
        _rows(w, item, name, [], place)


def _rows(w: Writing, item: FeatureMap, name: str, lines: list[str], place: str | None) -> None:
    """`rows` makes sure that rows of the map are there, `need` the same of a tile."""
    out = w.out
    asked = [f"{w.p}_{place}_need(ctx, 0);"] if place and w.plan.on_demand(place) else []
    with out.block(f"HYB_SHARED void {name}_rows({w.p}_context *ctx, int32_t first, int32_t last)"):
        out.lines([*asked, *lines] if lines else [*asked, "(void)ctx, (void)first, (void)last;"])
    if not w.plan.on_demand(item.name):
        return
    with out.block(f"static inline void {name}_need({w.p}_context *ctx, int32_t tile)"):
        if not asked and not lines:
            out.line("(void)ctx, (void)tile;")
            return
        out.line(f"if (hyb_memo({w.memo(item.name)}, tile)) return;")
        out.line(f"hyb_memo_set({w.memo(item.name)}, tile);")
        times, *others = w.plan.grids[item.name].counts
        at = "tile" if others == [1, 1] else f"tile / {others[0] * others[1]}"
        span = f"0, {item.value.shape[TIME]}" if times == 1 else f"{at}, {at} + 1"
        out.line(f"{name}_rows(ctx, {span});")


# ---- stages ----------------------------------------------------------------------------------------------------------


def gap_functions(w: Writing, how: StreamPlan) -> None:
    """For each map with a gap the function that computes the rest of it."""
    for item in w.plan.maps:
        if item.name in how.gaps:
            _renew(w, how, item)


def _renew(w: Writing, how: StreamPlan, item: FeatureMap) -> None:
    out, gap, times, name = w.out, how.gaps[item.name], item.value.shape[0], f"{w.p}_{item.name}"
    base, slope = how.gap_prices[item.name]
    out.line()
    held = f"all but positions {gap.first} .. {gap.last - 1}, which are one for {gap.frames} frames"
    out.comment(f"{item.name}: {held if gap.last > gap.first else 'there after no move'}.")
    with out.block(f"static void {name}_renew({w.p}_context *ctx, int32_t frames)"):
        out.line(f"const int32_t moved = frames < 0 ? frames : frames / {gap.frames};")
        out.line(f"const hyb_gap gap = hyb_gap_after(moved, {gap.first}, {gap.last}, {times});")
        if item.name in how.kept and gap.last > gap.first:
            out.line(f"hyb_slide({w.buffer(item.name)}, {how.row_bytes(item.name)}, gap, moved);")
        out.line("if (moved == 0) return;")
        out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[item.name]}, 0);")
        part = f"{base}u + (uint32_t)moved * {slope}u"
        out.line(f"ctx->cost += gap.last > gap.first ? {part} : {w.plan.price(item.name)}u;")
        others = "".join(f", 0, {size}" for size, count in _other_axes(w, item) if count > 1)
        for test, first, last in (
            ("gap.first > 0", "0", "gap.first"), (f"gap.last < {times}", "gap.last", str(times))
        ):  # fmt: skip
            with out.block(f"if ({test})"):
                _ask_for_rows(w, how, item, first, last)
                out.line(f"{name}_compute(ctx, {first}, {last}{others});")


def _ask_for_rows(w: Writing, how: StreamPlan, item: FeatureMap, first: str, last: str) -> None:
    """Rows that positions [first, last) of a map read, where their map is on demand."""
    from codegen.header.maps import axis_range

    for source, rule in zip(item.inputs, item.rules, strict=True):
        if source in how.readers and w.plan.on_demand(source):
            low, high = axis_range(rule[TIME], w.plan.graph[source].value.shape[TIME])
            with w.out.block(""):
                w.out.line(f"const int32_t t0 = {first}, t1 = {last};")
                w.out.line(f"{w.p}_{source}_rows(ctx, {low}, {high});")
                w.out.line("(void)t0, (void)t1;")


def _other_axes(w: Writing, item: FeatureMap) -> list[tuple[int, int]]:
    """(size, tiles) of band and channel."""
    return list(zip(item.value.shape[1:], w.plan.grids[item.name].counts[1:], strict=True))


def origin_move(w: Writing, how: StreamPlan, number: int, origin: str | None) -> None:
    """By how much an origin has moved since the stage last ran; the tiles that move with a place of the stage do."""
    out, p = w.out, w.p
    if origin is None:
        out.line(f"const int32_t moved = hyb_moved(passed, 0, {how.frames});")
        return
    if w.plan.on_demand(origin):
        out.line(f"{p}_{origin}_need(ctx, 0);")
    at, now = f"ctx->{origin}_at[{number}]", f"{w.buffer(origin)}[0]"
    out.line(f"const int32_t {origin}_moved = hyb_moved(passed, {now} - {at}, {how.frames});")
    out.line(f"{at} = {now};")
    if w.plan.scheduled.get(origin) == number:
        for name in how.moved_tiles(origin):
            _move_tiles(w, how, w.plan.graph[name], f"{origin}_moved")
    out.line(f"(void){origin}_moved;")


def moved_name(origin: str | None) -> str:
    """C variable of a stage: by how much an origin has moved."""
    return "moved" if origin is None else f"{origin}_moved"


# ---- what a user calls -----------------------------------------------------------------------------------------------


def stream_functions(w: Writing, how: StreamPlan) -> None:
    """`init`, `push`, `ready` and `decide`."""
    out = w.out
    _frame(w, how)
    _take(w, how)
    with out.block(f"void {w.p}_push({w.p}_context *ctx, const int16_t *pcm, size_t n)"):
        out.line("if (pcm == NULL) return;")
        with out.block("while (n > 0)"):
            out.line(f"const size_t taken = {w.p}_take(ctx, pcm, n);")
            out.lines(["pcm += taken;", "n -= taken;"])
            out.line(f"if (ctx->filled == {how.frame}) {w.p}_frame(ctx);")
    out.line(f"int32_t {w.p}_ready(const {w.p}_context *ctx) {{ return ctx->rows >= {how.frames}; }}")
    _centred(w, how)
    _move(w, how)
    with out.block(f"{w.p}_result {w.p}_decide({w.p}_context *ctx)"):
        out.line(f"{w.p}_result result = {{-1, -1, 0, 0}};")
        out.line("result.cost = ctx->cost;")
        out.line(f"if (!{w.p}_ready(ctx)) return result;")
        out.line("HYB_ON_SPEND(ctx);")
        out.line(f"{w.p}_move(ctx);")
        out.line(f"ctx->cost += {how.begin}u;")
        out.line(f"result = {w.p}_run(ctx);")
        out.line("ctx->cost = 0;")
        out.line("HYB_ON_DECIDED(ctx);")
        out.line("return result;")


def stream_init(w: Writing, how: StreamPlan) -> None:
    """What `init` does beside clearing: no stage has run yet."""
    w.out.line(f"for (int32_t s = 0; s < {w.P}_STAGES; s++) ctx->moved[s] = {how.frames};")
    w.out.lines([f"ctx->rows = {how.lead}; /* as if so many frames had been before: shorter ones are ahead */"]
                if how.lead else [])


def _spend(w: Writing, how: StreamPlan, price: str) -> None:
    w.out.line(f"ctx->cost = hyb_spend(ctx->cost, {price}, {COST_LIMIT - how.decide_max}u);")


def _take(w: Writing, how: StreamPlan) -> None:
    """The function that takes samples of the frame to come, and tells how many."""
    out, kept = w.out, how.keeping_samples
    once, each = how.take_price
    price = f"{once}u + ((uint32_t)taken * {each}u >> 8)"
    with out.block(f"static size_t {w.p}_take({w.p}_context *ctx, const int16_t *pcm, size_t n)"):
        with w.keeping():
            size = kept.ring * kept.spacing
            out.line(f"const size_t room = (size_t)(ctx->filled < 0 ? -ctx->filled : {how.frame} - ctx->filled);")
            out.line("size_t taken = n < room ? n : room;")
            out.line("uint32_t times = 1;")
            with out.block("if (ctx->filled >= 0)"):
                out.line(f"int32_t at = ctx->slot * {kept.spacing} + ctx->filled;")
                out.line(f"if (at >= {size}) at -= {size};")
                out.line(f"taken = hyb_keep(ctx->samples, {size}, {kept.mirrored}, at, pcm, taken);")
                out.lines([f"if (at < {kept.mirrored}) times = 2;"] if kept.mirrored else [])
            out.line("ctx->filled += (int32_t)taken;")
            _spend(w, kept, f"times * ({price})")
            out.line("#else")
            out.line(f"const size_t taken = hyb_take(ctx->frame, &ctx->filled, {how.frame}, pcm, n);")
            _spend(w, how, price)
        out.line("return taken;")


def _frame(w: Writing, how: StreamPlan) -> None:
    """The function that looks at a frame: its row of each map that does not wait, and where the next one begins."""
    out, kept = w.out, how.keeping_samples
    with out.block(f"HYB_SHARED void {w.p}_frame({w.p}_context *ctx)"):
        out.line("HYB_ON_SPEND(ctx);")
        with w.keeping():
            _move_up(w, kept)
            out.line("#else")
            _move_up(w, how)
        _rows_at_push(w, how, kept.at_push)
        with w.keeping():
            _first_rows(w, kept)
            _spend(w, kept, f"{kept.frame_price}u")
            out.line(f"ctx->slot = ctx->slot == {kept.ring - 1} ? 0 : ctx->slot + 1;")
            out.line(f"ctx->filled = {how.frame - how.hop};")
            out.line("#else")
            _rows_at_push(w, how, [n for n in how.at_push if n not in kept.at_push])
            _first_rows(w, how)
            _spend(w, how, f"{how.frame_price}u")
            out.line(f"hyb_next_frame(ctx->frame, &ctx->filled, {how.frame}, {how.hop});")
        out.line("ctx->rows++;")
        out.line(f"ctx->fresh = hyb_min(ctx->fresh + 1, {how.frames});")


def _move_up(w: Writing, how: StreamPlan) -> None:
    """Make room for a row: the last ones of a window, less one, become the first."""
    out, rest = w.out, how.frames - 1
    gone = how.rows - rest
    with out.block(f"if (ctx->rows == {how.rows})"):
        for name in how.readers:
            width, row, to = _width(w, name), how.row_bytes(name), f"ctx->memory.{name}_map.x"
            moved = f"{to}, {to} + {gone * (row // width)}"
            if width == 2 and gone >= rest:  # what moves overlaps nothing
                out.line(f"hyb_copy({moved}, {rest * row // width});")
            else:
                out.line(f"memmove({moved}, {rest * row});")
        out.line(f"ctx->rows = {rest};")
        for name in sorted(how.waiting):
            out.line(f"hyb_memo_slide(ctx->{name}_rows, {-(-how.rows // 32)}, 0, {rest}, {gone});")
        _spend(w, how, f"{how.moving_up}u")


def _first_rows(w: Writing, how: StreamPlan) -> None:
    """The price of rows that shorter frames have ahead when the first of the longest frames is there."""
    if how.first_price:
        with w.out.block(f"if (ctx->rows == {how.lead})"):
            _spend(w, how, f"{how.first_price}u")


def _rows_at_push(w: Writing, how: StreamPlan, names: list[str] | tuple[str, ...]) -> None:
    for name in names:
        ahead = how.ahead(name)
        row, behind = "ctx->rows", how.lead - ahead
        if behind:
            row = f"ctx->rows - {behind}"
        if ahead:
            first = f"ctx->rows == {how.lead} ? 0 : {row}"
            with w.out.block(f"for (int32_t row = {first}; row <= {row}; row++)"):
                w.out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[name]}, 0);")
                w.out.line(f"{w.p}_{name}_compute(ctx, row);")
        else:
            w.out.line(f"HYB_ON_COMPUTE(ctx, {w.ids[name]}, 0);")
            w.out.line(f"{w.p}_{name}_compute(ctx, {row});")


def _width(w: Writing, name: str) -> int:
    return {"int16_t": 2}.get(C_TYPES[w.plan.graph[name].value.dtype], 1)


def _centred(w: Writing, how: StreamPlan) -> None:
    """The function that tells whether the placed frames are far enough from the window's ends."""
    out, name = w.out, how.centring
    with out.block(f"int32_t {w.p}_centred({w.p}_context *ctx, int32_t frames)"):
        if name:
            out.line("int16_t out[1];")
        out.line(f"if (!{w.p}_ready(ctx)) return 0;")
        _spend(w, how, f"{w.P}_COST_CENTRED")
        if name is None:
            out.lines(["(void)frames;", "return 1;"])
            return
        item = w.plan.graph[name]
        for number, source in enumerate(item.inputs):
            out.line(f"const {C_TYPES[w.plan.graph[source].value.dtype]} *in{number} = {w.p}_{source}_at(ctx);")
        out.lines(w.emitter(item).call(item, w.sources(item), f"{w.p}_{name}"))
        out.line(f"return out[0] >= frames && out[0] <= {item.value.hi} - frames;")


def _move(w: Writing, how: StreamPlan) -> None:
    """The function that moves the window to the last frames: memos and the tiles that count from its beginning."""
    out = w.out
    with out.block(f"static void {w.p}_move({w.p}_context *ctx)"):
        out.line("const int32_t frames = ctx->fresh;")
        out.line("ctx->fresh = 0;")
        out.line(f"for (int32_t s = 0; s < {w.P}_STAGES; s++)")
        out.line(f"  ctx->moved[s] = hyb_min(ctx->moved[s] + frames, {how.frames});")
        for item in w.plan.maps:
            if item.name in how.moved_tiles(None):
                _move_tiles(w, how, item, "frames")
            elif w.plan.on_demand(item.name) and item.name not in how.kept_tiles:
                out.line(f"memset({w.memo(item.name)}, 0, sizeof {w.memo(item.name)});")


def _move_tiles(w: Writing, how: StreamPlan, item: FeatureMap, frames: str) -> None:
    """The kept tiles of a map move with their origin, which has moved by `frames` or, if that is below 0, is new."""
    out, memo, inner, counts = w.out, w.memo(item.name), how.inner[item.name], w.plan.grids[item.name].counts
    row, words = counts[1] * counts[2], -(-w.plan.grids[item.name].size // 32)
    with out.block(f"if ({frames} != 0)"):
        out.line(f"const int32_t by = hyb_steps({frames}, {inner.frames});")
        out.line(f"const hyb_gap gap = hyb_gap_after(by, {inner.first}, {inner.last}, {item.value.shape[0]});")
        out.line(f"hyb_slide({w.buffer(item.name)}, {how.row_bytes(item.name)}, gap, by);")
        out.line(f"hyb_memo_slide({memo}, {words}, gap.first * {row}, gap.last * {row}, hyb_max(by, 0) * {row});")
