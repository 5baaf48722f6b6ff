"""Where a window of frames is best put: python benchmarks/placing.py MODEL... --data DATA [--frames 26 28 30 32]

MODEL: folders written by `hybrid fit` with `front_end.placed = 0`, nets that hear all frames. They decide windows whose
samples outside the placed frames are 30 dB softer, with their maps computed whole: what a placement hides costs them
points. Placements are compared by the same log2 energies as the op `place` reads:

- most sound: the op's own, the largest sum of log energies within 30 dB of the loudest frame;
- most energy^(1/k): the largest sum of energies, compressed (k = 1: the energies themselves);
- centre: frames around the centre of energy.

Nothing is trained. Accuracies are means over the models, of windows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codegen.artifacts import write_code
from codegen.host import NativeModel
from feature_extractors.ops.place import OCTAVES, STEPS, Place, placement
from hybrid.config import FrontEndConfig
from hybrid.errors import HybridError
from hybrid.evaluate import load_model
from hybrid.model_file import Model
from hybrid.recordings import read_windows
from hybrid.windows import Windows

SPLITS = ("validation", "test")
STEP = 2
"""Placed windows begin at multiples of it, as the presets have it."""
SOFTER = 10 ** (-30 / 20)
Rule = Callable[[np.ndarray, Place], np.ndarray]
"""First frames, (n,), by log2 energies (n, times)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", type=int, nargs="+", default=[26, 28, 30, 32])
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except HybridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Everything but errors."""
    loaded = [load_model(folder) for folder in options.models]
    for folder, (_, config) in zip(options.models, loaded, strict=True):
        if config.front_end.placed:
            raise HybridError(f"{folder} hears placed frames only: name models fitted with front_end.placed=0")
    model, config = loaded[0]
    windows = {split: read_windows(model, config, options.data, split=split).windows for split in SPLITS}
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        natives = [native(found, Path(scratch) / str(n)) for n, (found, _) in enumerate(loaded)]
        print("| frames | placement | validation, % | test, % |\n|---|---|---|---|")
        print(f"| all | | {' | '.join(f'{accuracy(natives, w.pcm, w):.2f}' for w in windows.values())} |")
        for frames in options.frames:
            for name, rule in RULES.items():
                heard = {w: softened(w.pcm, config.front_end, frames, rule) for w in windows.values()}
                found = " | ".join(f"{accuracy(natives, pcm, w):.2f}" for w, pcm in heard.items())
                print(f"| {frames} | {name} | {found} |", flush=True)
    return 0


def native(model: Model, folder: Path) -> NativeModel:
    """The model's C, compiled."""
    folder.mkdir()
    write_code(model.plan, folder)
    return NativeModel(folder, model.plan.name)


def accuracy(natives: Sequence[NativeModel], pcm: np.ndarray, windows: Windows) -> float:
    """Mean share of right answers, in per cent."""
    return 100 * float(np.mean([(n.run(pcm, True).scores.argmax(axis=1) == windows.truth).mean() for n in natives]))


def softened(pcm: np.ndarray, front: FrontEndConfig, frames: int, rule: Rule) -> np.ndarray:
    """Windows, int16 (n, samples), softer outside the frames that the rule places."""
    energy, place = placement(pcm.shape[1], front.frame, front.hop, frames, STEP)
    times = 1 + (pcm.shape[1] - energy.frame) // energy.hop
    loudness = energy.evaluate([pcm[:, :, None, None]], ((0, times), (0, 1), (0, 1)), [])
    first = rule(loudness[:, :, 0, 0].astype(np.int64), place) * front.hop
    at, last = np.arange(pcm.shape[1]), first + (frames - 1) * front.hop + front.frame
    inside = (at >= first[:, None]) & (at < last[:, None])
    return np.where(inside, pcm, np.rint(pcm * SOFTER).astype(np.int16))


def most_sound(energies: np.ndarray, place: Place) -> np.ndarray:
    """The op's own."""
    return place.first(energies)


def most_energy(root: float) -> Rule:
    """The largest sum of energies to the power of 1 / root."""

    def rule(energies: np.ndarray, place: Place) -> np.ndarray:
        weight = 2.0 ** ((energies - energies.max(axis=1, keepdims=True)) / STEPS / root)
        sums = np.cumsum(np.pad(weight, ((0, 0), (1, 0))), axis=1)
        starts = np.arange(place.places + 1) * place.step
        return (sums[:, starts + place.frames] - sums[:, starts]).argmax(axis=1) * place.step

    return rule


def centre(energies: np.ndarray, place: Place) -> np.ndarray:
    """Around the centre of the energies that lie within OCTAVES of the loudest, less the softest."""
    over = energies - energies.max(axis=1, keepdims=True) + OCTAVES * STEPS
    weight = np.where(over < 0, 0.0, 2.0 ** (over / STEPS))
    weight -= weight.min(axis=1, keepdims=True)
    total, times = weight.sum(axis=1), np.arange(energies.shape[1])
    middle = np.where(total > 0, weight @ times / np.maximum(total, 1e-9), (place.times - 1) / 2)
    first = np.rint((middle - (place.frames - 1) / 2) / place.step).astype(np.int64)
    return np.clip(first, 0, place.places) * place.step


RULES: dict[str, Rule] = {
    "most sound": most_sound,
    "most energy": most_energy(1),
    "most energy^(1/2)": most_energy(2),
    "most energy^(1/4)": most_energy(4),
    "centre": centre,
}


if __name__ == "__main__":
    sys.exit(main())
