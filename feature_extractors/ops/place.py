"""Where a window of frames is best put: over the most sound, by cheap energies, before any FFT.

    x[t] = max(e[t] - max e + 256 * octaves, 0)
    first = the multiple of `step`, within 0 .. times - frames, from which on `frames` of x add up to the most

e is a map of log2 energies (frame_energy). What lies further under the loudest frame than `octaves` counts as nothing,
and a gain moves nothing; energies after the last frame only say how loud the loudest is. Of places that are equally
good, such as those around a single click, it is the middle between the first and the last; where all frames are alike
that is the middle of the window. A place of most sound stays at the same sound while a window slides over it, so that
what was computed of it still holds.
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
"""30 dB."""
STEPS = 256
"""Steps of an octave in a map of energies."""
MAX_TIMES = 512


@register
@dataclass(frozen=True, eq=False)
class Place(Op):
    """First of the `frames` frames, out of `times`, that hold the most sound; shape (1, 1, 1)."""

    name: ClassVar[str] = "place"
    family: ClassVar[str] = "front end"

    frames: int
    times: int
    step: int
    octaves: int

    def __post_init__(self) -> None:
        check_int("place: times", self.times, 1, MAX_TIMES)
        check_int("place: frames", self.frames, 1, self.times)
        check_int("place: step", self.step, 1, self.times)
        check_int("place: octaves", self.octaves, 1, 127)

    @property
    def places(self) -> int:
        """Number of places beside the first."""
        return (self.times - self.frames) // self.step

    def out(self, inputs: Sequence[Value]) -> Value:
        given = inputs[0]
        if given.shape[1:] != (1, 1) or given.dtype != "int16" or given.lo < 0:
            raise OpError(f"place: reads one int16 energy a frame, not {given.dtype} {given.shape} from {given.lo}")
        if not self.times <= given.shape[0] <= MAX_TIMES:
            raise OpError(f"place: {given.shape[0]} energies are not {self.times} to {MAX_TIMES}")
        return Value((1, 1, 1), "int16", 0, self.places * self.step)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ((All(), All(), All()),)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost(0, 2 * inputs[0].shape[0])

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        moved = self.places * self.step
        return parts("place", calls=1, energies=inputs[0].shape[0], places=self.places, moved=moved)

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        return self.first(inputs[0][:, :, 0, 0])[:, None, None, None]

    def first(self, energies: np.ndarray) -> np.ndarray:
        """First frames, int64 (n,), of windows with these energies, integers (n, frames)."""
        above = energies.astype(np.int64) - energies.max(axis=1, keepdims=True) + STEPS * self.octaves
        sums = np.cumsum(np.pad(np.maximum(above, 0), ((0, 0), (1, 0))), axis=1)
        starts = np.arange(self.places + 1) * self.step
        found = sums[:, starts + self.frames] - sums[:, starts]
        most = found == found.max(axis=1, keepdims=True)
        last = self.places - most[:, ::-1].argmax(axis=1)
        return (most.argmax(axis=1) + last) // 2 * self.step


def placement(samples: int, frame: int, hop: int, placed: int, step: int = 1) -> tuple[FrameEnergy, Place]:
    """Energies and placement of `placed` frames, at multiples of `step`, in a window of `samples`.

    Every second half hop is heard, which does; the energies are centred, since an offset of the converter would hide
    what there is to place around.

    Raises OpError where the window has fewer frames.
    """
    times = 1 + (samples - frame) // hop
    heard = max(min(hop // 2, frame), 2)  # never fewer energies than frames
    return FrameEnergy(heard, hop, centred=True), Place(placed, times, step, OCTAVES)
