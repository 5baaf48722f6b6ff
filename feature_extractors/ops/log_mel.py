"""Log-mel spectrogram of int16 samples, in integers.

    y = clamp(round(256 * (log2(mel power) - log2(1e-4))), 0, hi)

mel power is that of librosa.feature.melspectrogram (samples in +-1, periodic Hann window, center=False, power=2,
htk=False, norm="slaney"). The arithmetic is in feature_extractors.fixed_fft, .mel and .fixed_log2; the C kernel
hyb_log_mel equals it bit for bit.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from feature_extractors import fixed_fft
from feature_extractors.fixed_log2 import Q, log2_q15
from feature_extractors.mel import FLOOR, OUT_BITS, WEIGHT_BITS, chosen, dense, mel_sums, mel_tables, runs_of
from feature_extractors.ops.base import Cost, Op, OpError, Value, check_array, check_int, parts, register
from feature_extractors.ops.frames import check_framing, frame_count, frame_rule, map_frames
from feature_extractors.ops.place import MAX_TIMES
from feature_extractors.tiles import BAND, All, Box, Rule, Shape, Sliding

MAX_BANDS = 128
OFFSET_LIMIT = 1 << 24
"""Offsets stay within +-2**24: with a log2 below 2**21 and an exponent below 2**22 no sum leaves int32."""


@register
@dataclass(frozen=True, eq=False)
class LogMel(Op):
    """`bands` log-mel integers per frame; shape (frames, bands, 1), one frame a tile. Built by `log_mel`."""

    name: ClassVar[str] = "log_mel"
    family: ClassVar[str] = "front end"
    arity: ClassVar[int | None] = None

    rate: int
    frame: int
    hop: int
    bands: int
    fmin: int
    fmax: int
    edges: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    """The filter bank, see feature_extractors.mel.MelTables: kept, so that a saved model does not depend on libm."""
    placed: int = 0
    """Frames of a window placed by a second input, the number of its first frame (op place); 0: all frames."""
    kept: tuple[int, ...] = ()
    """Numbers of the bands in the whole filter bank, rising, where some of its bands are left out; else empty."""

    def __post_init__(self) -> None:
        _check_numbers(self.rate, self.frame, self.hop, self.bands, self.fmin, self.fmax)
        check_kept(self.kept, MAX_BANDS)
        if self.kept and len(self.kept) != self.bands:
            raise OpError(f"log_mel: {len(self.kept)} numbers of bands for {self.bands} bands")
        check_int("log_mel: placed", self.placed, 0, MAX_TIMES)
        check_array("log_mel: edges", self.edges, "uint16", 1)
        check_array("log_mel: weights", self.weights, "uint16", 1)
        check_array("log_mel: offsets", self.offsets, "int32", 1)
        edges = self.edges.astype(np.int64)
        wanted = self.bands + 2 * len(self.runs)
        if len(edges) != wanted or (np.diff(edges) < 0).any() or edges[-1] > self.frame // 2 + 1:
            raise OpError(f"log_mel: edges must be {wanted} rising bins of a frame of {self.frame}")
        bins = sum(stop - start for start, stop in self.spans)
        if len(self.weights) != bins:
            raise OpError(f"log_mel: edges want {bins} weights, not {len(self.weights)}")
        if len(self.offsets) != self.bands or (np.abs(self.offsets.astype(np.int64)) > OFFSET_LIMIT).any():
            raise OpError(f"log_mel: offsets must be {self.bands} numbers within +-{OFFSET_LIMIT}")

    @property
    def runs(self) -> tuple[int, ...]:
        """Bands of each run of neighbours: one run where none is left out in between."""
        return tuple(count for _, count in runs_of(self.kept)) or (self.bands,)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and last edge, FFT bins, of each run."""
        found, at = [], 0
        for count in self.runs:
            found.append((int(self.edges[at]), int(self.edges[at + count + 1])))
            at += count + 2
        return found

    @property
    def hi(self) -> int:
        """Upper end of the range: what Parseval's theorem allows a full-scale frame to put into one band.

        sum |X|**2 <= frame * sum (w x)**2 <= frame * (3/8 frame) * 32767**2 * 32768**2, all of it at weight 1.
        """
        bits = 2 * (self.frame.bit_length() - 1) - 3 + 60 + WEIGHT_BITS
        worst = int(log2_q15(np.array(3))) + (bits << Q) + int(self.offsets.max())
        return min(max((worst >> (Q - OUT_BITS)) + 1, 0), 32767)

    def out(self, inputs: Sequence[Value]) -> Value:
        if len(inputs) != 1 + (self.placed > 0):
            raise OpError("log_mel: takes samples, and the first frame of a placed window")
        times = frame_count(inputs[0], self.frame, self.hop)
        if self.placed and (inputs[1].shape != (1, 1, 1) or inputs[1].lo < 0 or inputs[1].hi + self.placed > times):
            raise OpError(f"log_mel: {self.placed} frames from {inputs[1].lo}..{inputs[1].hi} on are not in {times}")
        return Value((self.placed or times, self.bands, 1), "int16", 0, self.hi)

    def tile(self, inputs: Sequence[Value]) -> Shape:
        return (1, self.bands, 1)

    def rules(self, inputs: Sequence[Value]) -> tuple[Rule, ...]:
        if not self.placed:
            return frame_rule(self.frame, self.hop)
        return (All(), Sliding(BAND), All()), (All(), All(), All())

    def cost(self, inputs: Sequence[Value]) -> Cost:
        """Real multiplications of window, FFT, split and power, one per mel bin, and one per logarithm.

        Bytes: the samples and every table once.
        """
        tables = self.frame + fixed_fft.packed_twiddles(self.frame).nbytes
        tables += self.edges.nbytes + self.weights.nbytes + self.offsets.nbytes
        return Cost(fixed_fft.multiplications(self.frame) + len(self.weights) + self.bands, 2 * self.frame + tables)

    def work(self, inputs: Sequence[Value], box: Box) -> dict[str, int]:
        frames = box[0][1] - box[0][0]
        # a further run begins with a segment that ends no band: it takes less than one that does
        bins, bands = frames * len(self.weights), frames * (self.bands + len(self.runs) - 1)
        return parts("log_mel", calls=1, bins=bins, bands=bands) | parts("spectrum", **{f"frames_{self.frame}": frames})

    def evaluate(self, inputs: Sequence[np.ndarray], box: Box, values: Sequence[Value]) -> np.ndarray:
        bank = dense(self.edges, self.weights, self.frame // 2 + 1, self.runs)[:, box[1][0] : box[1][1]]
        offsets = self.offsets[box[1][0] : box[1][1]].astype(np.int64)

        def work(frames: np.ndarray) -> np.ndarray:
            power, exponent = fixed_fft.power_spectrum(frames)
            # The lowest bit stands for nothing that the floor lets through, and makes a logarithm of silence.
            octaves = log2_q15(mel_sums(power, bank) | 1) + (exponent.astype(np.int64)[:, None] << (Q + 1)) + offsets
            return np.clip(octaves >> (Q - OUT_BITS), 0, self.hi)

        return map_frames(self._placed(inputs), box, self.frame, self.hop, work)[..., None]

    def _placed(self, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """The samples of a placed window."""
        if not self.placed:
            return inputs
        first = inputs[1][:, 0, 0, 0].astype(np.int64) * self.hop
        span = np.arange((self.placed - 1) * self.hop + self.frame)
        return [np.take_along_axis(inputs[0][:, :, 0, 0], first[:, None] + span, axis=1)[:, :, None, None]]


def log_mel(
    rate: int,
    frame: int,
    hop: int,
    bands: int,
    fmin: int,
    fmax: int,
    floor: float = FLOOR,
    placed: int = 0,
    kept: tuple[int, ...] = (),
) -> LogMel:
    """The op with its filter bank.

    floor: mel power that becomes 0, as librosa sees it, with samples in +-1. placed: frames of a window placed by a
    second input, 0 for all frames of the samples. kept: rising numbers of the bands that are computed, out of the
    `bands` filters from fmin to fmax, which stay as they are; empty: all.

    Raises OpError for settings that leave a band without an FFT bin, or a floor below what silence gives.
    """
    _check_numbers(rate, frame, hop, bands, fmin, fmax)
    check_kept(kept, bands)
    tables = mel_tables(rate, frame, bands, fmin, fmax, floor)
    empty = np.flatnonzero(~dense(tables.edges, tables.weights, frame // 2 + 1).any(axis=0))
    if len(empty):
        raise OpError(
            f"log_mel: bands {', '.join(map(str, empty))} of {bands} lie between two FFT bins of {rate / frame:.4g} Hz:"
            " use fewer bands or a longer frame"
        )
    kept = () if len(kept) == bands else kept
    tables, bands = (chosen(tables, kept), len(kept)) if kept else (tables, bands)
    op = LogMel(rate, frame, hop, bands, fmin, fmax, tables.edges, tables.weights, tables.offsets, kept=kept)
    silence = op.evaluate([np.zeros((1, frame, 1, 1), np.int64)], ((0, 1), (0, bands), (0, 1)), [])
    if silence.any():
        raise OpError(f"log_mel: a floor of {floor:g} lies below what silence gives: raise it, to {FLOOR:g} for one")
    return dataclasses.replace(op, placed=placed)


def check_kept(kept: tuple[int, ...], bands: int) -> None:
    """Raise OpError unless `kept` are rising numbers of `bands` bands."""
    for number in kept:
        check_int("log_mel: number of a kept band", number, 0, bands - 1)
    if any(later <= number for number, later in itertools.pairwise(kept)):
        raise OpError(f"log_mel: kept bands must rise and not repeat, not {', '.join(map(str, kept))}")


def _check_numbers(rate: int, frame: int, hop: int, bands: int, fmin: int, fmax: int) -> None:
    check_int("log_mel: rate", rate, 1000, 192000)
    check_framing("log_mel", frame, hop, fixed_fft.MAX_FRAME)
    if frame < fixed_fft.MIN_FRAME or frame & (frame - 1):
        raise OpError(f"log_mel: frame must be 128, 256, 512 or 1024, not {frame}")
    check_int("log_mel: bands", bands, 1, MAX_BANDS)
    check_int("log_mel: fmax", fmax, 1, rate // 2)
    check_int("log_mel: fmin", fmin, 0, fmax - 1)
