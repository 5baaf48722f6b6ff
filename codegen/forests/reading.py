"""Prints how features become what the trees compare: nothing, columns of bytes, or callbacks that fill them."""

from __future__ import annotations

import numpy as np

from codegen.forests.columns import Column
from codegen.forests.printing import Printing
from tree_backends.ensemble import NAN, ZERO

MISSING = {ZERO: "HYB_MISSING_ZERO", NAN: "HYB_MISSING_NAN"}


def reading(w: Printing) -> None:
    """The tables of columns and the function that fills them."""
    if w.lowered.direct:
        return
    _tables(w)
    if w.by_callback:
        _state(w)
    else:
        _fill(w)


def _tables(w: Printing) -> None:
    columns, first = w.lowered.columns, 0
    cuts = [cut for column in columns for cut in column.cuts] or [0]
    kind = np.int16 if w.model.options.dtype == "int16" else np.int32
    w.out.line()
    w.out.table(f"{w.p}_cuts", np.array(cuts, dtype=kind), "Where columns change, feature by feature.")
    places = {feature: i for i, feature in enumerate(w.lowered.features)} if w.by_callback else None
    with w.out.block(f"static const hyb_column {w.p}_columns[{max(1, len(columns))}] =", "};"):
        for column in columns:
            feature = places[column.feature] if places else column.feature
            w.out.line(
                f"{{{feature}, {first}, {len(column.cuts)}, {MISSING.get(column.missing, '0')}, {_kind(column)}}},"
            )
            first += len(column.cuts)
        if not columns:
            w.out.line("{0, 0, 0, 0, 0},")


def _kind(column: Column) -> str:
    return "HYB_SET" if column.members else "HYB_LOW" if column.low else "0"


def _fill(w: Printing) -> None:
    w.out.line()
    with w.out.block(f"static void {w.p}_fill({w.parameter}, uint8_t *v)"):
        if not w.lowered.columns:
            w.out.lines(["(void)x;", "(void)v;"])
            return
        with w.out.block(f"for (uint32_t i = 0; i < {len(w.lowered.columns)}u; i++)"):
            w.out.line(f"const hyb_column *c = &{w.p}_columns[i];")
            w.out.line(f"v[i] = {_value(w, 'x[c->feature]', 'x + c->feature')};")


def _value(w: Printing, value: str, address: str) -> str:
    if w.model.options.dtype == "int16":
        return f"hyb_column_s16(c, {w.p}_cuts, {value})"
    return f"hyb_column_float(c, {w.p}_cuts, {address})"


def _state(w: Printing) -> None:
    """What one decision knows already, and the function that asks for a feature: all columns of it at once."""
    out, callbacks, count = w.out, w.model.callbacks, len(w.lowered.columns)
    out.line()
    with out.block("typedef struct", f"}} {w.p}_state;"):
        out.lines(
            ["void *user;", "uint32_t cost, asked;", f"int16_t value[{max(1, count)}]; /* -1: not asked for yet */"]
        )
    if not count:
        return
    out.table(f"{w.p}_costs", np.array([c.cost for c in callbacks], dtype=np.uint32))
    with out.block(f"HYB_SHARED int32_t {w.p}_ask({w.values}, uint32_t number)"):
        out.line(f"const uint32_t feature = {w.p}_columns[number].feature;")
        out.line("uint32_t i = number;")
        out.line(f"{w.c_type} x;")
        out.line("switch (feature) {")
        for place, callback in enumerate(callbacks):
            label = "default" if place + 1 == len(callbacks) else f"case {place}"
            out.line(f"{label}: x = {callback.function}(v->user); break;")
        out.line("}")
        out.line(f"v->cost += {w.p}_costs[feature];")
        out.line("v->asked++;")
        out.line(f"while (i != 0 && {w.p}_columns[i - 1].feature == feature) i--;")
        with out.block(f"for (; i < {count}u && {w.p}_columns[i].feature == feature; i++)"):
            out.line(f"const hyb_column *c = &{w.p}_columns[i];")
            out.line(f"v->value[i] = {_value(w, 'x', '&x')};")
        out.line("return v->value[number];")
    with out.block(f"static inline int32_t {w.p}_column({w.values}, uint32_t number)"):
        out.line("const int32_t value = v->value[number];")
        out.line(f"return value >= 0 ? value : {w.p}_ask(v, number);")
