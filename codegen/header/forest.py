"""Prints the forest: what trees may ask for, their nodes, and the staged decision."""

from __future__ import annotations

import numpy as np

from codegen.cwriter import C_TYPES
from codegen.header.compact import Nodes, Scores, compact, leaf_scores, round_robin
from codegen.header.writing import Writing
from tree_backends.forest import NEVER, VECTOR


def features(w: Writing) -> None:
    """The table of what trees may ask for, and the function that fetches one feature."""
    out, plan = w.out, w.plan
    maps = [m for m in plan.maps if any(f.map == m.name for f in plan.forest.features)]
    out.line()
    out.comment("What the trees may ask for: map, tile, element.")
    if not maps:
        return
    with out.block(f"static const hyb_feature {w.p}_features[{len(plan.forest.features)}] =", "};"):
        for feature, tile in zip(plan.forest.features, plan.feature_tiles.tolist(), strict=True):
            shape = plan.graph[feature.map].value.shape
            element = (feature.index[0] * shape[1] + feature.index[1]) * shape[2] + feature.index[2]
            out.line(f"{{{element}, {tile}, {w.ids[feature.map]}}}, /* {feature} */")
    with out.block(f"static int32_t {w.p}_feature({w.p}_context *ctx, uint32_t number)"):
        out.line(f"const hyb_feature *f = &{w.p}_features[number];")
        out.line("switch (f->map) {")
        for item in maps:
            out.line("default:" if item is maps[-1] else f"case {w.ids[item.name]}:")
            if plan.on_demand(item.name):
                out.line(f"  {w.p}_{item.name}_need(ctx, f->tile);")
            out.line(f"  return {w.buffer(item.name)}[f->element];")
        out.line("}")


def forest(w: Writing) -> None:
    """Nodes, thresholds and leaves as tables; codegen.header.compact explains them."""
    out, forest = w.out, w.plan.forest
    if not forest.trees:
        return
    nodes = compact(forest)
    scores = leaf_scores(forest, nodes.leaves)
    out.line()
    if forest.nodes:
        out.comment(
            "The forest, in preorder: the left child is the next node. A node's bits, from the lowest: "
            f"{nodes.feature_bits} feature,",
            f"{nodes.cut_bits} which of its thresholds (x <= it goes left), the rest: the way to the right child.",
        )
        out.table(f"{w.p}_nodes", nodes.words)
        out.table(f"{w.p}_thresholds", nodes.thresholds)
        out.table(f"{w.p}_first", nodes.first.astype(np.uint16 if len(nodes.thresholds) < 65536 else np.uint32))
    out.table(f"{w.p}_leaves", scores.values)
    if scores.low is not None:
        out.table(f"{w.p}_leaf_low", scores.low, "Which of them each leaf adds.")
    if scores.high is not None:
        out.table(f"{w.p}_leaf_high", scores.high)
    if _size(nodes) is None:
        out.table(f"{w.p}_sizes", nodes.sizes.astype(np.uint8 if nodes.sizes.max() < 256 else np.uint32))
    if forest.tree_class[0] != VECTOR and not round_robin(forest):
        small = np.uint8 if forest.classes < 256 else np.uint16
        out.table(f"{w.p}_tree_classes", forest.tree_class.astype(small))


def _size(nodes: Nodes) -> int | None:
    """The number of nodes of every tree, if it is the same for all."""
    return int(nodes.sizes[0]) if (nodes.sizes == nodes.sizes[0]).all() else None


def decide(w: Writing) -> None:
    """The staged decision."""
    out, forest = w.out, w.plan.forest
    if forest.trees:
        _run_trees(w)
    out.line()
    out.table(f"{w.p}_bias", forest.bias)
    for number, stage in enumerate(forest.stages[:-1]):
        if stage.class_margins:
            told = "What the best score must lead by to leave after the stage, by the class that leads."
            out.table(f"{w.p}_margins{number}", np.array(stage.class_margins, dtype=np.int32), told)
    for number in range(len(forest.stages)):
        _stage(w, number)
    with out.block(f"static {w.p}_result {w.p}_run({w.p}_context *ctx)"):
        out.line(f"{w.p}_result result;")
        out.line(f"memcpy(ctx->scores, {w.p}_bias, sizeof {w.p}_bias);")
        for number in range(len(forest.stages)):
            out.line(f"{w.p}_stage{number}(ctx);")
            out.line(f"result.stage = {number};")
            out.line(f"result.label = hyb_best(ctx->scores, {w.P}_CLASSES, &result.margin);")
            leave(w, number)
        if any(s.margin != NEVER for s in forest.stages[:-1]):
            out.line("done:")
        out.line("result.cost = ctx->cost;")
        out.line("HYB_ON_RESULT(ctx, result);")
        out.line("return result;")


