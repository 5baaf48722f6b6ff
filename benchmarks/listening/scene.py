"""Minutes of sound made of real recordings: background noise all the time, keywords in a share of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid.data import SILENCE, UNKNOWN, Clip, Corpus, load_clip, open_held_out
from hybrid.errors import DataError

GAP = 1.0
"""Seconds between words at least."""
SECTION, CROSSFADE = 10.0, 0.5
"""Seconds of one recording of noise at one level, and in which it gives way to the next."""
FADE = 0.01
"""Seconds in which a word's own background comes and goes."""


@dataclass(frozen=True)
class Word:
    """A keyword: class number, samples [start, stop) of its clip, level above the noise under it (dB)."""

    label: int
    start: int
    stop: int
    snr: float


@dataclass(frozen=True, eq=False)
class Scene:
    """pcm: int16 (n,) at `rate` Hz; words in order of time; clipped: samples that were cut to full scale."""

    pcm: np.ndarray
    rate: int
    words: tuple[Word, ...]
    clipped: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.pcm) / self.rate


def keywords(labels: Sequence[str]) -> list[int]:
    """Numbers of the classes that are words to be told."""
    return [i for i, label in enumerate(labels) if label not in (SILENCE, UNKNOWN)]


def make_scene(
    data: Path, labels: Sequence[str], split: str, rate: int, seconds: float, share: float,
    levels: tuple[float, float], seed: int, snr: float | None = None,
) -> Scene:  # fmt: skip
    """A scene of a split's clips and noise ranges. The same arguments give the same samples.

    share: of the time in which there are words, each as loud as it was recorded or `snr` dB above the noise under it;
    levels: of noise, dBFS (mean square), drawn evenly for each section.
    Raises DataError: no background noise, no clip of a keyword.
    """
    corpus, rng = open_held_out(data, labels, split=split), np.random.default_rng(seed)
    total = round(seconds * rate)
    noise = _noise(corpus, split, rate, total, levels, rng)
    clips = _draw(corpus, labels, rate, share * total, rng)
    room = total - sum(len(pcm) for _, pcm in clips) - (len(clips) + 1) * round(GAP * rate)
    if room < 0:
        raise DataError(f"{share:.0%} of words, {GAP:g} s between them, do not fit {seconds:g} s: choose a lower share")
    gaps = np.floor(room * rng.dirichlet(np.ones(len(clips) + 1))).astype(int) + round(GAP * rate)
    mixed, at, words = noise.copy(), 0, []
    for (label, pcm), gap in zip(clips, gaps, strict=False):
        at += int(gap)
        above = 10 * np.log10(_power(pcm) / _power(noise[at : at + len(pcm)]))
        if snr is not None:
            pcm, above = pcm * 10 ** ((snr - above) / 20), snr
        words.append(Word(label, at, at + len(pcm), above))
        mixed[at : at + len(pcm)] += _faded(pcm, round(FADE * rate))
        at += len(pcm)
    cut = np.clip(np.rint(mixed), -32768, 32767)
    return Scene(cut.astype(np.int16), rate, tuple(words), int((cut != np.rint(mixed)).sum()))


def _power(pcm: np.ndarray) -> float:
    return float(np.mean(np.square(pcm, dtype=np.float64))) + 1e-9


def _faded(pcm: np.ndarray, length: int) -> np.ndarray:
    length = min(length, len(pcm) // 2)
    ramp = (np.arange(length) + 0.5) / max(length, 1)
    return pcm * np.concatenate([ramp, np.ones(len(pcm) - 2 * length), ramp[::-1]])


def _draw(
    corpus: Corpus, labels: Sequence[str], rate: int, samples: float, rng: np.random.Generator
) -> list[tuple[int, np.ndarray]]:
    """Clips of every keyword in turn, in random order, until they are so long; none twice before all were taken."""
    waiting = {i: [c for c in corpus.clips if c.label == labels[i]] for i in keywords(labels)}
    missing = [labels[i] for i, clips in waiting.items() if not clips]
    if missing or not waiting:
        raise DataError(f"{corpus.root}: no clips of {', '.join(missing) or 'any keyword'}: name other recordings")
    turns = {i: _cycle(clips, rng) for i, clips in waiting.items()}
    found: list[tuple[int, np.ndarray]] = []
    while True:
        for label in rng.permutation(list(turns)).tolist():
            if sum(len(pcm) for _, pcm in found) >= samples:
                return found
            found.append((label, load_clip(next(turns[label]), rate)))


def _cycle(clips: Sequence[Clip], rng: np.random.Generator) -> Iterator[Clip]:
    while True:
        yield from (clips[i] for i in rng.permutation(len(clips)))


def _noise(
    corpus: Corpus, split: str, rate: int, total: int, levels: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """float64 (total,): sections of the split's ranges of the noise files, each at its own level, crossfaded."""
    ranges = [c for c in corpus.background if c.split == split]
    if not ranges:
        raise DataError(f"{corpus.root}: no background noise of the {split} split: record some")
    turns, recordings = _cycle(ranges, rng), {c.name: load_clip(c, rate).astype(np.float64) for c in ranges}
    fade = round(CROSSFADE * rate)
    ramp = np.sin((np.arange(fade) + 0.5) / fade * np.pi / 2)
    result, at = np.zeros(total + 2 * round(SECTION * rate)), 0
    while at < total + fade:
        whole = recordings[next(turns).name]
        length = min(round(SECTION * rate), len(whole))
        first = int(rng.integers(len(whole) - length + 1))
        part = whole[first : first + length]
        part = part * (32768 * 10 ** (rng.uniform(*levels) / 20) / np.sqrt(_power(part)))
        if length <= 2 * fade:
            raise DataError(f"{corpus.root}: recorded noise is shorter than {2 * CROSSFADE:g} s: take longer files")
        part[:fade] *= ramp
        part[-fade:] *= ramp[::-1]
        result[at : at + length] += part
        at += length - fade
    return result[fade : fade + total]
