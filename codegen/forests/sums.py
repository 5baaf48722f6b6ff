"""Trees that add to one score, merged: trees that begin with the same test share it, all the way down.

The sum of several trees is one program: a block adds a constant, then runs its tests one after the other; each test
runs one of two blocks. No test is copied, so merging makes code smaller and decisions shorter. Sums are of integers,
so their order does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen.forests.lower import Leaf, Lowered, Tree
from tree_backends.forest import ForestError

LARGEST_ADD = 32767
LARGEST_SCORE = 2**30
LARGEST_SUM = 2.0**127
"""Beyond it no float of a device could hold a score."""
MOST_BITS = 24


@dataclass(frozen=True)
class Branch:
    """column <= k runs `left`, everything else `right`."""

    column: int
    k: int
    left: Block
    right: Block


@dataclass(frozen=True)
class Block:
    """Adds `add` (logits, or integers once rounded), then runs the branches in order."""

    add: float
    branches: tuple[Branch, ...]


@dataclass(frozen=True, eq=False)
class Sums:
    """programs[stage][output]; an integer score is in units of 2**-bits. start: integer scores before the first stage.

    low, high: what the stages after one can still add, (stages, outputs).
    """

    programs: tuple[tuple[Block, ...], ...]
    start: tuple[int, ...]
    bits: int
    low: tuple[tuple[int, ...], ...]
    high: tuple[tuple[int, ...], ...]
    error: float
    """No score differs by more from the ensemble's (logits)."""

    def scores(self, columns: Sequence[int], stages: int | None = None) -> list[int]:
        """The integer scores of one row of column values: the reference of the generated C."""
        totals = list(self.start)
        for stage in self.programs[:stages]:
            for output, block in enumerate(stage):
                totals[output] += run(block, columns)
        return totals


def run(block: Block, columns: Sequence[int]) -> int:
    """What an integer block adds for one row of column values."""
    total = int(block.add)
    for branch in block.branches:
        total += run(branch.left if columns[branch.column] <= branch.k else branch.right, columns)
    return total


def merge(trees: Sequence[Tree], value: Callable[[int], float]) -> Block:
    """The sum of trees as one block."""
    groups: dict[tuple[int, int], list] = {}
    leaves = []
    for tree in trees:
        if isinstance(tree, Leaf):
            leaves.append(value(tree.number))
        else:
            groups.setdefault((tree.column, tree.k), []).append(tree)
    branches = tuple(
        Branch(column, k, merge([t.left for t in same], value), merge([t.right for t in same], value))
        for (column, k), same in sorted(groups.items(), key=lambda item: item[0])
    )
    return Block(math.fsum(leaves), branches)


def sums_of(lowered: Lowered, stages: int) -> Sums:
    """Merge the trees of each output within each of `stages` runs of rounds, and round what they add.

    Raises ForestError for leaves whose sums no float of a device could hold.
    """
    ensemble = lowered.ensemble
    outputs = len(ensemble.bias)
    values = ensemble.values[:, 0].tolist()
    if not sum(map(abs, [*values, *ensemble.bias.tolist()])) <= LARGEST_SUM:
        raise ForestError("the leaves add up to more than a float holds: the model is damaged, train it again")
    programs = []
    for chosen in _runs(ensemble.trees, outputs, stages):
        of_output = [[lowered.trees[t] for t in chosen if ensemble.outputs[t] == output] for output in range(outputs)]
        programs.append([merge(trees, values.__getitem__) for trees in of_output])
    bias = ensemble.bias.tolist()
    for stage in programs:  # what is added whatever the input is added at the start, where 32 bits are
        for output, block in enumerate(stage):
            bias[output] += block.add
            stage[output] = Block(0.0, block.branches)
    spans = [[_span(block) for block in stage] for stage in programs]
    bits = _bits(programs, bias, spans)
    unit = 2.0**-bits
    rounded = tuple(tuple(_round(block, unit) for block in stage) for stage in programs)
    start = tuple(round(b / unit) for b in bias)
    error = max(
        abs(start[o] * unit - bias[o])
        + sum(_error(stage[o], done[o], unit) for stage, done in zip(programs, rounded, strict=True))
        for o in range(outputs)
    )
    low, high = _still(rounded, outputs)
    return Sums(rounded, start, bits, low, high, error)


def _runs(trees: int, outputs: int, stages: int) -> list[range]:
    """Tree numbers of each stage, whole rounds of one tree an output."""
    rounds = -(-trees // outputs)
    ends = [min(trees, outputs * (rounds * (s + 1) // stages)) for s in range(stages)]
    return [range(a, b) for a, b in zip([0, *ends], ends, strict=False)]


def _span(block: Block) -> tuple[float, float]:
    """Least and most that a block can add."""
    low = high = block.add
    for branch in block.branches:
        left, right = _span(branch.left), _span(branch.right)
        low += min(left[0], right[0])
        high += max(left[1], right[1])
    return low, high


def _largest(block: Block) -> float:
    return max([abs(block.add), *(max(_largest(b.left), _largest(b.right)) for b in block.branches)])


def _bits(programs: list, bias: list[float], spans: list) -> int:
    """Most fraction bits for which every constant fits int16 and every score int32."""
    add = max((_largest(block) for stage in programs for block in stage), default=0.0)
    score = max(abs(b) + sum(max(abs(stage[o][0]), abs(stage[o][1])) for stage in spans) for o, b in enumerate(bias))
    bits = MOST_BITS
    while bits > -900 and (add * 2.0**bits > LARGEST_ADD or score * 2.0**bits > LARGEST_SCORE):
        bits -= 1
    return bits


def _round(block: Block, unit: float) -> Block:
    branches = tuple(Branch(b.column, b.k, _round(b.left, unit), _round(b.right, unit)) for b in block.branches)
    return Block(round(block.add / unit), branches)


def _error(exact: Block, rounded: Block, unit: float) -> float:
    total = abs(exact.add - rounded.add * unit)
    for a, b in zip(exact.branches, rounded.branches, strict=True):
        total += max(_error(a.left, b.left, unit), _error(a.right, b.right, unit))
    return total


def _still(programs: tuple, outputs: int) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    low, high = [(0,) * outputs], [(0,) * outputs]
    for stage in reversed(programs[1:]):
        spans = [_span(block) for block in stage]
        low.append(tuple(int(before + s[0]) for before, s in zip(low[-1], spans, strict=True)))
        high.append(tuple(int(before + s[1]) for before, s in zip(high[-1], spans, strict=True)))
    return tuple(reversed(low)), tuple(reversed(high))
