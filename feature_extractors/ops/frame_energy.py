"""Loudness of a frame without any FFT: y = round(256 * log2(sum of x**2 + 1)). Cheap enough to gate frames with.

Centred energies are those of the samples less their mean, times the frame's length so that nothing is divided:
y = round(256 * log2(frame * sum of x**2 - (sum of x)**2 + 1)). An offset of the converter, which at a few per cent of
full scale hides quiet sounds from a plain energy, does not move them; nor does what lies far below a frame's rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.fixed_log2 import Q, log2_q15
from feature_extractors.mel import OUT_BITS
from feature_extractors.ops.base import Cost, Op, Value, parts, register
from feature_extractors.ops.frames import check_framing, frame_count, frame_rule, map_frames
from feature_extractors.tiles import Box, Rule, Shape


@register
@dataclass(frozen=True, eq=False)
class FrameEnergy(Op):
    """log2 of the energy in Q8; shape (frames, 1, 1), one frame a tile."""

    name: ClassVar[str] = "frame_energy"
    family: ClassVar[str] = "front end"

    frame: int
    hop: int
    centred: bool = False

    def __post_init__(self) -> None:
        check_framing("frame_energy", self.frame, self.hop)

    def out(self, inputs: Sequence[Value]) -> Value:
        frames = frame_count(inputs[0], self.frame, self.hop)
        most = (self.frame << 30) * (self.frame if self.centred else 1)
        return Value((frames, 1, 1), "int16", 0, int(_log_energy(np.array(most))))

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return frame_rule(self.frame, self.hop)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost((1 + self.centred) * self.frame + 1, 2 * self.frame)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        frames = box[0][1] - box[0][0]
        eights, pairs = frames * (self.frame // 8), frames * (self.frame // 2 % 4)
        return parts(f"frame_energy{'_centred' * self.centred}", calls=1, frames=frames, eights=eights, pairs=pairs)

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        return map_frames(inputs, box, self.frame, self.hop, _centred if self.centred else _energies)[..., None]


def _energies(frames: np.ndarray) -> np.ndarray:
    wide = frames.astype(np.int64)
    return _log_energy(np.einsum("nf,nf->n", wide, wide))[:, None]


def _centred(frames: np.ndarray) -> np.ndarray:
    wide = frames.astype(np.int64)
    return _log_energy(frames.shape[1] * np.einsum("nf,nf->n", wide, wide) - wide.sum(axis=1) ** 2)[:, None]


def _log_energy(energy: np.ndarray) -> np.ndarray:
    return (log2_q15(energy + 1) + (1 << (Q - OUT_BITS - 1))) >> (Q - OUT_BITS)
