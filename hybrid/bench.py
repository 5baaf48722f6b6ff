"""`hybrid bench`: what decisions on real clips cost on an emulated core, and what a board makes of it.

Builds of the same C run: the plain one, which is counted; one with HYB_TRACE, which counts computes and hits by map;
the eager one, the baseline; and a streaming one, for its memory. All must answer as the interpreter does, bit for bit.
"""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.target.cores import Core, find_core
from codegen.target.cross import FLAGS, find_cross, version
from codegen.target.cycles import CycleTable
from codegen.target.model import DeviceModel, DeviceResults, Footprint, footprint, stream_footprint
from hybrid.boards import Board, find_board, on_board, over
from hybrid.config import Config
from hybrid.errors import HybridError
from hybrid.evaluate import load_model
from hybrid.model_file import Model
from hybrid.parity import COMPARED, EAGER_COMPARED, compare, rows
from hybrid.recordings import read_windows, spread

CLIPS = 200
SPLIT = "test"
BINS = 30
LAZY_COMPARED = (*EAGER_COMPARED, "cost")
FIELDS = {"lazy": LAZY_COMPARED, "trace": COMPARED, "eager": EAGER_COMPARED, "stream": EAGER_COMPARED}
"""What must equal the interpreter's; a stream's cost is another one."""
STREAMED = 10
"""Clips that are pushed as a stream, for its stack."""
Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


