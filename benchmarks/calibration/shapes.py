"""Which ops are measured: those of the presets and of a DS-CNN, and random ones beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors.ops.affine import Affine
from feature_extractors.ops.base import Cost, Op, Value
from feature_extractors.ops.contrast import Contrast
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.dct import dct
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.place import OCTAVES, Place
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.requant import fixed_point
from feature_extractors.ops.zero_crossings import ZeroCrossings
from feature_extractors.tiles import Box, Rule, Shape


@dataclass(frozen=True, eq=False)
class Given(Op):
    """A map that is simply there, of any shape and range: the input of what is measured."""

    name: ClassVar[str] = "given"
    arity: ClassVar[int | None] = 0
    family: ClassVar[str] = "source"

    number: int
    shape: Shape
    dtype: str
    lo: int
    hi: int

    def out(self, inputs: Sequence[Value]) -> Value:
        return Value(self.shape, self.dtype, self.lo, self.hi)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return self.shape

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        return ()

    def cost(self, inputs: Sequence[Value]) -> Cost:
        return Cost(0, 0)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        return {}

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class Case:
    """An op and the maps that it reads. `usual`: a shape of the presets."""

    op: Op
    inputs: tuple[Given, ...]
    usual: bool


class Shapes:
    """Draws cases from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def given(self, shape: Shape, dtype: str = "uint8", reach: int = 6000) -> Given:
        """An input map; int16 maps range over +-reach."""
        self.count += 1
        lo, hi = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-reach, reach)}[dtype]
        return Given(self.count, shape, dtype, lo, hi)

    def pcm(self, samples: int) -> Given:
        """A window of samples."""
        return self.given((samples, 1, 1), "int16", 32767)

    def energies(self, times: int) -> Given:
        """Log energies of frames."""
        self.count += 1
        return Given(self.count, (times, 1, 1), "int16", 0, 9000)

    def scaling(self, channels: int, fan_in: int, reach: int, usual: bool) -> dict[str, np.ndarray]:
        """bias, multiplier, shift under which outputs span their range, and some saturate.

        A quarter of the unusual cases have a channel whose shift is small, for which kernels take another way.
        """
        scale = 255 / (128 * reach * max(1.0, np.sqrt(fan_in)))
        pairs = [fixed_point(float(scale * 2.0 ** self.rng.uniform(-3, 3))) for _ in range(channels)]
        if not usual and self.rng.random() < 0.25:
            pairs[0] = fixed_point(float(self.rng.uniform(0.3, 3)))
        return {
            "bias": self.rng.integers(-5000, 5000, channels).astype(np.int32),
            "multiplier": np.array([m for m, _ in pairs], np.int32),
            "shift": np.array([s for _, s in pairs], np.int32),
        }

    def _output(self, usual: bool) -> str:
        return str(self.rng.choice(["uint8", "int8"] if usual else ["uint8", "int8", "int16"]))

    def weights(self, *shape: int) -> np.ndarray:
        """int8 weights."""
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def conv(
        self, source: Given, channels: int, kernel=(1, 1), stride=(1, 1), fold=False, group=8, usual=False
    ) -> Case:  # type: ignore[no-untyped-def]
        """A convolution, padded to keep its extent."""
        times, bands, depth = source.shape
        inner = bands * depth if fold else depth
        weights = self.weights(channels, *kernel, inner)
        op = Conv(
            weights=weights, stride=stride, pad=_same((times, 1 if fold else bands), kernel, stride),
            dtype=self._output(usual), fold_bands=fold, group=min(group, channels),
            **self.scaling(channels, weights[0].size, source.hi, usual),
        )  # fmt: skip
        return Case(op, (source,), usual)

    def depthwise(self, source: Given, kernel, stride=(1, 1), fold=False, group=0, usual=False) -> Case:  # type: ignore[no-untyped-def]
        """A depthwise convolution, padded to keep its extent."""
        times, bands, depth = source.shape
        channels = bands * depth if fold else depth
        op = Depthwise(
            weights=self.weights(*kernel, channels), stride=stride,
            pad=_same((times, 1 if fold else bands), kernel, stride),
            dtype=self._output(usual), fold_bands=fold, group=min(group or channels, channels),
            **self.scaling(channels, kernel[0] * kernel[1], source.hi, usual),
        )  # fmt: skip
        return Case(op, (source,), usual)

    def affine(self, sources: Sequence[Given], rows: int, group: int = 1, usual: bool = False) -> Case:
        """An affine map of all elements of its inputs."""
        sizes = [int(np.prod(s.shape)) for s in sources]
        shifts = tuple(int(n) for n in self.rng.integers(0, 4, len(sizes)))
        op = Affine(
            weights=tuple(self.weights(rows, n) for n in sizes), shifts=shifts, group=group,
            **self.scaling(rows, sum(sizes), max(s.hi for s in sources), usual),
        )  # fmt: skip
        return Case(op, tuple(sources), usual)

    # ---- what there is in the presets -------------------------------------------------------------------------------

    def usual(self) -> Iterator[list[Case]]:
        """The ops of one model after the other: time-channel trunks as in the presets, and two DS-CNNs."""
        for rate, frame, hop, bands, frames, channels, classes in (
            (16000, 512, 320, 32, 49, (72, 72), 12), (16000, 512, 320, 40, 49, (128, 128), 12),
            (8000, 256, 128, 32, 49, (48, 64), 10), (16000, 1024, 640, 32, 49, (64, 48), 10),
            (8000, 128, 64, 16, 40, (32, 48), 4),
        ):  # fmt: skip
            yield [*self._front(rate, frame, hop, bands), *self._trunk(frames, bands, channels, classes)]
        for mel, kernel, stride, channels in (((49, 10, 1), (10, 4), (2, 2), 64), ((49, 32, 1), (10, 4), (2, 4), 32)):
            stem = self.conv(self.given(mel, "int16"), channels, kernel, stride, usual=True)
            plane = (25, 5 if mel[1] == 10 else 8, channels)
            yield [
                stem,
                *(self.depthwise(self.given(plane), (3, 3), usual=True) for _ in range(2)),
                *(self.conv(self.given(plane, "int8"), channels, usual=True) for _ in range(2)),
                *self._pools(plane, (1,)),
                self.affine([self.given((1, 1, channels), "int16", 8000)], 12, usual=True),
            ]

    def _front(self, rate: int, frame: int, hop: int, bands: int) -> Iterator[Case]:
        pcm = self.pcm(frame + 8 * hop)
        yield Case(log_mel(rate, frame, hop, bands, 20, rate // 2), (pcm,), True)
        yield Case(FrameEnergy(frame, hop), (pcm,), True)
        yield Case(FrameEnergy(hop // 2, hop, True), (pcm,), True)
        yield Case(ZeroCrossings(frame, hop), (pcm,), True)
        yield Case(Place(28, 49, 2, OCTAVES), (self.energies(50),), True)
        for width in (1, 6, 12):
            yield Case(Contrast(width), (self.energies(50),), True)
        yield Case(dct(bands, 10), (self.given((20, bands, 1), "int16"),), True)

    def _trunk(self, frames: int, bands: int, wide: tuple[int, int], classes: int) -> Iterator[Case]:
        mel, half, quarter = self.given((frames, bands, 1), "int16"), -(-frames // 2), -(-frames // 4)
        yield self.depthwise(mel, (9, 1), (2, 1), fold=True, usual=True)
        yield self.conv(self.given((half, 1, bands), "int8"), wide[0], usual=True)
        yield self.depthwise(self.given((half, 1, wide[0])), (9, 1), (2, 1), usual=True)
        for channels in wide:
            yield self.conv(self.given((quarter, 1, channels), "int8"), wide[1], usual=True)
            yield self.depthwise(self.given((quarter, 1, channels)), (9, 1), usual=True)
            yield from self._pools((quarter, 1, channels), (1, 3))
            yield self.affine([self.given((1, 1, channels), "int16", r) for r in (8000, 255)], classes, usual=True)
        for kind in ("mean", "max"):
            yield Case(Pool(kind, 4, 4, 1), (mel,), True)

    def _pools(self, shape: Shape, parts: Sequence[int]) -> Iterator[Case]:
        for kind in ("mean", "max"):
            for times in parts:
                yield Case(Pool(kind, times, 1, 8), (self.given(shape),), True)

    def spectra(self) -> Iterator[Case]:
        """Log-mel maps of every length of a frame, with few bands and many."""
        for frame in (128, 256, 512, 1024):
            for bands in (8, frame // 12):
                pcm = self.pcm(frame + 400)
                yield Case(log_mel(16000, frame, 200, bands, 100, 8000), (pcm,), False)

    def mixed(self) -> list[Case]:
        """Spectra of every length in one model."""
        return [case for number, case in enumerate(self.spectra()) if number % 2]

    # ---- and what there might be ------------------------------------------------------------------------------------

    def unusual(self, rounds: int) -> Iterator[Case]:
        """Random shapes: odd sizes, short and long kernels, every element type, small groups."""
        draw = lambda low, high: int(self.rng.integers(low, high + 1))  # noqa: E731
        for _ in range(rounds):
            for dtype in ("uint8", "int8", "int16"):
                plane = self.given((draw(2, 14), draw(1, 4), draw(1, 70)), dtype)
                yield self.conv(plane, draw(1, 40), group=draw(1, 9))
                plane = self.given((draw(8, 14), draw(6, 9), draw(1, 9)), dtype, 3000)
                kernel, stride = (draw(1, 7), draw(1, 5)), (draw(1, 2), draw(1, 2))
                yield self.conv(plane, draw(1, 20), kernel, stride, group=draw(1, 9))
                plane = self.given((draw(8, 14), draw(6, 9), draw(1, 40)), dtype)
                yield self.depthwise(plane, (draw(1, 7), draw(1, 5)), (draw(1, 2), draw(1, 2)), group=draw(1, 40))
                strip = self.given((draw(12, 20), 1, draw(1, 80)), dtype)
                yield self.depthwise(strip, (draw(2, 12), 1), (draw(1, 3), 1), group=draw(0, 80))
                for kind in ("mean", "max"):
                    plane = self.given((draw(2, 30), draw(1, 12), draw(1, 40)), dtype)
                    op = Pool(kind, draw(1, min(5, plane.shape[0])), draw(1, plane.shape[1]), draw(1, plane.shape[2]))
                    yield Case(op, (plane,), False)
                sources = [self.given((draw(1, 3), 1, draw(1, 90)), dtype, 2000) for _ in range(draw(1, 3))]
                yield self.affine(sources, rows := draw(1, 20), draw(1, rows))
            folded = self.given((draw(9, 20), draw(4, 40), 1), "int16", 3000)
            yield self.conv(folded, draw(1, 30), (draw(1, 9), 1), (draw(1, 2), 1), fold=True)
            frame = int(self.rng.choice([128, 256, 512, 1024]))
            pcm = self.pcm(frame + 1000)
            yield Case(log_mel(16000, frame, draw(50, 600), draw(4, frame // 16), 0, draw(6000, 8000)), (pcm,), False)
            yield Case(FrameEnergy(draw(2, 700), draw(1, 300)), (pcm,), False)
            yield Case(FrameEnergy(draw(2, 700), draw(1, 300), True), (pcm,), False)
            yield Case(ZeroCrossings(draw(2, 700), draw(1, 300)), (pcm,), False)
            times = draw(2, 200)
            place = Place(draw(1, times), times, draw(1, min(4, times)), draw(1, 40))
            yield Case(place, (self.energies(times),), False)
            times = draw(2, 200)
            yield Case(Contrast(draw(1, times)), (self.energies(times),), False)
            bands = draw(2, 90)
            yield Case(dct(bands, draw(1, bands)), (self.given((draw(1, 9), bands, 1), "int16"),), False)


def _same(size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int, int, int]:
    pads = []
    for n, k, s in zip(size, kernel, stride, strict=True):
        before = (k - 1) // 2
        after = min(max(0, (-(-n // s) - 1) * s + k - n - before), k - 1)
        pads += [before, max(after, k - n - before)]
    return tuple(pads)  # type: ignore[return-value]
