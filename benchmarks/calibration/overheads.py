"""Instructions of everything but kernels: memos, requests, nodes, stages, on whole decisions of random plans."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.calibration.envelope import Sample
from codegen import interpret
from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.prices import Table
from codegen.prices.prices import VISIT, begin_work, stage_work, tile_work
from codegen.target.cores import Core
from codegen.target.emulator import Emulator
from codegen.target.model import HARNESS, build
from feature_extractors.ops.affine import Affine
from tests.random_plans import Draw, deep_plan, random_graph
from tree_backends.build import ForestBuilder
from tree_backends.forest import NEVER, Feature

CLIPS = 6


class Provisional(Table):
    """Stands in for the table that is being made: each part of a plan costs the same, a number of usual length."""

    def price(self, work: Mapping[str, int]) -> int:
        return 70_001


def overheads(core: Core, seed: int, plans: int) -> Iterator[Sample]:
    """Whole decisions of random plans, without what their kernels took."""
    table = Provisional(core.name, 0, "", "", {})
    for number in range(plans):
        draw = Draw(seed * 1000 + number)
        with patch("codegen.plan.find_table", return_value=table):
            if number % 3 == 0:
                plan, pcm = deep_plan(seed * 1000 + number)
            else:
                plan, pcm = _plan(draw, large=number % 6 == 1), draw.pcm(CLIPS)
            emulator = _linked(plan, core)
            results = interpret.run(plan, pcm)
        emulator.call("hyb_bench_begin")
        for i in range(CLIPS):
            emulator.write("hyb_bench_pcm", pcm[i].astype("<i2"))
            emulator.reset()
            emulator.call("hyb_bench_decide")
            yield Sample(f"decision of plan {number}", decision_work(results, i), int(emulator.table[0, 0]))


def _linked(plan: Plan, core: Core) -> Emulator:
    """The plan's C on the core; what runs in the kernels of a map is told apart."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        write_code(plan, Path(scratch))
        image = build(plan.name, Path(scratch), Path(scratch), core, "zig", HARNESS, [])
    return Emulator(image, core, columns=[f"{plan.name}_{m.name}_compute" for m in plan.maps])


def decision_work(results: interpret.Results, i: int) -> Counter[str]:
    """What one decision of a batch did beside its kernels."""
    plan, work = results.plan, Counter(begin_work(results.plan))
    for number in range(int(results.stage[i]) + 1):
        work.update(stage_work(plan, number))
    work.update({part: n * int(results.visits[i]) for part, n in VISIT.items()})
    for name, computed in results.computed.items():
        for tile in np.flatnonzero(computed[i]):
            work.update(tile_work(plan, name, int(tile)))
    return work


def _plan(draw: Draw, large: bool) -> Plan:
    """Any number of classes, stages, trees and nodes, leaves of one class or of all, exits taken or not.

    large: as many leaves of one class as the presets' forests have.
    """
    graph, classes = random_graph(draw), draw.one(2, 3, 5, 10, 12, 20)
    sizes = [int(np.prod(graph[n].value.shape)) for n in ("mean", "peak")]
    logits = Affine(
        weights=tuple(draw.weights(classes, n) for n in sizes), shifts=(0, 3), group=draw.one(1, classes),
        **draw.scaling(classes, 1e-2),
    )  # fmt: skip
    graph.add("logits", logits, ["mean", "peak"])
    maps = ["mean", "peak", "pw", "head", "stem", "folded", "logits"]
    read = sorted(draw.rng.permutation(maps)[: draw.one(1, 2, 4, 7)].tolist())
    features = [Feature(n, tuple(int(i) for i in at)) for n in read for at in np.ndindex(graph[n].value.shape)]
    probe = interpret.evaluate_maps(graph, interpret.source_map(graph, draw.pcm(20)), read)
    builder, width = ForestBuilder(classes, features, 1 / 1024), 1 if large else draw.one(1, classes)
    stages, spread = (3, 0.15) if large else (draw.one(1, 2, 4), draw.one(0.02, 0.2, 1.0))
    for stage in range(stages):
        for tree in range(70 if large else draw.one(0, 1, 4, 30)):
            root = grow(builder, draw, probe, features, 5 if large else draw.one(0, 1, 3, 6), width, spread)
            builder.tree(root, *([] if width > 1 else [tree % classes]))
        builder.stage("logits" if stage == stages - 1 or draw.one(True, False) else None, 0)
    forest = builder.finish(draw.rng.normal(size=classes))
    margins = [draw.one(0, NEVER, NEVER) for _ in range(stages - 1)]
    return Plan("rnd", tuple(f"c{i}" for i in range(classes)), graph, forest.with_margins([*margins, 0]))


def grow(
    builder: ForestBuilder,
    draw: Draw,
    maps: dict[str, np.ndarray],
    features: list[Feature],
    depth: int,
    width: int,
    spread: float,
) -> int:
    """A random tree of at most `depth` nodes on a path; leaf scores are `width` logits of about +-spread."""
    if depth == 0:
        return builder.leaf(draw.rng.normal(size=width) * spread)
    node, number = builder.node(), int(draw.rng.integers(len(features)))
    values = maps[features[number].map][(slice(None), *features[number].index)]
    left = grow(builder, draw, maps, features, depth - 1, width, spread)
    right = grow(builder, draw, maps, features, int(draw.rng.integers(0, depth)), width, spread)
    builder.set_node(node, number, int(np.quantile(values, draw.rng.uniform(0.1, 0.9))), left, right)
    return node
