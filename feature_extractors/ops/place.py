"""Where a window of frames is best put: around the centre of the sound, by cheap energies, before any FFT.

    w[t] = 2 ** ((e[t] - max e) / 256 + 10), piecewise linear, 0 below 1; less the smallest w
    first = round((sum(t * w[t]) / sum(w) - (frames - 1) / 2) / step) * step, within 0 .. times - frames

e is a map of log2 energies (frame_energy). Sounds that lie 30 dB under the loudest frame do not move the window, and a
gain moves nothing. Where all frames are alike the window lies in the middle. Coarse steps let a sound stay at the same
frames while a window slides over it, so that what was computed of it still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import Cost, Op, OpError, Value, check_int, parts, register
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.tiles import All, Box, Rule, Shape

OCTAVES = 10
STEPS = 256
"""Steps of an octave in a map of energies."""
MAX_TIMES = 512
"""Sums of t * w, times three, then stay below 2**31: w is at most 2**10."""


@register
@dataclass(frozen=True, eq=False)
class Place(Op):
    """First of the `frames` frames, out of `times`, that lie around the sound; shape (1, 1, 1)."""

    name: ClassVar[str] = "place"
    family: ClassVar[str] = "front end"

    frames: int
    times: int
    step: int = 1

    def __post_init__(self) -> None:
        check_int("place: times", self.times, 1, MAX_TIMES)
        check_int("place: frames", self.frames, 1, self.times)
        check_int("place: step", self.step, 1, self.times)

    @property
    def places(self) -> int:
        """Number of places beside the first."""
        return (self.times - self.frames) // self.step

    def out(self, inputs: Sequence[Value]) -> Value:
        given = inputs[0]
        if given.shape[1:] != (1, 1) or given.dtype != "int16" or given.lo < 0:
            raise OpError(f"place: reads one int16 energy a frame, not {given.dtype} {given.shape} from {given.lo}")
        if given.shape[0] > MAX_TIMES:
            raise OpError(f"place: {given.shape[0]} energies are more than {MAX_TIMES}")
        return Value((1, 1, 1), "int16", 0, self.places * self.step)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ((All(), All(), All()),)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost(2 * inputs[0].shape[0], 2 * inputs[0].shape[0])

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        return parts("place", calls=1, energies=inputs[0].shape[0], positions=self.places)

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        return self.first(inputs[0][:, :, 0, 0])[:, None, None, None]

    def first(self, energies: np.ndarray) -> np.ndarray:
        """First frames, int64 (n,), of windows with these energies, integers (n, frames)."""
        energies = energies.astype(np.int64)
        x = np.maximum(energies - energies.max(axis=1, keepdims=True) + OCTAVES * STEPS, -1)
        weight = np.where(x < 0, 0, ((STEPS + (x & (STEPS - 1))) << (np.maximum(x, 0) // STEPS)) // STEPS)
        weight -= weight.min(axis=1, keepdims=True)
        total, moment = weight.sum(axis=1), (weight * np.arange(energies.shape[1])).sum(axis=1)
        doubled = 2 * moment + (self.step + 1 - self.frames) * total
        steps = 2 * self.step * np.arange(1, self.places + 1)
        placed = (doubled[:, None] >= total[:, None] * steps).sum(axis=1)
        return np.where(total > 0, placed, self.places // 2) * self.step


def placement(samples: int, frame: int, hop: int, placed: int, step: int = 1) -> tuple[FrameEnergy, Place]:
    """Energies and placement of `placed` frames, at multiples of `step`, in a window of `samples`.

    Every second half hop is heard, which does; the energies are centred, since an offset of the converter would hide
    what there is to place around.

    Raises OpError where the window has fewer frames.
    """
    times = 1 + (samples - frame) // hop
    return FrameEnergy(max(hop // 2, 2), hop, centred=True), Place(placed, times, step)
