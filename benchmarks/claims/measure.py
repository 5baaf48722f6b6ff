"""What a plan answers and costs: by the prices of the C on all test clips, on the emulated core on some."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims.case import PARTS, Case, part_of
from codegen import interpret
from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.target.cores import Core
from codegen.target.model import DeviceModel, DeviceResults, footprint
from hybrid.bench import LAZY_COMPARED
from hybrid.parity import EAGER_COMPARED, compare, rows
from hybrid.recordings import spread
from tree_backends.forest import NEVER


@dataclass(frozen=True)
class Bench:
    """The emulated core: which, which compiler, and how many test windows it decides."""

    core: Core
    compiler: str
    windows: int


@dataclass(frozen=True, eq=False)
class Row:
    """One way of deciding. right: bool, of each test clip, empty where nothing is answered.

    cost: `.cost` of the C, mean over all test clips, of which every window counts that is decided; parts: the same by
    family; core: instructions executed, mean over the sample, with their own parts; both None where nothing was run.
    flash: bytes.
    """

    name: str
    right: np.ndarray
    cost: float
    p95: float
    parts: dict[str, float]
    visits: float
    nodes: int
    core: dict[str, Any] | None = None
    flash: dict[str, int] | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """Share of test clips that are right; nan where nothing is answered."""
        return float(self.right.mean()) if len(self.right) else float("nan")

    def json(self) -> dict[str, Any]:
        """Plain values."""
        own = {"accuracy": self.accuracy if len(self.right) else None}
        names = ("name", "cost", "p95", "parts", "visits", "nodes", "core", "flash")
        return own | {name: getattr(self, name) for name in names} | self.more


def told(
    case: Case,
    name: str,
    plan: Plan,
    *,
    eager: bool = False,
    bench: Bench | None = None,
    flash: bool = False,
    split: str = "test",
) -> Row:
    """Decide the clips of a split, those of the test for the core, with a plan of the case's graph.

    eager: with whole maps, and all windows of a clip whether asked for or not; bench: run it on the core as well;
    flash: link it for its size.
    """
    results = interpret.decide_on(plan, case.maps[split])
    held, margin = case.windows[split], plan.forest.clip_margin
    right = held.clip_labels(results.scores, margin) == held.clip_truth
    spent = results.eager_cost if eager else results.cost
    among = held.asked(results.scores, NEVER if eager else margin)
    row = priced(name, results, spent, _whole(plan) if eager else None, right, (held.clip, among))
    if bench is None:
        return row
    core, size = run_on_core(case, plan, results, bench, eager, flash, among)
    return Row(**{**vars(row), "core": core, "flash": size})


def priced(
    name: str,
    results: interpret.Results,
    spent: np.ndarray,
    whole: dict[str, float] | None,
    right: np.ndarray,
    windows: tuple[np.ndarray, np.ndarray],
) -> Row:
    """A row without the core. whole: instructions by map of an eager decision; windows: number of each one's clip, and
    whether it is decided."""
    plan, parts, (clip, among) = results.plan, dict.fromkeys(PARTS, 0.0), windows
    weights = among / (clip.max() + 1)  # their sum over windows is a mean over clips
    for item in plan.maps:
        tiles = float(results.computed[item.name].sum(axis=1) @ weights)
        parts[part_of(item)] += whole[item.name] * weights.sum() if whole else tiles * plan.price(item.name)
    parts["forest"] = float(results.control @ weights)
    log_mels = [m.name for m in plan.maps if m.op.name == "log_mel"]
    frames = {name: float(results.computed[name].sum(axis=1) @ weights) for name in log_mels}
    shares = np.bincount(results.stage, weights=among, minlength=len(plan.forest.stages)) / among.sum()
    more = {"left": shares.tolist(), "stages": [_stage_name(plan, i) for i in range(len(shares))], "tiles": frames}
    more["windows"] = float(weights.sum())
    each = np.bincount(clip, weights=spent * among)
    return Row(
        name, right, float(each.mean()), float(np.percentile(each, 95)), parts, float(results.visits @ weights),
        plan.forest.nodes, more=more,
    )  # fmt: skip


def _stage_name(plan: Plan, number: int) -> str:
    stage = plan.forest.stages[number]
    trees = f"{stage.last - stage.first} trees" if stage.last > stage.first else ""
    return " + ".join(filter(None, [stage.base or "", trees]))


def _whole(plan: Plan) -> dict[str, float]:
    used = {m.name for m in plan.used}
    return {m.name: float(plan.prices.whole[m.name]) if m.name in used else 0.0 for m in plan.maps}


def run_on_core(
    case: Case, plan: Plan, results: interpret.Results, bench: Bench, eager: bool, flash: bool, among: np.ndarray
) -> tuple[dict[str, Any], dict[str, int] | None]:
    """Instructions a clip by a sample of the test windows that are decided (`among`) on the core, which must answer as
    the interpreter; and the flash."""
    test = case.windows["test"]
    decided = np.flatnonzero(among)
    kept = decided[spread(len(decided), bench.windows)]
    names = [test.names[i] for i in kept]
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        work = Path(scratch)
        write_code(plan, work)
        device = DeviceModel(plan, work, work, bench.core, bench.compiler, eager=eager)
        got = device.run(test.pcm[kept], names)
        size = footprint(plan.name, work, work, bench.core, bench.compiler).size if flash else None
    expected = {field: values[kept] for field, values in rows(results).items()}
    compare(expected, vars(got), EAGER_COMPARED if eager else LAZY_COMPARED, names, f"C on the {bench.core.name}")
    known = {"total": size.flash, "code": size.code, "tables": size.tables} if size else None
    return _core_row(plan, got, device.joined, len(decided) / len(test.clip_truth)), known


def _core_row(plan: Plan, got: DeviceResults, joined: Sequence[set[int]], windows: float) -> dict[str, Any]:
    """windows: that are decided of a clip, in the mean; max is that of a window."""
    by_map = windows * got.by_part.sum(axis=1).mean(axis=0)
    parts = dict.fromkeys(PARTS, 0.0) | {"forest": float(by_map[0])}
    for number, item in enumerate(plan.maps):
        parts[part_of(item)] += float(by_map[1 + number])
    mixed = [
        sorted(plan.maps[i].name for i in maps) for maps in joined if len({part_of(plan.maps[i]) for i in maps}) > 1
    ]
    return {
        "windows": len(got.label), "mean": windows * float(got.instructions.mean()), "max": int(got.instructions.max()),
        "parts": parts, "maps": {m.name: float(by_map[1 + i]) for i, m in enumerate(plan.maps)}, "shared": mixed,
    }  # fmt: skip
