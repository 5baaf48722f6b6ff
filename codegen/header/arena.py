"""Prints the memory of maps and scratch: one union, in which blocks that are never alive together share bytes.

Each block is a member of the union with an array of its own type behind the bytes before it. So every access has the
type with which the bytes were last written, C and C++ need no assumption about aliasing, and the compiler knows all
addresses.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from codegen.cwriter import C_TYPES
from codegen.header.writing import Writing
from codegen.memory import BYTES, Block, Layout
from codegen.schedule import Step


def memory_union(w: Writing, layout: Layout, steps: Sequence[Step]) -> None:
    """The member `memory` of the context."""
    out = w.out
    trees = ["push" if step.stage < 0 else f"trees of stage {step.stage}" for step in steps]
    names = [f"{i} {step.map or other}" for i, (step, other) in enumerate(zip(steps, trees, strict=True))]
    told = textwrap.wrap(f"What is alive in no common step shares bytes. Steps: {', '.join(names)}.", 100)
    out.comment("Maps and scratch.", *told)
    with out.block("union", "} memory;"):
        out.line(f"uint64_t all[{layout.size // 8}];")
        for block in layout.blocks:
            at = (layout.scratch if block.scratch else layout.maps)[block.map]
            before = f"uint8_t before[{at}]; " if at else ""
            out.line(f"/* bytes {at} .. {at + block.size - 1}, steps {block.first} .. {block.last} */")
            out.line(f"struct {{ {before}{_content(w, block)} }} {block.map}_{'scratch' if block.scratch else 'map'};")


def _content(w: Writing, block: Block) -> str:
    if block.scratch:
        return f"HYB_SCRATCH({block.size}) x;"
    value = w.plan.graph[block.map].value
    return f"{C_TYPES[value.dtype]} x[{block.size // BYTES[value.dtype]}];"
