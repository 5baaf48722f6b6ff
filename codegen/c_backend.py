"""Prints a plan as one C header: a function per map computes one tile, so size grows with maps and nodes, not tiles."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

import codegen.emit  # noqa: F401  registers every emitter
from codegen.cwriter import C_TYPES, CWriter
from codegen.emit.base import EMITTERS
from codegen.plan import Plan
from feature_extractors.graph import FeatureMap
from feature_extractors.tiles import All, AxisRule, Regions
from tree_backends.forest import NEVER, VECTOR

RUNTIME_API = 1
HEADER = "hyb_runtime.h"
AXES = ("t", "b", "c")


def header(plan: Plan) -> str:
    """The whole generated header as text. Same plan, same bytes."""
    return _Header(plan).text()


class _Header:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.p, self.P = plan, plan.name, plan.name.upper()
        self.out = CWriter()
        self.ids = {m.name: i for i, m in enumerate(plan.maps)}

    def text(self) -> str:
        self._head()
        self._interface()
        self._implementation()
        return self.out.text()

    def _sources(self, item: FeatureMap) -> list[FeatureMap]:
        return [self.plan.graph[i] for i in item.inputs]

    # ---- declarations ------------------------------------------------------------------------------------------

    def _head(self) -> None:
        plan, out, forest = self.plan, self.out, self.plan.forest
        out.comment(
            f"{self.p}: classifier of {forest.classes} classes, written by hybrid. Do not edit.",
            "",
            f"Use: #define {self.P}_IMPLEMENTATION in one C or C++ file before including this header.",
            f"Input: {plan.source.value.shape[0]} int16 samples at {getattr(plan.source.op, 'rate', 0)} Hz.",
            f"Forest: {len(forest.stages)} stages, {forest.trees} trees, {forest.nodes} nodes,"
            f" {len(forest.features)} features.",
            "Maps, in order of computation (shape is time x band x channel):",
            *(f"  {line}" for line in self._map_lines()),
        )
        out.lines([f"#ifndef {self.P}_H", f"#define {self.P}_H", f'#include "{HEADER}"'])
        out.line(f"#if HYB_RUNTIME_API != {RUNTIME_API}")
        out.line(
            f'#error "{self.p}.h was written for HYB_RUNTIME_API {RUNTIME_API}: '
            f'regenerate the model with this hybrid, or use the {HEADER} written beside it"'
        )
        out.lines(["#endif", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""])

    def _map_lines(self) -> list[str]:
        lines = []
        for item in self.plan.maps:
            readers = [m.name for m in self.plan.maps if item.name in m.inputs]
            readers += ["trees"] if any(f.map == item.name for f in self.plan.forest.features) else []
            readers += ["scores"] if any(s.base == item.name for s in self.plan.forest.stages) else []
            shape, tile = ("x".join(map(str, s)) for s in (item.value.shape, item.grid.tile))
            lines.append(
                f"{item.name}: {item.op.name} {shape} {item.value.dtype}, tile {tile}, "
                f"{item.cost.macs} MAC a tile; for {', '.join(readers)}"
            )
        return lines

    def _interface(self) -> None:
        plan, out = self.plan, self.out
        out.lines(
            [
                f"#define {self.P}_CLASSES {plan.forest.classes}",
                f"#define {self.P}_STAGES {len(plan.forest.stages)}",
                f"#define {self.P}_WINDOW {plan.source.value.shape[0]}",
                f"#define {self.P}_RATE {getattr(plan.source.op, 'rate', 0)}",
                f"#define {self.P}_MAPS {len(plan.maps)}",
                f"#define {self.P}_TILES {sum(m.grid.size for m in plan.maps)}",
                "/* Bounds of `.cost`, in multiply-accumulates, front end included: no input leaves them. */",
                f"#define {self.P}_COST_MAX {plan.cost_max}",
                f"#define {self.P}_COST_MIN {plan.cost_min}",
                "/* Scores and margins divided by this are logits. */",
                f"#define {self.P}_SCORE_ONE {round(1 / plan.forest.unit)}",
                "",
            ]
        )
        with out.block("typedef struct", f"}} {self.p}_result;"):
            out.lines(
                [
                    "int32_t label;   /* class number, see the labels below */",
                    "int32_t stage;   /* stage after which the decision left, from 0 */",
                    "int32_t margin;  /* best score minus second best */",
                    "uint32_t cost;   /* multiply-accumulates spent */",
                ]
            )
        out.line()
        self._context()
        out.lines(
            [
                "",
                f"extern const char *const {self.p}_labels[{self.P}_CLASSES];",
                f"void {self.p}_init({self.p}_context *ctx);",
                f"/* Decide one window of {self.P}_WINDOW samples. ctx->scores holds the scores afterwards. */",
                f"{self.p}_result {self.p}_classify({self.p}_context *ctx, const int16_t *pcm);",
                f"#ifdef {self.P}_EAGER",
                "/* The same decision with every map computed whole first: the baseline of lazy evaluation. */",
                f"{self.p}_result {self.p}_classify_eager({self.p}_context *ctx, const int16_t *pcm);",
                "#endif",
                "#ifdef __cplusplus",
                "}",
                "#endif",
                f"#endif /* {self.P}_H */",
                "",
            ]
        )

    def _context(self) -> None:
        plan, out = self.plan, self.out
        out.comment("Owned by the caller; nothing in it needs to outlive a decision but the scores.")
        with out.block("typedef struct", f"}} {self.p}_context;"):
            scratch = max([8, *(self._emitter(m).scratch_bytes(m, self._sources(m)) for m in plan.maps)])
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

    # ---- implementation ----------------------------------------------------------------------------------------

    def _emitter(self, item: FeatureMap):  # type: ignore[no-untyped-def]
        return EMITTERS[item.op.name]

    def _implementation(self) -> None:
        out, plan = self.out, self.plan
        out.lines([f"#ifdef {self.P}_IMPLEMENTATION", f"#ifndef {self.P}_IMPLEMENTED", f"#define {self.P}_IMPLEMENTED"])
        out.line()
        with out.block(f"const char *const {self.p}_labels[{self.P}_CLASSES] =", "};"):
            out.lines([f"{c_string(label)}," for label in plan.labels])
        for item in plan.maps:
            self._map(item)
        self._features()
        self._forest()
        self._decide()
        self._entry_points()
        out.lines(["#endif", "#endif"])

    def _map(self, item: FeatureMap) -> None:
        out, sources, name = self.out, self._sources(item), f"{self.p}_{item.name}"
        out.line()
        out.comment(f"---- {item.name}: {item.op.name} ----")
        emitter = self._emitter(item)
        emitter.tables(item, sources, name, out)
        names = ", ".join(f"int32_t {a}{e}" for a in AXES for e in (0, 1))
        with out.block(f"HYB_SHARED void {name}_compute({self.p}_context *ctx, {names})"):
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
        self._need(item, sources, name)

    def _need(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> None:
        out = self.out
        with out.block(f"HYB_SHARED void {name}_need({self.p}_context *ctx, int32_t tile)"):
            with out.block(f"if (hyb_memo(ctx->memo_{item.name}, tile))"):
                out.line(f"HYB_ON_HIT(ctx, {self.ids[item.name]}, tile);")
                out.line("return;")
            self._tile_box(item)
            out.line(f"HYB_ON_COMPUTE(ctx, {self.ids[item.name]}, tile);")
            if item.cost.macs:
                out.line(f"ctx->cost += {item.cost.macs}u;")
            for source, rule in zip(sources, item.rules, strict=True):
                if source.op.family != "source":
                    self._need_inputs(source, rule)
            out.line(f"{name}_compute(ctx, t0, t1, b0, b1, c0, c1);")

    def _tile_box(self, item: FeatureMap) -> None:
        """The box of tile number `tile` in t0 .. c1."""
        out, grid = self.out, item.grid
        numbers = _tile_numbers(grid.counts)
        for axis, text, count, size, tile in zip(AXES, numbers, grid.counts, grid.shape, grid.tile, strict=True):
            first = text if tile == 1 else f"{text} * {tile}"
            if count == 1:
                out.line(f"const int32_t {axis}0 = 0, {axis}1 = {size};")
            elif size % tile == 0:
                out.line(f"const int32_t {axis}0 = {first}, {axis}1 = {axis}0 + {tile};")
            else:
                out.line(f"const int32_t {axis}0 = {first}, {axis}1 = hyb_min({axis}0 + {tile}, {size});")

    def _need_inputs(self, source: FeatureMap, rule: Sequence[AxisRule]) -> None:
        """Loops over the input tiles that the box reads, time outermost, as Grid.tiles_in."""
        out, grid = self.out, source.grid
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
        call = f"{self.p}_{source.name}_need(ctx, {number});"
        if not heads:
            out.line(call)
            return
        with out.block(""):
            out.lines(bounds)
            for depth, head in enumerate(heads):
                out.line("  " * depth + head)
            out.line("  " * len(heads) + call)

    def _features(self) -> None:
        out, plan = self.out, self.plan
        maps = [m for m in plan.maps if any(f.map == m.name for f in plan.forest.features)]
        out.line()
        out.comment("What the trees may ask for: map, tile, element.")
        if not maps:
            return
        with out.block(f"static const hyb_feature {self.p}_features[{len(plan.forest.features)}] =", "};"):
            for feature, tile in zip(plan.forest.features, plan.feature_tiles.tolist(), strict=True):
                shape = plan.graph[feature.map].value.shape
                element = (feature.index[0] * shape[1] + feature.index[1]) * shape[2] + feature.index[2]
                out.line(f"{{{element}, {tile}, {self.ids[feature.map]}}}, /* {feature} */")
        with out.block(f"static int32_t {self.p}_feature({self.p}_context *ctx, uint32_t number)"):
            out.line(f"const hyb_feature *f = &{self.p}_features[number];")
            out.line("switch (f->map) {")
            for item in maps:
                out.line(f"case {self.ids[item.name]}:")
                out.line(f"  {self.p}_{item.name}_need(ctx, f->tile);")
                out.line(f"  return ctx->{item.name}[f->element];")
            out.lines(["default:", "  return 0;", "}"])

    def _forest(self) -> None:
        out, forest = self.out, self.plan.forest
        if not forest.trees:
            return
        out.line()
        out.comment("The forest. A child >= 0 is a node, a child < 0 is leaf ~child; x <= threshold goes left.")
        wide = max(forest.nodes, len(forest.leaf_scores)) > 32767
        out.line(f"typedef {'int32_t' if wide else 'int16_t'} {self.p}_child;")
        out.line(
            f"typedef struct {{ uint16_t feature; int16_t threshold; {self.p}_child left, right; }} {self.p}_node;"
        )
        if forest.nodes:
            with out.block(f"static const {self.p}_node {self.p}_nodes[{forest.nodes}] =", "};"):
                columns = (forest.node_feature, forest.node_threshold, forest.node_left, forest.node_right)
                rows = [f"{{{a}, {b}, {c}, {d}}}," for a, b, c, d in zip(*(x.tolist() for x in columns), strict=True)]
                out.lines(" ".join(rows[i : i + 4]) for i in range(0, len(rows), 4))
        small = np.abs(forest.leaf_scores).max(initial=0) <= 32767
        out.table(f"{self.p}_leaves", forest.leaf_scores.astype(np.int16 if small else np.int32))
        out.table(f"{self.p}_roots", forest.tree_root.astype(np.int32 if wide else np.int16))
        if forest.tree_class[0] != VECTOR:
            small = np.uint8 if forest.classes < 256 else np.uint16
            out.table(f"{self.p}_tree_classes", forest.tree_class.astype(small))

    def _decide(self) -> None:
        out, forest = self.out, self.plan.forest
        if forest.trees:
            self._run_trees()
        out.line()
        out.table(f"{self.p}_bias", forest.bias)
        with out.block(f"static {self.p}_result {self.p}_run({self.p}_context *ctx)"):
            out.line(f"{self.p}_result result;")
            out.line(f"memcpy(ctx->scores, {self.p}_bias, sizeof {self.p}_bias);")
            for number, stage in enumerate(forest.stages):
                if stage.base is not None:
                    tiles = self.plan.graph[stage.base].grid.size
                    out.line(f"for (int32_t tile = 0; tile < {tiles}; tile++) {self.p}_{stage.base}_need(ctx, tile);")
                    out.line(f"for (int32_t c = 0; c < {self.P}_CLASSES; c++)")
                    out.line(f"  ctx->scores[c] += (int32_t)ctx->{stage.base}[c] * {1 << stage.base_shift};")
                if stage.last > stage.first:
                    out.line(f"{self.p}_trees(ctx, {stage.first}, {stage.last});")
                out.line(f"result.stage = {number};")
                out.line(f"result.label = hyb_best(ctx->scores, {self.P}_CLASSES, &result.margin);")
                if number + 1 < len(forest.stages) and stage.margin != NEVER:
                    out.line(f"if (result.margin >= {stage.margin}) goto done;")
            if any(s.margin != NEVER for s in forest.stages[:-1]):
                out.line("done:")
            out.line("result.cost = ctx->cost;")
            out.line("return result;")

    def _run_trees(self) -> None:
        out, forest = self.out, self.plan.forest
        out.line()
        head = f"static void {self.p}_trees({self.p}_context *ctx, int32_t first, int32_t last)"
        with out.block(head), out.block("for (int32_t tree = first; tree < last; tree++)"):
            out.line(f"int32_t at = {self.p}_roots[tree];")
            if forest.nodes:
                with out.block("while (at >= 0)"):
                    out.line(f"const {self.p}_node *node = &{self.p}_nodes[at];")
                    out.line("HYB_ON_VISIT(ctx);")
                    out.line(
                        f"at = {self.p}_feature(ctx, node->feature) <= node->threshold ? node->left : node->right;"
                    )
            if forest.tree_class[0] == VECTOR:
                out.line(f"for (int32_t c = 0; c < {self.P}_CLASSES; c++)")
                out.line(f"  ctx->scores[c] += {self.p}_leaves[~at * {self.P}_CLASSES + c];")
            else:
                out.line(f"ctx->scores[{self.p}_tree_classes[tree]] += {self.p}_leaves[~at];")

    def _entry_points(self) -> None:
        out, plan = self.out, self.plan
        out.line()
        with out.block(f"void {self.p}_init({self.p}_context *ctx)"):
            out.line("memset(ctx, 0, sizeof *ctx);")
        out.line()
        with out.block(f"static void {self.p}_begin({self.p}_context *ctx, const int16_t *pcm)"):
            out.line("ctx->pcm = pcm;")
            out.line("ctx->cost = 0;")
            for item in plan.maps:
                out.line(f"memset(ctx->memo_{item.name}, 0, sizeof ctx->memo_{item.name});")
            out.line("HYB_ON_BEGIN(ctx);")
        out.line()
        with out.block(f"{self.p}_result {self.p}_classify({self.p}_context *ctx, const int16_t *pcm)"):
            out.line(f"{self.p}_begin(ctx, pcm);")
            out.line(f"return {self.p}_run(ctx);")
        out.line()
        out.line(f"#ifdef {self.P}_EAGER")
        with out.block(f"{self.p}_result {self.p}_classify_eager({self.p}_context *ctx, const int16_t *pcm)"):
            out.line(f"{self.p}_begin(ctx, pcm);")
            for item in plan.maps:
                t, b, c = item.value.shape
                out.line(f"{self.p}_{item.name}_compute(ctx, 0, {t}, 0, {b}, 0, {c});")
                out.line(f"memset(ctx->memo_{item.name}, 0xff, sizeof ctx->memo_{item.name});")
            total = sum(m.grid.size * m.cost.macs for m in plan.maps)
            out.line(f"ctx->cost = {total}u;")
            out.line(f"return {self.p}_run(ctx);")
        out.line("#endif")


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


def c_string(text: str) -> str:
    """A C string literal of the UTF-8 bytes of `text`, with nothing that a compiler could read otherwise."""
    plain = {chr(c) for c in range(32, 127)} - set('"\\?')
    return '"' + "".join(ch if ch in plain else "".join(f"\\{b:03o}" for b in ch.encode()) for ch in text) + '"'