def bench(
    folder: Path,
    data: Path | None = None,
    *,
    cpu: str = "cortex-m4",
    compiler: str | None = None,
    clips: int = CLIPS,
    skip_bad: bool = False,
    say: Say = lambda _: None,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure the model of `folder` on clips of the test split of `data` (default: what it was fitted on).

    cpu: name of a core; compiler: 'arm-none-eabi-gcc' or 'zig' (default: the first that is there).
    Returns plain JSON values, the same on every run. Raises HybridError and TargetError, also if an answer differs
    from the interpreter's.
    """
    check_installed()
    core, chosen = find_core(cpu), find_cross(compiler)
    model, config = load_model(folder)
    pcm, names, described = test_windows(model, config, data, clips, skip_bad, say, progress)
    measured = measure(model.plan, core, chosen, pcm, names, progress)
    return {"model": str(folder), "name": model.plan.name, "data": described} | measured


def check_installed() -> None:
    """Raise HybridError if a package that only measuring needs is not there, before it has taken any time."""
    missing = [name for name in ("unicorn", "capstone") if importlib.util.find_spec(name) is None]
    if missing:
        raise HybridError(f"hybrid bench needs {' and '.join(missing)}: pip install 'hybrid[device]'")


def check_options(options: dict[str, Any]) -> tuple[str, Board | None]:
    """The core and the board that the command line names. Raises HybridError for what does not fit together."""
    board = find_board(options["board"]) if options["board"] is not None else None
    cpu = options["cpu"] or (board.core if board else "cortex-m4")
    if board is not None and cpu != board.core:
        raise HybridError(f"board {board.name} is measured on {board.core}, not on {cpu}: leave out --cpu or --board")
    if options["check"] and board is None:
        raise HybridError("--check needs a board to check: name one with --board")
    path = options.get("csv_path")
    if path is not None and not path.resolve().parent.is_dir():
        raise HybridError(f"--csv {path}: its folder is not there: make it, or name another")
    if options.get("out") is not None and options["out"].is_file():
        raise HybridError(f"--out {options['out']} is a file: name a folder")
    for name in ("interval", "battery"):
        if not 0 < options[name] < float("inf"):
            raise HybridError(f"--{name} is {options[name]:g}: give a positive number")
    return cpu, board


def with_board(found: dict[str, Any], board: Board, interval: float, battery_mah: float) -> dict[str, Any]:
    """A measurement, with what it means on a board. See `hybrid.boards.on_board`."""
    return found | {"board": on_board(board, found, interval, battery_mah)}


def check_board(found: dict[str, Any]) -> None:
    """Raise HybridError, saying by how much, if the benched model does not fit its board or cannot keep up there."""
    board = find_board(found["board"]["name"])
    wrong = over(board, found)
    guess = found["board"]["estimate"]
    if not guess["keeps_up"]:
        late = guess["seconds_per_decision"] - guess["interval_s"]
        wrong.append(f"time by {late:.3g} s (a decision every {guess['interval_s']:g} s)")
    if wrong:
        raise HybridError(
            f"{found['name']} does not fit {board.title}: over in {', '.join(wrong)}: "
            f"fit a smaller model (hybrid fit --board {board.name}), or choose a larger board"
        )


def test_windows(
    model: Model, config: Config, data: Path | None, clips: int, skip_bad: bool, say: Say, progress: Progress
) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any]]:
    """Windows of at most `clips` clips, spread evenly over the test split as the fit drew it: pcm, names, about."""
    found = read_windows(model, config, data, split=SPLIT, clips=clips, skip_bad=skip_bad, say=say, progress=progress)
    windows = found.windows
    kept = spread(len(windows.pcm), clips)
    about = {"path": str(found.path), "split": SPLIT, "clips": found.clips, "windows": len(kept)}
    return windows.pcm[kept], tuple(windows.names[i] for i in kept), about


def measure(
    plan: Plan, core: Core, compiler: str, pcm: np.ndarray, names: Sequence[str], progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """Run windows, int16 (n, samples), through all builds and put the figures together. See `bench`."""
    expected = rows(interpret.run(plan, pcm))
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        work = Path(scratch)
        write_code(plan, work)
        sizes = [f(plan.name, work, work, core, compiler) for f in (footprint, stream_footprint)]
        builds = {"lazy": {}, "trace": {"trace": True}, "eager": {"eager": True}}
        builds |= {"stream": {"stream": True}} if sizes[1] else {}
        runs: dict[str, tuple[DeviceModel, DeviceResults]] = {}
        for number, (name, kind) in enumerate(builds.items()):
            progress(f"emulating {core.name}", number, len(builds))
            device = DeviceModel(plan, work, work, core, compiler, **kind)
            some = STREAMED if name == "stream" else len(pcm)
            runs[name] = device, device.run(pcm[:some], names)
        progress(f"emulating {core.name}", len(builds), len(builds))
    for name, (_, results) in runs.items():
        compare(expected, vars(results), FIELDS[name], names, f"{name} build on the {core.name}")
    return _figures(plan, core, compiler, sizes, runs)


def _figures(
    plan: Plan, core: Core, compiler: str, sizes: Sequence[Footprint | None],
    runs: dict[str, tuple[DeviceModel, DeviceResults]],
) -> dict[str, Any]:  # fmt: skip
    size = sizes[0]
    assert size is not None
    device, lazy = runs["lazy"]
    eager, trace = runs["eager"][1], runs["trace"][1]
    groups = _groups(len(plan.maps), [runs[build][0].joined for build in ("lazy", "eager")])
    counts, edges = np.histogram(lazy.instructions, bins=min(BINS, max(1, len(np.unique(lazy.instructions)))))
    return {
        "core": core.name,
        "compiler": version(compiler),
        "flags": " ".join(FLAGS),
        "unit": "instructions",
        "lazy": _spent(lazy.instructions),
        "eager": _spent(eager.instructions),
        "bound": _bound(plan, core, compiler, lazy),
        "maps": _maps(plan, lazy, eager, trace, groups),
        "stages": _stages(plan, lazy, device.tells_stages),
        "forest": {
            "mean": float(lazy.by_part[:, :, 0].sum(axis=1).mean()),
            "node_visits": float(trace.visits.mean()),
        },
        "cycles": _cycles(core, runs),
        "stack": {"lazy": lazy.stack, "eager": eager.stack},
        "stream": _stream(sizes[1], runs),
        "ram": {"context": size.context, "static": size.static, "window": 2 * plan.source.value.shape[0]},
        "flash": {
            "total": size.size.flash, "code": size.size.code, "tables": size.size.tables,
            "by_symbol": size.size.by_symbol,
        },
        "equal": {"to": "interpreter", "windows": len(lazy.label), "compared": list(COMPARED), "different": 0},
        "checked_instructions": device.checked,
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }  # fmt: skip


def _spent(instructions: np.ndarray) -> dict[str, float]:
    return {
        "mean": float(instructions.mean()),
        "p50": float(np.percentile(instructions, 50)),
        "p95": float(np.percentile(instructions, 95)),
        "max": int(instructions.max()),
    }


def _stream(size: Footprint | None, runs: dict[str, tuple[DeviceModel, DeviceResults]]) -> dict[str, Any] | None:
    """Bytes that the model takes over a stream; None if it cannot."""
    if size is None:
        return None
    stack = runs["stream"][1].stack
    return {"context": size.context, "static": size.static, "stack": stack, "flash": size.size.flash}


def _bound(plan: Plan, core: Core, compiler: str, lazy: DeviceResults) -> dict[str, Any] | None:
    """The plan's worst case beside the worst seen; None where it is not of this core and its table's compiler."""
    if core.name != plan.core or compiler != "zig":
        return None
    reached = int(lazy.instructions.max())
    return {"instructions": plan.cost_max, "reached": reached, "share": reached / plan.cost_max}


def _groups(maps: int, joined: Sequence[Sequence[set[int]]]) -> list[list[int]]:
    """Maps, those joined that share a function in one of the builds."""
    group = list(range(maps))
    for shared in itertools.chain.from_iterable(joined):
        found = {group[i] for i in shared}
        group = [min(found) if g in found else g for g in group]
    return [[i for i in range(maps) if group[i] == first] for first in sorted(set(group))]


def _maps(
    plan: Plan, lazy: DeviceResults, eager: DeviceResults, trace: DeviceResults, groups: list[list[int]]
) -> list[dict[str, Any]]:
    """One row a group of maps: mean instructions by stage (the first entry outside all), calls and memo hits."""
    spent, whole = lazy.by_part.mean(axis=0), eager.by_part.sum(axis=1).mean(axis=0)
    rows = []
    for group in groups:
        items, columns = [plan.maps[i] for i in group], [1 + i for i in group]
        rows.append(
            {
                "name": " + ".join(item.name for item in items),
                "op": items[0].op.name,
                "tiles": sum(plan.grids[item.name].size for item in items),
                "mean": float(spent[:, columns].sum()),
                "by_stage": spent[:, columns].sum(axis=1).tolist(),
                "computes": float(trace.computes[:, group].sum(axis=1).mean()),
                "hits": float(trace.hits[:, group].sum(axis=1).mean()),
                "eager": float(whole[columns].sum()),
            }
        )
    return rows


def _stages(plan: Plan, lazy: DeviceResults, told: bool) -> list[dict[str, Any]]:
    """One row a stage: who left there and at what price; what the stage itself took, where the C tells it apart."""
    rows = []
    for number in range(len(plan.forest.stages)):
        here = lazy.stage == number
        own = lazy.by_part[:, 1 + number]
        rows.append(
            {
                "number": number,
                "left": float(here.mean()),
                "mean_of_left": float(lazy.instructions[here].mean()) if here.any() else None,
                "mean": float(own.sum(axis=1).mean()) if told else None,
                "forest": float(own[:, 0].mean()) if told else None,
            }
        )
    return rows


def _cycles(core: Core, runs: dict[str, tuple[DeviceModel, DeviceResults]]) -> dict[str, Any] | None:
    """Estimated cycles of a mean decision, lazy and eager; None where Arm publishes no table."""
    if not CycleTable.has(core):
        return None
    found = {}
    for name in ("lazy", "eager"):
        device, results = runs[name]
        total, n = CycleTable(device.image, core).estimate(device.emulator), len(results.label)
        found[name] = {"low": total.low / n, "likely": total.likely / n, "high": total.high / n}
    return {"what": "estimate from Arm's instruction timings, memory without wait states", **found}
