"""The fast layout: trees as nested comparisons, three instructions a node."""

from __future__ import annotations

import numpy as np

from codegen.forests.lower import Leaf, Tree
from codegen.forests.printing import Printing
from codegen.forests.sums import Block


def sum_functions(w: Printing) -> None:
    """One function for each stage and score, which returns what the stage's trees add to it."""
    assert w.model.sums is not None
    for stage, programs in enumerate(w.model.sums.programs):
        for output, block in enumerate(programs):
            w.out.line()
            with w.out.block(f"HYB_SHARED int32_t {w.p}_stage{stage}_score{output}({w.values})"):
                w.out.line(f"int32_t s = {int(block.add)};")
                _branches(w, block)
                if not block.branches:
                    w.out.line("(void)v;")
                w.out.line("return s;")


def _branches(w: Printing, block: Block) -> None:
    for branch in block.branches:
        test, sides = f"{w.column(branch.column)} <= {branch.k}", (branch.left, branch.right)
        if not _adds(branch.left):
            test, sides = f"{w.column(branch.column)} > {branch.k}", (branch.right, branch.left)
        with w.out.block(f"if ({test})"):
            _side(w, sides[0])
        if _adds(sides[1]):
            with w.out.block("else"):
                _side(w, sides[1])


def _side(w: Printing, block: Block) -> None:
    if block.add:
        w.out.line(f"s += {int(block.add)};")
    _branches(w, block)


def _adds(block: Block) -> bool:
    return bool(block.add or block.branches)


def vote_functions(w: Printing) -> None:
    """One function for each stage, which adds the coarse votes of its trees to sums of 16 or 32 bits."""
    votes = w.model.votes
    assert votes is not None
    added, _ = votes.lanes()
    for stage, (first, last) in enumerate(zip((0, *w.model.ends), w.model.ends, strict=False)):
        words = lane_words(w)
        w.out.line()
        with w.out.block(f"HYB_SHARED void {w.p}_stage{stage}({w.coarse_values}, uint32_t *lanes)"):
            w.out.line("uint32_t " + ", ".join(f"a{i} = lanes[{i}]" for i in range(words)) + ";")
            for tree in w.model.coarse.trees[first:last]:
                _vote(w, tree, added)
            w.out.lines(f"lanes[{i}] = a{i};" for i in range(words))


def two_lanes(w: Printing) -> bool:
    """Whether two sums share a word: no sum may leave 16 bits."""
    return w.model.votes is not None and len(w.model.votes.trees) <= 4096


def lane_words(w: Printing) -> int:
    """Words that the coarse votes take."""
    return (w.outputs + 1) // 2 if two_lanes(w) else w.outputs


def _vote(w: Printing, tree: Tree, added: np.ndarray) -> None:
    if isinstance(tree, Leaf):
        row = added[tree.number].astype(np.int64)
        words = row
        if two_lanes(w):
            row = np.append(row, 0) if len(row) % 2 else row
            words = row[0::2] | row[1::2] << 16
        w.out.line(" ".join(f"a{i} += {int(word):#x}u;" for i, word in enumerate(words) if word) or ";")
        return
    with w.out.block(f"if ({w.coarse_column(tree.column)} <= {tree.k})"):
        _vote(w, tree.left, added)
    with w.out.block("else"):
        _vote(w, tree.right, added)
