"""Search for a decision that costs more than <NAME>_COST_MAX: python benchmarks/bound.py MODEL [DATA] [options]

An evolutionary search over int16 windows: the dearest are changed (gain, noise, shifts, pieces of each other, silence,
squares, single samples) and tried again. Windows are tried on an emulated core, where the dearest are those that
executed the most instructions, or with --host by the counters of the C on this machine, which is quick enough for a
million. DATA: a folder with WAV files to begin with, beside noise and squares of every level. Prints the most
instructions executed and the highest `.cost`, each as a share of the bound. Exit code 1 if one of them is above it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from codegen.artifacts import write_code
from codegen.host import NativeModel
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


@dataclass
class Worst:
    """The dearest decisions seen."""

    decisions: int = 0
    cost: int = 0
    instructions: int = 0


Try = Callable[[np.ndarray], np.ndarray]
"""What windows, int16 (n, samples), spend, (n,)."""


def on_core(device: DeviceModel, worst: Worst) -> Try:
    """Windows by the instructions that they execute on the emulated core."""

    def run(pcm: np.ndarray) -> np.ndarray:
        found = device.run(pcm)
        worst.instructions = max(worst.instructions, int(found.instructions.max()))
        _note(worst, found.cost)
        return found.instructions

    return run


def on_host(model: NativeModel, worst: Worst) -> Try:
    """Windows by the counter of the C."""

    def run(pcm: np.ndarray) -> np.ndarray:
        return _note(worst, model.run(pcm).cost)

    return run


def _note(worst: Worst, cost: np.ndarray) -> np.ndarray:
    spent = cost.astype(np.uint32)
    worst.cost, worst.decisions = max(worst.cost, int(spent.max())), worst.decisions + len(spent)
    return spent


def child(rng: np.random.Generator, parents: np.ndarray) -> np.ndarray:
    """A window made of two others."""
    x, other = (parents[i].astype(np.float64) for i in rng.integers(0, len(parents), 2))
    for _ in range(int(rng.integers(1, 4))):
        x = CHANGES[int(rng.integers(len(CHANGES)))](rng, x, other)
    return np.clip(np.rint(x), LOW, HIGH).astype(np.int16)


def search(spend: Try, pcm: np.ndarray, generations: int, rng: np.random.Generator) -> None:
    """Breed windows from `pcm` so that they spend more and more."""
    size = len(pcm)
    spent = spend(pcm)
    for _ in tqdm(range(generations), unit="generation", file=sys.stderr):
        keep = np.argsort(-spent.astype(np.int64), kind="stable")[: max(2, size // 4)]
        children = np.stack([child(rng, pcm[keep]) for _ in range(size)])
        pcm, spent = np.concatenate([pcm[keep], children]), np.concatenate([spent[keep], spend(children)])


def main() -> int:
    """Search, tell, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--generations", type=int, default=30)
    parser.add_argument("--population", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--host", action="store_true", help="by the counters of the C on this machine")
    parser.add_argument("--compiler", default="zig", help="for the emulated core: zig or arm-none-eabi-gcc")
    options = parser.parse_args()
    plan = load_model(options.model)[0].plan
    n, rate, worst = plan.source.value.shape[0], getattr(plan.source.op, "rate", 16000), Worst()
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        folder = Path(scratch)
        write_code(plan, folder)
        if options.host:
            spend = on_host(NativeModel(folder, plan.name), worst)
        else:
            spend = on_core(DeviceModel(plan, folder, folder, find_core(plan.core), options.compiler), worst)
        for seed in options.seeds:
            rng = np.random.default_rng(seed)
            search(spend, first_windows(options.data, rate, n, options.population, rng), options.generations, rng)
    print(f"{worst.decisions:,} windows, {plan.core}: bound {plan.cost_max:,}", end="; ")
    print(f"highest .cost {worst.cost:,} = {worst.cost / plan.cost_max:.4f}", end="")
    most = f"; most instructions {worst.instructions:,} = {worst.instructions / plan.cost_max:.4f}"
    print("" if options.host else most)
    return int(max(worst.cost, worst.instructions) > plan.cost_max)


if __name__ == "__main__":
    sys.exit(main())
