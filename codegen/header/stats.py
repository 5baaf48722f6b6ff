"""Prints the counters that HYB_STATS compiles in, and the function that dumps them: docs/stats-dump.md.

Nothing of this is in the object code without HYB_STATS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from codegen.cwriter import c_string
from codegen.header.compact import compact
from codegen.header.writing import Writing
from codegen.plan import Plan

DUMP_FORMAT = 1
COST_LIST = "cost"
"""Three numbers: low and high half of the sum of costs, and the largest."""


def model_hash(plan: Plan) -> str:
    """16 hexadecimal digits that tell whose counters a dump holds: maps, forest, order of its nodes, and prices."""
    forest, digest = plan.forest, hashlib.sha256()
    for item in plan.maps:
        digest.update(f"{item.name}:{item.key};".encode())
    stages = [(s.first, s.last, s.class_margins or s.margin, s.base, s.base_shift) for s in forest.stages]
    named = (plan.name, plan.labels, forest.features, stages, plan.core, plan.table.version)
    digest.update(repr(named).encode())
    for array in (forest.node_feature, forest.node_threshold, forest.node_left, forest.node_right, forest.leaf_scores):
        digest.update(array.tobytes())
    for array in (forest.tree_root, forest.tree_class, forest.bias, compact(forest).order):
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def dump_head(plan: Plan, stream: bool = False) -> str:
    """The first two lines of every dump of a plan's counters, of decisions on windows or over a stream."""
    way = "stream" if stream else "windows"
    return f"hyb-stats {DUMP_FORMAT}\nmodel {plan.name} {model_hash(plan)} {way}\n"


def counter_sizes(plan: Plan) -> dict[str, int]:
    """The counters of a model by their key in a dump, in its order, and how many of each there are."""
    return {
        "decisions": 1,
        "stages": len(plan.forest.stages),
        "classes": plan.forest.classes,
        "computes": len(plan.maps),
        "hits": len(plan.maps),
        "visits": len(compact(plan.forest).order),
    }


@contextmanager
def _counting(w: Writing) -> Iterator[None]:
    w.out.line("#ifdef HYB_STATS")
    yield
    w.out.line("#endif")


def stats_refusal(w: Writing) -> None:
    """Counters of decisions that compute everything first would say nothing."""
    w.out.line(f"#if defined(HYB_STATS) && defined({w.P}_EAGER)")
    w.out.line(f'#error "HYB_STATS counts what is computed on demand, {w.P}_EAGER computes everything: define one"')
    w.out.line("#endif")


def stats_context(w: Writing) -> None:
    """The counters, a part of the context that `init` clears."""
    out = w.out
    with _counting(w):
        out.comment("Counters of all decisions since init; each stays at its largest value.")
        with out.block("struct", "} stats;"):
            out.lines(["uint64_t cost_sum;", "uint32_t cost_max;", "uint32_t decisions;"])
            for key, size in counter_sizes(w.plan).items():
                if key != "decisions" and size:
                    out.line(f"uint32_t {key}[{size}];")


def stats_interface(w: Writing) -> None:
    """What a user of the counters sees."""
    with _counting(w):
        w.out.lines(
            [
                "/* Write the counters as text, one character at a time, for `hybrid stats DIR --from-dump FILE`. */",
                f"void {w.p}_stats_dump(const {w.p}_context *ctx, hyb_put put, void *user);",
            ]
        )


def stats_functions(w: Writing) -> None:
    """`stats_dump`."""
    out = w.out
    with _counting(w), out.block(f"void {w.p}_stats_dump(const {w.p}_context *ctx, hyb_put put, void *user)"):
        out.line("hyb_dump dump;")
        out.line(f"uint32_t {COST_LIST}[3];")
        out.line(f"{COST_LIST}[0] = (uint32_t)(ctx->stats.cost_sum & 0xFFFFFFFFu);")
        out.line(f"{COST_LIST}[1] = (uint32_t)(ctx->stats.cost_sum >> 32);")
        out.line(f"{COST_LIST}[2] = ctx->stats.cost_max;")
        if w.stream:
            with w.streaming():
                out.line(_begin(w, True))
                out.line("#else")
                out.line(_begin(w, False))
        else:
            out.line(_begin(w, False))
        out.line(f'hyb_dump_list(&dump, "{COST_LIST}", {COST_LIST}, 3);')
        for key, size in counter_sizes(w.plan).items():
            if size:
                at = f"{'&' if key == 'decisions' else ''}ctx->stats.{key}"
                out.line(f'hyb_dump_list(&dump, "{key}", {at}, {size});')
        out.line("hyb_dump_end(&dump);")


def _begin(w: Writing, stream: bool) -> str:
    return f"hyb_dump_begin(&dump, put, user, {_literal(dump_head(w.plan, stream))});"


def _literal(text: str) -> str:
    return " ".join(c_string(line + "\n") for line in text.splitlines())
