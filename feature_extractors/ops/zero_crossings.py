"""Sign changes between neighbouring samples of a frame; zero counts as positive. Needs no multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.base import Cost, Op, Value, parts, register
from feature_extractors.ops.frames import check_framing, frame_count, frame_rule, map_frames
from feature_extractors.tiles import Box, Rule, Shape


@register
@dataclass(frozen=True, eq=False)
class ZeroCrossings(Op):
    """Count of sign changes; shape (frames, 1, 1), one frame a tile."""

    name: ClassVar[str] = "zero_crossings"
    family: ClassVar[str] = "front end"

    frame: int
    hop: int

    def __post_init__(self) -> None:
        check_framing("zero_crossings", self.frame, self.hop)

    def out(self, inputs: Sequence[Value]) -> Value:
        return Value((frame_count(inputs[0], self.frame, self.hop), 1, 1), "int16", 0, self.frame - 1)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, 1, 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return frame_rule(self.frame, self.hop)

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost(0, 2 * self.frame)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        frames = box[0][1] - box[0][0]
        eights, pairs = frames * ((self.frame - 1) // 8), frames * ((self.frame - 1) // 2 % 4)
        return parts("zero_crossings", calls=1, frames=frames, eights=eights, pairs=pairs)

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        return map_frames(inputs, box, self.frame, self.hop, _sign_changes)[..., None]


def _sign_changes(frames: np.ndarray) -> np.ndarray:
    negative = frames < 0
    return np.count_nonzero(negative[:, 1:] != negative[:, :-1], axis=1)[:, None]
