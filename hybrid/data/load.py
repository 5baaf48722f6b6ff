"""Decoding a whole corpus, in order, with its bad files collected and the result cached."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from hybrid.data.cache import Arrays, cached
from hybrid.data.corpus import Clip, Corpus
from hybrid.data.decode import DECODER_VERSION, AudioError, decode_clip
from hybrid.data.labels import BACKGROUND, SILENCE
from hybrid.errors import DataError, few

Progress = Callable[[int, int], None]

_THREADS = 2  # decoding releases the interpreter's lock; more threads only wait for the disk


@dataclass
class LoadedCorpus:
    """A corpus with its samples: `pcm[i]` belongs to `corpus.clips[i]`, `noise[i]` to `corpus.noise[i]`."""

    corpus: Corpus
    rate: int  # Hz
    pcm: list[np.ndarray]  # int16 [n] each
    noise: list[np.ndarray]  # int16 [n] each; train ranges of the background noise

    def select(self, split: str) -> tuple[list[Clip], list[np.ndarray]]:
        """Clips and samples of one split, in order."""
        chosen = [i for i, clip in enumerate(self.corpus.clips) if clip.split == split]
        return [self.corpus.clips[i] for i in chosen], [self.pcm[i] for i in chosen]


def load_corpus(
    corpus: Corpus, rate: int, skip_bad: bool = False, progress: Progress | None = None, use_cache: bool = True
) -> LoadedCorpus:
    """Every clip and noise range of `corpus`, decoded to `rate` Hz.

    skip_bad: leave bad files out and list them in the notes, instead of raising DataError for all of them.
    progress: called with (clips done, clips in all) while decoding; not called when the cache has them.
    DataError: bad files, or with `skip_bad` a class that has none left in a split where it had some.
    """
    noise = corpus.noise
    clips = [*corpus.clips, *noise]
    key = ["pcm", DECODER_VERSION, rate, [_identity(clip) for clip in clips]]
    arrays = (
        cached(key, lambda: _decode_all(clips, rate, progress)) if use_cache else _decode_all(clips, rate, progress)
    )
    bad = {int(i): str(reason) for i, reason in zip(arrays["bad"], arrays["reasons"], strict=True)}
    named = [f"{_name(corpus, clips[i])} ({reason})" for i, reason in bad.items()]
    if bad and not skip_bad:
        raise DataError(
            f"{len(bad)} of {len(clips)} clips in {corpus.root} cannot be used: {few(named, 3)}: fix or remove these "
            f"files, or pass --skip-bad to leave them out"
        )
    pcm = np.split(arrays["pcm"], np.cumsum(arrays["lengths"])[:-1])
    kept = [i for i in range(len(corpus.clips)) if i not in bad]
    kept_noise = [i for i in range(len(corpus.clips), len(clips)) if i not in bad]
    notes = list(corpus.notes)
    if bad:
        notes.append(f"left out {len(bad)} bad clips: {few(named, 20)}")
    notes += _findings(clips, kept, arrays, rate)
    gone = {id(clips[i]) for i in bad}
    loaded = replace(
        corpus,
        clips=[corpus.clips[i] for i in kept],
        background=[clip for clip in corpus.background if id(clip) not in gone],
        notes=notes,
    )
    if bad:
        _check_left(corpus, loaded, len(bad))
    return LoadedCorpus(loaded, rate, [pcm[i] for i in kept], [pcm[i] for i in kept_noise])


def _identity(clip: Clip) -> list[object]:
    """What the samples depend on. Content is told by size and time of change: reading all of it takes longer."""
    try:
        status = clip.path.stat()
        state = [status.st_size, status.st_mtime_ns]
    except OSError:
        state = []
    return [str(clip.path.resolve()), *state, clip.start, clip.stop, clip.label in (SILENCE, BACKGROUND)]


def _decode_all(clips: Sequence[Clip], rate: int, progress: Progress | None) -> Arrays:
    """All samples end to end, with lengths, file rates in Hz, digests, and which clips are bad and why."""
    pcm: list[np.ndarray] = []
    rates: list[int] = []
    bad: dict[int, str] = {}

    def decode(clip: Clip) -> tuple[np.ndarray, int] | AudioError:
        try:
            return decode_clip(clip, rate)
        except AudioError as error:
            return error

    with ThreadPoolExecutor(_THREADS) as pool:
        for i, result in enumerate(pool.map(decode, clips)):
            if isinstance(result, AudioError):
                bad[i] = result.reason
                result = (np.zeros(0, np.int16), 0)
            pcm.append(result[0])
            rates.append(result[1])
            if progress is not None:
                progress(i + 1, len(clips))
    return {
        "pcm": np.concatenate(pcm) if pcm else np.zeros(0, np.int16),
        "lengths": np.array([len(samples) for samples in pcm], np.int64),
        "rates": np.array(rates, np.int64),
        "digests": np.array([_digest(samples) for samples in pcm], np.uint64),
        "bad": np.array(list(bad), np.int64),
        "reasons": np.array(list(bad.values()), np.str_),
    }


def _digest(samples: np.ndarray) -> int:
    return int.from_bytes(hashlib.blake2b(samples.tobytes(), digest_size=8).digest(), "little")


def _name(corpus: Corpus, clip: Clip) -> str:
    root = corpus.root.parent if corpus.root.is_file() else corpus.root
    return str(clip.path.relative_to(root)) if clip.path.is_relative_to(root) else str(clip.path)


def _findings(clips: Sequence[Clip], kept: Sequence[int], arrays: Arrays, rate: int) -> list[str]:
    """Notes on what decoding found: other sample rates, digital silence, one recording in two splits."""
    notes = []
    rates = Counter(int(arrays["rates"][i]) for i in kept)
    if rates.pop(rate, 0) < len(kept):
        found = ", ".join(f"{count} at {found} Hz" for found, count in sorted(rates.items()))
        low = sorted(found for found in rates if found < rate)
        above = f"; above {low[0] // 2} Hz the {low[0]} Hz files hold nothing" if low else ""
        notes.append(f"clips were resampled to {rate} Hz ({found}){above}")
    offsets = np.concatenate([[0], np.cumsum(arrays["lengths"])])
    zero = {i for i in kept if clips[i].label == SILENCE and not arrays["pcm"][offsets[i] : offsets[i + 1]].any()}
    if zero:
        notes.append(f"{len(zero)} {SILENCE} clips are digital silence (all zero), which no microphone gives")
    first: dict[int, Clip] = {}
    twins = []
    for i in kept:
        other = first.setdefault(int(arrays["digests"][i]), clips[i])
        if other.split != clips[i].split and i not in zero:
            twins.append(f"{clips[i].name} in {clips[i].split} = {other.name} in {other.split}")
    if twins:
        notes.append(f"{len(twins)} clips are identical to a clip of another split: {few(twins, 3)}")
    return notes


def _check_left(before: Corpus, after: Corpus, bad: int) -> None:
    """DataError where leaving bad files out emptied a class in a split."""
    left = after.counts()
    for split, labels in before.counts().items():
        for label, count in labels.items():
            if count and not left[split][label]:
                raise DataError(
                    f"{before.root}: without the {bad} bad clips class {label} has none left in {split}: replace some"
                )
