"""Prints the forest: what trees may ask for, their nodes, and the staged decision."""

from __future__ import annotations

import numpy as np

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
            out.line(f"case {w.ids[item.name]}:")
            out.line(f"  {w.p}_{item.name}_need(ctx, f->tile);")
            out.line(f"  return ctx->{item.name}[f->element];")
        out.lines(["default:", "  return 0;", "}"])


def forest(w: Writing) -> None:
    """Nodes, leaves and roots as tables."""
    out, forest = w.out, w.plan.forest
    if not forest.trees:
        return
    out.line()
    out.comment("The forest. A child >= 0 is a node, a child < 0 is leaf ~child; x <= threshold goes left.")
    wide = max(forest.nodes, len(forest.leaf_scores)) > 32767
    out.line(f"typedef {'int32_t' if wide else 'int16_t'} {w.p}_child;")
    out.line(f"typedef struct {{ uint16_t feature; int16_t threshold; {w.p}_child left, right; }} {w.p}_node;")
    if forest.nodes:
        with out.block(f"static const {w.p}_node {w.p}_nodes[{forest.nodes}] =", "};"):
            columns = (forest.node_feature, forest.node_threshold, forest.node_left, forest.node_right)
            rows = [f"{{{a}, {b}, {c}, {d}}}," for a, b, c, d in zip(*(x.tolist() for x in columns), strict=True)]
            out.lines(" ".join(rows[i : i + 4]) for i in range(0, len(rows), 4))
    small = np.abs(forest.leaf_scores).max(initial=0) <= 32767
    out.table(f"{w.p}_leaves", forest.leaf_scores.astype(np.int16 if small else np.int32))
    out.table(f"{w.p}_roots", forest.tree_root.astype(np.int32 if wide else np.int16))
    if forest.tree_class[0] != VECTOR:
        small = np.uint8 if forest.classes < 256 else np.uint16
        out.table(f"{w.p}_tree_classes", forest.tree_class.astype(small))


def decide(w: Writing) -> None:
    """The staged decision."""
    out, forest = w.out, w.plan.forest
    if forest.trees:
        _run_trees(w)
    out.line()
    out.table(f"{w.p}_bias", forest.bias)
    with out.block(f"static {w.p}_result {w.p}_run({w.p}_context *ctx)"):
        out.line(f"{w.p}_result result;")
        out.line(f"memcpy(ctx->scores, {w.p}_bias, sizeof {w.p}_bias);")
        for number, stage in enumerate(forest.stages):
            if stage.base is not None:
                tiles = w.plan.graph[stage.base].grid.size
                out.line(f"for (int32_t tile = 0; tile < {tiles}; tile++) {w.p}_{stage.base}_need(ctx, tile);")
                out.line(f"for (int32_t c = 0; c < {w.P}_CLASSES; c++)")
                out.line(f"  ctx->scores[c] += (int32_t)ctx->{stage.base}[c] * {1 << stage.base_shift};")
            if stage.last > stage.first:
                out.line(f"{w.p}_trees(ctx, {stage.first}, {stage.last});")
            out.line(f"result.stage = {number};")
            out.line(f"result.label = hyb_best(ctx->scores, {w.P}_CLASSES, &result.margin);")
            if number + 1 < len(forest.stages) and stage.margin != NEVER:
                out.line(f"if (result.margin >= {stage.margin}) goto done;")
        if any(s.margin != NEVER for s in forest.stages[:-1]):
            out.line("done:")
        out.line("result.cost = ctx->cost;")
        out.line("return result;")


def _run_trees(w: Writing) -> None:
    out, forest = w.out, w.plan.forest
    out.line()
    head = f"static void {w.p}_trees({w.p}_context *ctx, int32_t first, int32_t last)"
    with out.block(head), out.block("for (int32_t tree = first; tree < last; tree++)"):
        out.line(f"int32_t at = {w.p}_roots[tree];")
        if forest.nodes:
            with out.block("while (at >= 0)"):
                out.line(f"const {w.p}_node *node = &{w.p}_nodes[at];")
                out.line("HYB_ON_VISIT(ctx);")
                out.line(f"at = {w.p}_feature(ctx, node->feature) <= node->threshold ? node->left : node->right;")
        if forest.tree_class[0] == VECTOR:
            out.line(f"for (int32_t c = 0; c < {w.P}_CLASSES; c++)")
            out.line(f"  ctx->scores[c] += {w.p}_leaves[~at * {w.P}_CLASSES + c];")
        else:
            out.line(f"ctx->scores[{w.p}_tree_classes[tree]] += {w.p}_leaves[~at];")
