"""Prints a stand-alone model as one C header. Same model, same bytes."""

from __future__ import annotations

import math

import numpy as np

from codegen.cwriter import c_string
from codegen.forests.branches import lane_words, sum_functions, two_lanes, vote_functions
from codegen.forests.interface import head, interface
from codegen.forests.model import Model
from codegen.forests.printing import Printing
from codegen.forests.reading import reading
from codegen.forests.walking import sum_program, vote_program
from tree_backends.forest import ForestError


def header(model: Model) -> str:
    """The whole generated header as text. Raises ForestError if the model is too large for its layout."""
    w = Printing(model)
    head(w)
    interface(w)
    w.out.lines([f"#ifdef {w.P}_IMPLEMENTATION", f"#ifndef {w.P}_IMPLEMENTED", f"#define {w.P}_IMPLEMENTED"])
    if w.ensemble.labels:
        with w.out.block(f"const char *const {w.p}_labels[{w.P}_CLASSES] =", "};"):
            w.out.lines(f"{c_string(label)}," for label in w.ensemble.labels)
    reading(w)
    if model.votes is not None:
        _votes(w)
    else:
        _sums(w)
    w.out.lines(["#endif", "#endif"])
    return w.out.text()


def _sums(w: Printing) -> None:
    sums = w.model.sums
    assert sums is not None
    small = w.model.options.optimise == "size"
    if small:
        sum_program(w)
    else:
        sum_functions(w)
    w.out.line()
    w.out.table(f"{w.p}_start", np.array(sums.start, dtype=np.int32))
    exits = len(sums.programs) - 1
    if exits:
        w.out.comment("Least and most that the trees after an exit can still add to each score.")
        w.out.table(f"{w.p}_low", np.array(sums.low[:-1], dtype=np.int32))
        w.out.table(f"{w.p}_high", np.array(sums.high[:-1], dtype=np.int32))
    with w.out.block(f"HYB_SHARED int32_t {w.p}_run({w.values}, int32_t *scores, int32_t may_leave)"):
        if small:
            w.out.line(f"const uint8_t *program = {w.p}_program;")
        w.out.line(f"memcpy(scores, {w.p}_start, sizeof {w.p}_start);")
        if not exits:
            w.out.line("(void)may_leave;")
        for stage in range(exits + 1):
            if small:
                w.out.line(f"for (int32_t i = 0; i < {w.P}_SCORES; i++) scores[i] += {w.p}_sum(&program, v);")
            else:
                w.out.lines(f"scores[{o}] += {w.p}_stage{stage}_score{o}(v);" for o in range(w.outputs))
            if stage < exits:
                w.out.line(f"if (may_leave && {_settled(w, stage)}) return {_label(w)};")
        w.out.line(f"return {_label(w)};")
    _entries(w)
    if w.ensemble.labels:
        _entry(w, f"int32_t {w.p}_proba({w.parameter}, uint16_t proba[{w.P}_CLASSES])", _probabilities(w))


def _settled(w: Printing, stage: int) -> str:
    if w.outputs > 1:
        at = f" + {stage * w.outputs}" if stage else ""
        return f"hyb_settled(scores, {w.p}_low{at}, {w.p}_high{at}, {w.P}_SCORES)"
    yes, no = (">=", "<") if w.ensemble.tie_is_positive else (">", "<=")
    return f"(scores[0] + {w.p}_low[{stage}] {yes} 0 || scores[0] + {w.p}_high[{stage}] {no} 0)"


def _label(w: Printing) -> str:
    if w.ensemble.task == "regression":
        return "scores[0]"
    if w.outputs > 1:
        return f"hyb_first_best(scores, {w.P}_SCORES)"
    return f"scores[0] {'>=' if w.ensemble.tie_is_positive else '>'} 0"


def _entries(w: Printing) -> None:
    """`predict` and `scores` on top of `run`."""
    body = [f"int32_t scores[{w.P}_SCORES];"]
    answer = f"{w.p}_result" if w.by_callback else "int32_t"
    _entry(w, f"{answer} {w.p}_predict({w.parameter})", body, f"{w.p}_run({_v(w)}, scores, 1)", w.by_callback)
    _entry(
        w, f"int32_t {w.p}_scores({w.parameter}, int32_t scores[{w.P}_SCORES])", [], f"{w.p}_run({_v(w)}, scores, 0)"
    )


def _v(w: Printing) -> str:
    return "&v" if w.by_callback else "x" if w.lowered.direct else "v"


def _entry(
    w: Printing, head: str, body: list[str], answer: str = "label", told: bool = False, columns: bool = True
) -> None:
    """A function that a user calls: columns first, then the body, then the answer (with its cost, if `told`)."""
    w.out.line()
    with w.out.block(head):
        if w.by_callback:
            w.out.line(f"{w.p}_state v;")
        elif columns and not w.lowered.direct:
            w.out.line(f"uint8_t v[{max(1, len(w.lowered.columns))}];")
        declarations = [line for line in body if line.endswith("];") and "=" not in line]
        w.out.lines(declarations)
        if told:
            w.out.line(f"{w.p}_result result;")
        if w.by_callback:
            w.out.lines(["v.user = user;", "v.cost = v.asked = 0;", "memset(v.value, 0xFF, sizeof v.value);"])
        elif columns and not w.lowered.direct:
            w.out.line(f"{w.p}_fill(x, v);")
        w.out.lines(line for line in body if line not in declarations)
        if told:
            w.out.line(f"result.{'label' if w.ensemble.labels else 'value'} = {answer};")
            w.out.lines(["result.cost = v.cost;", "result.asked = v.asked;", "return result;"])
        else:
            w.out.line(f"return {answer};")


