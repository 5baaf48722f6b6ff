"""The prices of a plan's parts, in instructions of one core, and the bounds that follow from them.

A decision is begun once, enters stages in order and each at most once, visits nodes, and computes tiles, each at most
once since a memo (or the schedule) remembers it. The generated C adds a constant for each of these, and nothing else:

    cost = begin + sum of stage[n] over the stages entered + visit * nodes visited + sum of tile[m] over tiles computed

The price of a visit includes the request for the node's feature, that of a stage those for its base map, and that of a
tile those for its inputs: asking for what is there already is paid by who asks, however often.

Bound: `cost_max` is the same sum with every stage entered, every tree left by its deepest path, and every tile that
a node of the forest, a base map or a reachable tile can ask for. A decision enters no other stage, visits no more nodes
of a tree than its deepest path has, and computes no other tile and none twice. No price is negative: none costs more.
`cost_min` takes the first stage, the shallowest path of its trees, and the tiles that its roots and base need.

Each price is the table's for that part's worst case. The tables are upper envelopes of what was measured with the
pinned compiler (benchmarks/calibrate.py), so that the bound holds for instructions executed as well, as far as
measurements reach; benchmarks/bound.py searches for a breach.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codegen.prices.table import Table
from feature_extractors.graph import FeatureMap
from feature_extractors.ops.base import parts
from feature_extractors.ops.log_mel import LogMel
from feature_extractors.tiles import Box, whole
from tree_backends.forest import VECTOR, Forest

if TYPE_CHECKING:
    from codegen.plan import Plan

Work = dict[str, int]


@dataclass(frozen=True)
class Prices:
    """Instructions of a plan's parts."""

    begin: int
    """Clearing memos and scores."""
    stages: tuple[int, ...]
    """Each stage: the requests for its base map, its trees, its exit; without nodes and tiles."""
    visit: int
    """One visited node."""
    tiles: dict[str, int]
    """One of the plan's tiles of each map."""
    whole: dict[str, int]
    """Each map computed whole by one call: the eager way."""


def prices(plan: Plan, table: Table) -> Prices:
    """All prices of a plan. Raises PriceError where the table lacks a part."""
    return Prices(
        begin=table.price(begin_work(plan)),
        stages=tuple(table.price(stage_work(plan, n)) for n in range(len(plan.forest.stages))),
        visit=table.price(VISIT),
        tiles={m.name: _worst_tile(plan, m.name, table) for m in plan.maps},
        whole={m.name: table.price(kernel_work(plan, m.name, None)) for m in plan.maps},
    )


VISIT: Work = parts("tree", visits=1)
"""A visited node: its comparison, and the request for its feature."""


def begin_work(plan: Plan) -> Work:
    """What comes before the first stage: the memos are cleared, the scores set."""
    memos = [plan.grids[m.name].size for m in plan.maps if plan.on_demand(m.name)]
    words = sum(-(-size // 32) for size in memos)
    return parts("begin", calls=1, memos=len(memos), words=words, classes=plan.forest.classes)


def stage_work(plan: Plan, number: int) -> Work:
    """What entering a stage and running all its trees takes, without nodes visited and tiles computed."""
    forest, stage = plan.forest, plan.forest.stages[number]
    trees = stage.last - stage.first
    vector = bool(trees) and int(forest.tree_class[stage.first]) == VECTOR
    work = parts("stage", calls=1, classes=forest.classes)
    work |= parts("tree", trees=trees, scores=trees * forest.classes if vector else 0, **_leaf_work(forest, trees))
    if stage.base is not None:
        requests = plan.grids[stage.base].size if plan.on_demand(stage.base) else 0
        work |= parts("base", calls=1, classes=forest.classes, requests=requests)
    return work


def _leaf_work(forest: Forest, trees: int) -> Work:
    """How a leaf's score is found, and the class that it is for."""
    from codegen.header.compact import compact, leaf_scores, round_robin  # whose package needs the plan

    found = leaf_scores(forest, compact(forest).leaves)
    ways = {"low": found.low is not None, "high": found.high is not None, "turns": round_robin(forest)}
    return {way: trees if taken else 0 for way, taken in ways.items()}


def tile_work(plan: Plan, name: str, tile: int) -> Work:
    """What one of the plan's tiles takes beside the kernel: the memo, its box, the requests for its inputs."""
    if not plan.on_demand(name):
        return parts("scheduled", maps=1)
    inputs = [i for i in plan.graph[name].inputs if plan.on_demand(i)]
    loops = sum(sum(n > 1 for n in plan.grids[i].counts) for i in inputs)
    axes = sum(n > 1 for n in plan.grids[name].counts)
    return parts(
        "need", tiles=1, axes=axes, inputs=len(inputs), loops=loops, requests=len(plan.tile_inputs[name][tile])
    )


def kernel_work(plan: Plan, name: str, tile: int | None) -> Work:
    """What a map's kernel does for one of the plan's tiles, or (None) for the whole map."""
    item = plan.graph[name]
    return box_work(plan, item, whole(item.value.shape) if tile is None else plan.grids[name].box(tile))


def box_work(plan: Plan, item: FeatureMap, box: Box) -> Work:
    """What the kernel of a map does for a box."""
    work = item.op.work([plan.graph[i].value for i in item.inputs], box)
    return shared_spectra(work) if _frame_lengths(plan) > 1 else work


def _frame_lengths(plan: Plan) -> int:
    return len({m.op.frame for m in plan.maps if isinstance(m.op, LogMel)})


def shared_spectra(work: Work) -> Work:
    """The same work where spectra of several lengths are taken: code that serves them all is slower for each."""
    return {part.replace("spectrum.frames", "spectrum.shared"): runs for part, runs in work.items()}


def _worst_tile(plan: Plan, name: str, table: Table) -> int:
    """Tiles at the edges of a window may be cheaper than others: the C adds the price of the dearest."""
    return max(
        table.price(Counter(kernel_work(plan, name, tile)) + Counter(tile_work(plan, name, tile)))
        for tile in range(plan.grids[name].size)
    )


def tree_depths(forest: Forest) -> tuple[np.ndarray, np.ndarray]:
    """(fewest, most) nodes that a decision visits in each tree, int64 (trees,)."""
    ends = []
    for choose in (min, max):
        depth = np.zeros(forest.nodes, dtype=np.int64)
        for node in reversed(range(forest.nodes)):  # children come after their node
            sides = (int(forest.node_left[node]), int(forest.node_right[node]))
            depth[node] = 1 + choose(int(depth[side]) if side >= 0 else 0 for side in sides)
        roots = forest.tree_root
        ends.append(np.where(roots >= 0, depth[np.maximum(roots, 0)] if forest.nodes else 0, 0).astype(np.int64))
    return ends[0], ends[1]
