"""Slaney's mel filter bank as three small integer tables, and the sum that uses them.

The mel points m[0] < ... < m[bands + 1] cut the spectrum into bands + 1 segments. A bin in segment j lies on the rising
edge of filter j and on the falling edge of filter j - 1, and the two weights add up to 1. So one weight per bin is
kept, and with A = sum of power and B = sum of power * weight over a segment, filter j is B[j] + A[j + 1] - B[j + 1].
The area normalisation of a filter (norm="slaney") is a constant, and becomes an addend of the logarithm.

The scale and the normalisation are those of librosa 0.11 `filters.mel(htk=False, norm="slaney")`, whose matrix a test
rebuilds from these tables: M. Slaney, Auditory Toolbox, Interval Research report 1998-010.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feature_extractors.fixed_fft import ONE
from feature_extractors.fixed_log2 import Q

WEIGHT_BITS = 16
FLOOR = 1e-4
"""Mel powers below this count as this unless a front end says otherwise; as librosa sees them, with samples in +-1."""
OUT_BITS = 8
"""A log-mel integer counts 1/256 of an octave of power above the floor."""
MEL_BREAK, HZ_PER_MEL, LOG_STEP = 15.0, 200 / 3, math.log(6.4) / 27


@dataclass(frozen=True, eq=False)
class MelTables:
    """What the integer arithmetic needs of a filter bank."""

    edges: np.ndarray
    """uint16 (bands + 2,): first bin of each segment; the last entry ends the last one."""
    weights: np.ndarray
    """uint16 (edges[-1] - edges[0],): weight of a bin in the rising filter, 65536 = 1."""
    offsets: np.ndarray
    """int32 (bands,): Q15 addend of a band's log2: scale, normalisation, floor, and the rounding half."""


def mel_tables(rate: int, frame: int, bands: int, fmin: int, fmax: int, floor: float = FLOOR) -> MelTables:
    """Tables of the `bands` filters from fmin to fmax Hz over the bins of frames of `frame` samples at `rate` Hz."""
    points = mel_points(bands, fmin, fmax)
    bins = np.arange(frame // 2 + 1) * rate / frame
    edges = np.searchsorted(bins, points, side="left")
    used = np.arange(edges[0], edges[-1])
    segment = np.searchsorted(edges, used, side="right") - 1
    rise = (bins[used] - points[segment]) / (points[segment + 1] - points[segment])
    weights = np.clip(np.rint(rise * 2**WEIGHT_BITS), 0, 2**WEIGHT_BITS - 1)
    scale = math.log2(32768 * ONE) * 2 + WEIGHT_BITS + math.log2(floor)
    offsets = np.rint((np.log2(2 / (points[2:] - points[:-2])) - scale) * 2**Q) + (1 << (Q - OUT_BITS - 1))
    return MelTables(edges.astype(np.uint16), weights.astype(np.uint16), offsets.astype(np.int32))


def runs_of(kept: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours among rising numbers: (first, how many) of each run."""
    runs: list[tuple[int, int]] = []
    for number in kept:
        if runs and sum(runs[-1]) == number:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


def chosen(tables: MelTables, kept: Sequence[int]) -> MelTables:
    """The tables of some filters of a bank, run by run; `kept`: their rising numbers.

    A run of n neighbours has n + 2 edges and the weights of the bins between them: those of segments that no filter of
    the run reads are gone. Runs share no segment, since two of them are a filter apart.
    """
    runs, start = runs_of(kept), int(tables.edges[0])
    edges = [tables.edges[first : first + count + 2] for first, count in runs]
    return MelTables(
        np.concatenate(edges),
        np.concatenate([tables.weights[int(e[0]) - start : int(e[-1]) - start] for e in edges]),
        tables.offsets[list(kept)],
    )


def mel_points(bands: int, fmin: int, fmax: int) -> np.ndarray:
    """The bands + 2 corner frequencies in Hz, float64: equally spaced in mel, the ends exact."""
    mels = np.linspace(_to_mel(fmin), _to_mel(fmax), bands + 2)
    points = np.where(
        mels < MEL_BREAK, mels * HZ_PER_MEL, 1000 * np.exp(LOG_STEP * (np.maximum(mels, MEL_BREAK) - MEL_BREAK))
    )
    points[0], points[-1] = fmin, fmax
    return points


def dense(edges: np.ndarray, weights: np.ndarray, bins: int, runs: Sequence[int] = ()) -> np.ndarray:
    """The filter bank as a matrix, int64 (bins, bands), 65536 = 1, without normalisation.

    runs: filters of each run (see `chosen`) where they are more than one.
    """
    if not runs:
        return _dense_run(edges, weights, bins)
    found = []
    for count in runs:
        own, edges = edges[: count + 2], edges[count + 2 :]
        used = int(own[-1]) - int(own[0])
        found.append(_dense_run(own, weights[:used], bins))
        weights = weights[used:]
    return np.concatenate(found, axis=1)


def _dense_run(edges: np.ndarray, weights: np.ndarray, bins: int) -> np.ndarray:
    bands = len(edges) - 2
    segments = np.repeat(np.arange(bands + 1), edges[1:].astype(np.int64) - edges[:-1])
    columns = np.zeros((bins, bands + 2), dtype=np.int64)
    used = np.arange(edges[0], edges[-1])
    columns[used, segments + 1] = weights
    columns[used, segments] = (1 << WEIGHT_BITS) - weights.astype(np.int64)
    return columns[:, 1:-1]


def mel_sums(power: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """power (n, bins) below 2**30 times the `dense` bank: int64 (n, bands).

    Two float64 products of 15- and 16-bit halves: every partial sum is below 2**53, so the result is exact.
    """
    matrix = bank.astype(np.float64)
    high, low = (power >> 16).astype(np.float64), (power & 0xFFFF).astype(np.float64)
    return ((high @ matrix).astype(np.int64) << 16) + (low @ matrix).astype(np.int64)


def _to_mel(hz: float) -> float:
    return hz / HZ_PER_MEL if hz < 1000 else MEL_BREAK + math.log(hz / 1000) / LOG_STEP