def _probabilities(w: Printing) -> list[str]:
    assert w.model.sums is not None
    slope = w.ensemble.sigmoid / math.log(2) * 2.0 ** (16 - w.model.sums.bits)
    shift = 31 - math.frexp(slope)[1]
    if not 0 <= shift <= 63:
        raise ForestError("scores are too large for probabilities: train with a smaller learning rate")
    factor = f"{round(slope * 2.0**shift)}u, {shift}"
    body = [f"int32_t scores[{w.P}_SCORES];", f"const int32_t label = {w.p}_run({_v(w)}, scores, 0);"]
    if w.outputs == 1:
        return [*body, f"proba[1] = hyb_sigmoid(scores[0], {factor});", "proba[0] = (uint16_t)(32768u - proba[1]);"]
    if w.ensemble.one_versus_all:
        return [*body, f"for (int32_t i = 0; i < {w.P}_CLASSES; i++) proba[i] = hyb_sigmoid(scores[i], {factor});"]
    return [*body, f"hyb_softmax(scores, {w.P}_CLASSES, {factor}, proba);"]


def _votes(w: Printing) -> None:
    votes = w.model.votes
    assert votes is not None
    vote_program(w)
    _vote_run(w)
    fast = w.model.options.optimise == "speed"
    if fast:
        _fast_votes(w)
    answer = f"{w.p}_fast({'x' if w.splits else _v(w)})" if fast else f"{w.p}_run({_v(w)}, sums, 1)"
    result = f"{w.p}_result" if w.by_callback else "int32_t"
    sums = [f"uint32_t sums[{w.P}_CLASSES];"]
    _entry(
        w,
        f"{result} {w.p}_predict({w.parameter})",
        [] if fast else sums,
        answer,
        w.by_callback,
        not (fast and w.splits),
    )
    run = f"const int32_t label = {w.p}_run({_v(w)}, sums, 0);"
    each = f"for (int32_t i = 0; i < {w.P}_CLASSES; i++) "
    _entry(w, f"int32_t {w.p}_scores({w.parameter}, int32_t scores[{w.P}_SCORES])",
           [*sums, run, f"{each}scores[i] = (int32_t)sums[i];"])  # fmt: skip
    half, shift = 1 << (votes.bits - 16), votes.bits - 15
    share = f"proba[i] = (uint16_t)((sums[i] / {w.P}_TREES + {half}u) >> {shift});"
    _entry(w, f"int32_t {w.p}_proba({w.parameter}, uint16_t proba[{w.P}_CLASSES])", [*sums, run, f"{each}{share}"])


def _vote_run(w: Printing) -> None:
    """All trees by counts. From half of the trees on a lead that the others cannot make up ends the decision."""
    votes, ends = w.model.votes, w.model.ends
    assert votes is not None
    near = votes.near if votes.exact else 0
    with w.out.block(f"HYB_SHARED int32_t {w.p}_run({w.values}, uint32_t *sums, int32_t may_leave)"):
        w.out.line(f"const uint8_t *program = {w.p}_program;")
        w.out.line(f"uint32_t found[{w.P}_CLASSES], total;")
        w.out.line("int32_t label;")
        w.out.line(f"memset(sums, 0, {w.P}_CLASSES * sizeof *sums);")
        with w.out.block(f"for (int32_t left = {w.P}_TREES - 1; left >= 0; left--)"):
            w.out.line(f"const int32_t n = {w.p}_tree(&program, v, found, &total);")
            w.out.line(f"hyb_add_votes(found, n, total, {votes.bits}, sums);")
            if len(ends) > 1:
                step = max(1, ends[1] - ends[0])
                w.out.line(f"if (may_leave && left <= {ends[-1] - ends[0]} && left % {step} == 0 &&")
                lead = f"hyb_lead(sums, {w.P}_CLASSES, &label)"
                w.out.line(f"    {lead} > ((uint32_t)left << {votes.bits}) + {near}u) return label;")
        if len(ends) == 1:
            w.out.line("(void)may_leave;")
        if votes.exact:
            w.out.line(f"if (hyb_lead(sums, {w.P}_CLASSES, &label) <= {near}u) return {w.p}_exact(v);")
        else:
            w.out.line(f"(void)hyb_lead(sums, {w.P}_CLASSES, &label);")
        w.out.line("return label;")


def _fast_votes(w: Printing) -> None:
    """Coarse votes by nested comparisons; where they do not tell classes apart, the counts decide."""
    votes, ends = w.model.votes, w.model.ends
    assert votes is not None
    added, near = votes.lanes()
    vote_functions(w)
    top = int(added.max())
    w.out.line()
    with w.out.block(f"static int32_t {w.p}_fast({w.coarse_values})"):
        if w.splits:
            w.out.line(f"uint8_t columns[{len(w.lowered.columns)}];")
        w.out.line(f"uint32_t lanes[{lane_words(w)}], sums[{w.P}_CLASSES];")
        w.out.line("int32_t label;")
        w.out.line("memset(lanes, 0, sizeof lanes);")
        for stage, end in enumerate(ends):
            w.out.line(f"{w.p}_stage{stage}(v, lanes);")
            w.out.line(_unpack(w))
            left = (ends[-1] - end) * (top + 1) + near
            w.out.line(f"if (hyb_lead(sums, {w.P}_CLASSES, &label) > {left}u) return label;")
        if w.splits:
            w.out.line(f"{w.p}_fill(v, columns);")
        w.out.line(f"return {w.p}_run({'columns' if w.splits else 'v'}, sums, 1);")


def _unpack(w: Printing) -> str:
    if two_lanes(w):
        return f"hyb_unpack_lanes(lanes, {w.P}_CLASSES, sums);"
    return "memcpy(sums, lanes, sizeof sums);"
