"""The `_silence_` class, cut from background noise by time ranges that no two splits share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import soundfile

from hybrid.data.corpus import SPLITS, Clip, Corpus
from hybrid.data.labels import BACKGROUND, SILENCE, sort_labels
from hybrid.data.options import Options
from hybrid.errors import DataError

# Shares of every noise file, in this order of time. 15 % of the six files of Speech Commands hold 50 clips of one
# second that do not overlap; 10 % would not.
_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def noise_ranges(files: Sequence[Path], seconds: float) -> list[Clip]:
    """Each noise file cut into a train, a validation and a test range, in time order.

    Files too short for a range of `seconds` in every split go whole to one split, in turn: train, test, validation.
    DataError: a file that cannot be read.
    """
    ranges: list[Clip] = []
    short = 0
    for path in files:
        duration = _duration(path)
        if duration * min(_SHARES.values()) < seconds:
            split = ("train", "test", "validation")[short % 3]
            ranges.append(_range(path, split, 0.0, duration))
            short += 1
            continue
        edges = [0.0, *accumulate(share * duration for share in _SHARES.values())]
        edges[-1] = duration
        ranges += [_range(path, split, edges[i], edges[i + 1]) for i, split in enumerate(_SHARES)]
    return ranges


def cut_silence(ranges: Sequence[Clip], split: str, count: int, seconds: float) -> list[Clip]:
    """`count` clips of `seconds` from the ranges of one split, spread evenly; none where no range is long enough.

    They overlap only where the ranges are too short for `count` clips side by side.
    """
    usable = [clip for clip in ranges if clip.split == split and _length(clip) >= seconds]
    if not usable or count < 1:
        return []
    rooms = [_length(clip) - seconds for clip in usable]
    ends = list(accumulate(rooms))
    clips: list[Clip] = []
    for i in range(count):
        position = (i + 0.5) / count * ends[-1]
        where = next(k for k, end in enumerate(ends) if position <= end)
        # Whole milliseconds, rounded down: readable names, and a start that cannot leave the range.
        offset = int(1000 * (position - ends[where] + rooms[where])) / 1000
        clips.append(_cut(usable[where], (usable[where].start or 0.0) + offset, seconds, i))
    return clips


def add_silence(corpus: Corpus, options: Options) -> Corpus:
    """`corpus` with a `_silence_` class where the options ask for it and it has none; a note says what was done."""
    wanted = options.silence if options.silence is not None else options.classes is not None
    if options.classes is not None and SILENCE in options.classes:
        wanted = True
    if not wanted or SILENCE in corpus.labels:
        return corpus
    if not corpus.background:
        if options.silence or SILENCE in (options.classes or ()):
            raise DataError(
                f"{corpus.root}: no {SILENCE} and no {BACKGROUND} folder to cut it from: record some background noise"
            )
        return replace(corpus, notes=[*corpus.notes, f"no {SILENCE} class: there is no {BACKGROUND} folder"])
    in_train = sum(clip.split == "train" for clip in corpus.clips)
    counts = dict.fromkeys(SPLITS, options.silence_clips) | {"train": round(options.silence_fraction * in_train)}
    clips = [
        clip
        for split in SPLITS
        for clip in cut_silence(corpus.background, split, max(1, counts[split]), options.silence_seconds)
    ]
    if {clip.split for clip in clips} != set(SPLITS):
        note = f"no {SILENCE} class: the {BACKGROUND} files are too short to cut clips for train, validation and test"
        return replace(corpus, notes=[*corpus.notes, note])
    note = f"{SILENCE}: {len(clips)} clips of {options.silence_seconds:g} s cut from {BACKGROUND}, splits by time range"
    labels = sort_labels([*corpus.labels, SILENCE])
    return replace(corpus, clips=corpus.clips + clips, labels=labels, notes=[*corpus.notes, note])


def _duration(path: Path) -> float:
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError):
        raise DataError(f"{path}: background noise that cannot be read as audio: remove or replace it") from None
    return info.frames / info.samplerate


def _length(clip: Clip) -> float:
    return (clip.stop or 0.0) - (clip.start or 0.0)


def _range(path: Path, split: str, start: float, stop: float) -> Clip:
    start, stop = round(start, 3), int(1000 * stop) / 1000
    # The splits of one file are different groups by intent: their ranges do not touch.
    group, name = f"{BACKGROUND}/{path.stem} {split}", f"{BACKGROUND}/{path.stem}@{start:.3f}-{stop:.3f}"
    return Clip(path, BACKGROUND, split, group, start, stop, name)


def _cut(source: Clip, start: float, seconds: float, index: int) -> Clip:
    start = round(start, 3)
    name = f"{SILENCE}/{source.path.stem}@{start:.3f}#{index}"
    return replace(source, label=SILENCE, start=start, stop=round(start + seconds, 6), name=name)