def leave(w: Writing, number: int) -> bool:
    """The test of a stage's exit on `result`; whether there is one."""
    stage = w.plan.forest.stages[number]
    if number + 1 == len(w.plan.forest.stages) or stage.margin == NEVER:
        return False
    needed = f"{w.p}_margins{number}[result.label]" if stage.class_margins else f"{stage.margin}"
    w.out.line(f"if (result.margin >= {needed}) goto done;")
    return True


def open_stage(w: Writing, number: int) -> None:
    """What a stage does before its trees: its maps, and the scores of its base."""
    out, stage = w.out, w.plan.forest.stages[number]
    out.line(f"{w.p}_maps{number}(ctx);")
    if stage.base is not None:
        out.line(f"for (int32_t c = 0; c < {w.P}_CLASSES; c++)")
        out.line(f"  ctx->scores[c] += (int32_t){w.buffer(stage.base)}[c] * {1 << stage.base_shift};")


def first_node(w: Writing, tree: int) -> int:
    """The place of a tree's first node."""
    return int(compact(w.plan.forest).sizes[:tree].sum())


def _stage(w: Writing, number: int) -> None:
    """Maps, scores of the base map and trees of one stage."""
    out, stage = w.out, w.plan.forest.stages[number]
    with out.block(f"HYB_SHARED void {w.p}_stage{number}({w.p}_context *ctx)"):
        open_stage(w, number)
        if stage.last > stage.first:
            node = first_node(w, stage.first)
            out.line(f"{w.p}_trees(ctx, {stage.first}, {stage.last}, {node}, {node + stage.first});")


def _run_trees(w: Writing) -> None:
    out, forest = w.out, w.plan.forest
    nodes = compact(forest)
    scores = leaf_scores(forest, nodes.leaves)
    size = _size(nodes)
    out.line()
    out.comment("Trees first .. last - 1, whose nodes begin at `node` and whose leaves at `leaf`.")
    head = f"static void {w.p}_trees({w.p}_context *ctx, uint32_t first, uint32_t last, uint32_t node, uint32_t leaf)"
    with out.block(head):
        out.lines(["uint32_t visits = 0;"] if forest.nodes else [])
        with out.block("for (uint32_t tree = first; tree < last; tree++)"):
            out.line(f"uint32_t size = {f'{w.p}_sizes[tree]' if size is None else f'{size}u'}, reached = leaf;")
            if forest.nodes:
                out.line(f"const {C_TYPES[nodes.words.dtype.name]} *at = {w.p}_nodes + node;")
            out.lines(["node += size;", "leaf += size + 1;"])
            if forest.nodes:
                _walk(w, nodes)
            _add_leaf(w, scores)
        out.lines([f"ctx->cost += visits * {w.plan.prices.visit}u;"] if forest.nodes else ["(void)node;"])


def _walk(w: Writing, nodes: Nodes) -> None:
    out, shift = w.out, nodes.feature_bits + nodes.cut_bits
    feature = f"word & {(1 << nodes.feature_bits) - 1}u" if nodes.feature_bits else "0"
    cut = f" + (word >> {nodes.feature_bits} & {(1 << nodes.cut_bits) - 1}u)" if nodes.cut_bits else ""
    with out.block("while (size != 0)"):
        out.line(f"const uint32_t word = *at, feature = {feature}, right = word >> {shift};")
        out.lines(["visits++;", f"HYB_ON_VISIT(ctx, at - {w.p}_nodes);"])
        with out.block(f"if ({w.p}_feature(ctx, feature) <= {w.p}_thresholds[{w.p}_first[feature]{cut}])"):
            out.lines(["at++;", "size = right - 1;"])
        with out.block("else"):
            out.lines(["at += right;", "reached += right;", "size -= right;"])


def _add_leaf(w: Writing, scores: Scores) -> None:
    out, forest = w.out, w.plan.forest
    if forest.tree_class[0] == VECTOR:
        out.line(f"for (uint32_t c = 0; c < {w.P}_CLASSES; c++)")
        out.line(f"  ctx->scores[c] += {w.p}_leaves[reached * {w.P}_CLASSES + c];")
        return
    number = "reached"
    if scores.low is not None:
        number = f"{w.p}_leaf_low[reached]"
    if scores.high is not None:
        each, bits = 8 // scores.high_bits, scores.high_bits
        part = f"{w.p}_leaf_high[reached / {each}] >> reached % {each} * {bits} & {(1 << bits) - 1}"
        number += f" | ({part}) << 8"
    cls = f"tree % {w.P}_CLASSES" if round_robin(forest) else f"{w.p}_tree_classes[tree]"
    out.line(f"ctx->scores[{cls}] += {w.p}_leaves[{number}];")
