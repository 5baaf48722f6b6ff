"""Search for a decision that costs more than <NAME>_COST_MAX: python benchmarks/bound.py MODEL [DATA] [options]

An evolutionary search over int16 windows on an emulated core: the windows that executed the most instructions are
changed (gain, noise, shifts, pieces of each other, silence, squares, single samples) and tried again. DATA: a folder
with WAV files to begin with, beside noise and squares of every level. Prints the most instructions executed and the
highest `.cost`, each as a share of the bound. Exit code 1 if one of them is above it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.target.cores import find_core
from codegen.target.model import DeviceModel
from hybrid.data import SILENCE, Clip, load_clip
from hybrid.evaluate import load_model

LOW, HIGH = -32768, 32767
Change = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


def _piece(rng: np.random.Generator, n: int) -> slice:
    """A part of a window, of any length."""
    length = int(n * rng.random() ** 2) + 1
    first = int(rng.integers(0, n - length + 1))
    return slice(first, first + length)


def gain(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Up to 24 dB louder or softer."""
    return x * 10 ** rng.uniform(-1.2, 1.2)


def noise(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Noise of any level on a piece."""
    part = _piece(rng, len(x))
    x[part] += rng.normal(size=part.stop - part.start) * 10 ** rng.uniform(0, 4.3)
    return x


def shift(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rolled in time."""
    return np.roll(x, int(rng.integers(1, len(x))))


def splice(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A piece of another window."""
    part = _piece(rng, len(x))
    x[part] = other[part]
    return x


def mix(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sum of both, weighted."""
    share = rng.random()
    return share * x + (1 - share) * other


def silence(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A piece of zeros."""
    x[_piece(rng, len(x))] = 0
    return x


def squares(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A piece of a square wave of any level and period."""
    part, period = _piece(rng, len(x)), int(rng.integers(2, 400))
    level = 32767 * 10 ** rng.uniform(-3, 0)
    x[part] = np.where(np.arange(part.stop - part.start) // period % 2, level, -level)
    return x


def ticks(rng: np.random.Generator, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Single samples at both ends of the range."""
    where = rng.integers(0, len(x), int(rng.integers(1, 40)))
    x[where] = rng.choice([LOW, HIGH], len(where))
    return x


CHANGES: tuple[Change, ...] = (gain, noise, shift, splice, mix, silence, squares, ticks)


def first_windows(data: Path | None, rate: int, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """int16 (size, n): recordings for at most half of them, then noise and squares of every level."""
    windows: list[np.ndarray] = []
    paths = sorted(data.rglob("*.wav")) if data else []
    for path in paths[:: max(1, -(-len(paths) // max(1, size // 2)))]:
        found = load_clip(Clip(path, SILENCE), rate)
        windows.append(np.pad(found[:n], (0, max(0, n - len(found)))))
    zero = np.zeros(n)
    while len(windows) < size:
        windows.append((noise if len(windows) % 2 else squares)(rng, zero.copy(), zero))
    return np.clip(np.stack(windows[:size]), LOW, HIGH).astype(np.int16)


def search(
    plan: Plan, device: DeviceModel, pcm: np.ndarray, generations: int, rng: np.random.Generator
) -> tuple[int, int, np.ndarray]:
    """(most instructions, highest `.cost`, tried windows' instructions) after so many generations from `pcm`."""
    size = len(pcm)
    found = device.run(pcm)
    spent, highest, every = found.instructions, int(found.cost.astype(np.uint32).max()), [found.instructions]
    for generation in range(generations):
        keep = np.argsort(-spent, kind="stable")[: max(2, size // 4)]
        parents, children = pcm[keep], []
        for _ in range(size):
            x, other = (parents[i].astype(np.float64) for i in rng.integers(0, len(parents), 2))
            for _ in range(int(rng.integers(1, 4))):
                x = CHANGES[int(rng.integers(len(CHANGES)))](rng, x, other)
            children.append(np.clip(np.rint(x), LOW, HIGH).astype(np.int16))
        tried = device.run(np.stack(children))
        every.append(tried.instructions)
        highest = max(highest, int(tried.cost.astype(np.uint32).max()))
        pcm = np.concatenate([parents, np.stack(children)])
        spent = np.concatenate([spent[keep], tried.instructions])
        best = int(spent.max())
        print(f"generation {generation + 1}: {best:,} = {best / plan.cost_max:.4f} of the bound", file=sys.stderr)
    return int(spent.max()), highest, np.concatenate(every)


def main() -> int:
    """Search, tell, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--generations", type=int, default=30)
    parser.add_argument("--population", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    plan = load_model(options.model)[0].plan
    n, rate, worst = plan.source.value.shape[0], getattr(plan.source.op, "rate", 16000), 0.0
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        write_code(plan, Path(scratch))
        device = DeviceModel(plan, Path(scratch), Path(scratch), find_core(plan.core), "zig")
        for seed in options.seeds:
            rng = np.random.default_rng(seed)
            pcm = first_windows(options.data, rate, n, options.population, rng)
            most, highest, every = search(plan, device, pcm, options.generations, rng)
            worst = max(worst, most / plan.cost_max, highest / plan.cost_max)
            print(
                f"seed {seed}, {plan.core}, {len(every)} windows: bound {plan.cost_max:,}; highest .cost {highest:,} = "
                f"{highest / plan.cost_max:.4f}; most instructions {most:,} = {most / plan.cost_max:.4f}; "
                f"at the start {int(every[: options.population].max()):,}"
            )
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
