"""Prints the loops that run the small layout, and the table of bytes that they run."""

from __future__ import annotations

import numpy as np

from codegen.forests import bytes as layout
from codegen.forests.bytes import Coding
from codegen.forests.printing import Printing
from codegen.forests.votes import FAR, encode, form_of


def program_table(w: Printing, program: bytes) -> None:
    """The trees as bytes."""
    w.out.line()
    w.out.table(f"{w.p}_program", np.frombuffer(program, dtype=np.uint8))


def sum_program(w: Printing) -> None:
    """Bytes and loop for trees that add to scores."""
    assert w.model.sums is not None
    c = w.coding
    program_table(w, b"".join(layout.encode(block, c) for stage in w.model.sums.programs for block in stage))
    w.out.comment("What one program adds; `program` moves on to the next one.")
    with w.out.block(f"HYB_SHARED int32_t {w.p}_sum(const uint8_t **program, {w.values})"):
        w.out.line("const uint8_t *p = *program;")
        w.out.line("int32_t sum = 0;")
        if not w.lowered.columns:
            w.out.line("(void)v;")
        with w.out.block("for (;;)"):
            w.out.line("const uint32_t code = *p;")
            for number, kind in enumerate(c.kinds if c.codes else ()):
                with w.out.block(f"{'else ' if number else ''}if (code < {(number + 1) * c.codes}u)"):
                    code = f"code - {number * c.codes}u" if number else "code"
                    w.out.lines(_STEPS[kind](_right(w, c, "p", code), c.size + 1))
            _rest(w, c)


def _constant_side(right: str, at: int) -> list[str]:
    return [f"if ({right}) {{", f"  p += {at + 3};", "} else {",
            f"  sum += hyb_s16(p + {at + 1});", f"  p += {at + 3} + p[{at}];", "}"]  # fmt: skip


def _constant_sides(right: str, at: int) -> list[str]:
    return [f"sum += hyb_s16({right} ? p + {at + 2} : p + {at});", f"p += {at + 4};"]


def _no_constant(right: str, at: int) -> list[str]:
    return [f"const int32_t right = {right};", f"p += {at + 1};", "if (right) p += p[-1];"]


_STEPS = {
    "left": _constant_side,
    "right": lambda right, at: _constant_side(f"!({right})", at),
    "both": _constant_sides,
    "neither": _no_constant,
}


def _right(w: Printing, c: Coding, p: str, code: str, at: int = 0) -> str:
    """C that is non-zero if the test at p sends the decision to the right."""
    number = f"(({code}) << 8 | {p}[{at + 1}])" if c.wide else code
    base = f" + ({c.base})" if c.base else ""
    first = f" + {c.first}u" if c.first else ""
    return f"{w.column(number + first)} > {p}[{at + c.size}]{base}"


def _rest(w: Printing, c: Coding) -> None:
    with w.out.block(f"{'else ' if c.codes else ''}if (code == {layout.ADD_SKIP}u)"):
        w.out.lines(["sum += hyb_s16(p + 1);", "p += 4 + p[3];"])
    with w.out.block(f"else if (code == {layout.ADD}u)"):
        w.out.lines(["sum += hyb_s16(p + 1);", "p += 3;"])
    if c.codes:
        with w.out.block(f"else if (p[1] == {layout.FAR})"):
            w.out.line(f"p += {c.size + 6} + ({_right(w, c, 'p', 'p[2]', 2)} ? hyb_u24(p + {c.size + 3}) : 0);")
        with w.out.block(f"else if (p[1] == {layout.SKIP})"):
            w.out.line("p += 5 + hyb_u24(p + 2);")
    with w.out.block("else"):
        w.out.lines(["*program = p + 2;", "return sum;"])


def vote_program(w: Printing) -> None:
    """Bytes and loops for trees that vote."""
    votes, c = w.model.votes, w.coding
    assert votes is not None
    form = form_of(votes, c)
    program, size = encode(votes, c, form)
    program_table(w, program)
    with w.out.block(f"static const hyb_votes {w.p}_form =", "};"):
        fields = (form.classes, form.mark, form.mark_bits, form.class_bits, form.order, form.other_order)
        w.out.line(", ".join(map(str, fields)))
    _find_leaf(w, c)
    w.out.comment("The classes in the leaf of one tree, as hyb_leaf_counts; `program` moves on to the next tree.")
    head = f"HYB_SHARED int32_t {w.p}_tree(const uint8_t **program, {w.values}, uint32_t *found, uint32_t *total)"
    with w.out.block(head):
        w.out.line(f"const uint8_t *tree = *program + {size};")
        w.out.line(f"*program = tree + {'hyb_u24(*program)' if size == 3 else '(tree[-2] | tree[-1] << 8)'};")
        w.out.line(f"return hyb_leaf_counts({w.p}_leaf(tree, v), &{w.p}_form, found, total);")
    if votes.exact:
        _exact(w)


def _find_leaf(w: Printing, c: Coding) -> None:
    with w.out.block(f"static const uint8_t *{w.p}_leaf(const uint8_t *p, {w.values})"):
        if not c.codes:
            w.out.lines(["(void)v;", "return p;"])
            return
        with w.out.block("for (;;)"):
            w.out.line("const uint32_t code = *p;")
            with w.out.block(f"if (code < {c.codes}u)"):
                w.out.lines(_no_constant(_right(w, c, "p", "code"), c.size + 1))
            with w.out.block(f"else if (code == {FAR}u)"):
                w.out.line(f"p += {c.size + 5} + ({_right(w, c, 'p', 'p[1]', 1)} ? hyb_u24(p + {c.size + 2}) : 0);")
            with w.out.block("else"):
                w.out.line("return p;")


def _exact(w: Printing) -> None:
    w.out.comment("The class by the very doubles of scikit-learn: for classes closer than fixed point can tell apart.")
    with w.out.block(f"HYB_SHARED int32_t {w.p}_exact({w.values})"):
        w.out.line(f"const uint8_t *program = {w.p}_program;")
        w.out.line(f"uint64_t sums[{w.P}_CLASSES];")
        w.out.line(f"uint32_t found[{w.P}_CLASSES], total;")
        w.out.line("memset(sums, 0, sizeof sums);")
        with w.out.block(f"for (int32_t t = 0; t < {w.P}_TREES; t++)"):
            w.out.line(f"const int32_t n = {w.p}_tree(&program, v, found, &total);")
            w.out.line("hyb_add_votes_f64(found, n, total, sums);")
        w.out.line(f"for (int32_t c = 0; c < {w.P}_CLASSES; c++) sums[c] = hyb_mean_f64(sums[c], {w.P}_TREES);")
        w.out.line(f"return hyb_first_most(sums, {w.P}_CLASSES);")
