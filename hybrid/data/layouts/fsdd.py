"""Free Spoken Digit Dataset: ``<digit>_<speaker>_<take>.wav`` in the folder or in its ``recordings``.

Easy variant (default): takes are held out, so every speaker is in every split. Test takes are 0-4, the set's own
convention, or 5-9 where those are absent; the next five are for validation.
Hard variant (`leave_out`): all takes of the named speakers are for testing. Validation clips are the first five takes
of the remaining speakers, so the figure for model selection is speaker-dependent, the test figure is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from hybrid.data.corpus import Clip, Corpus, present_labels
from hybrid.data.files import audio_files, stem
from hybrid.data.options import Options
from hybrid.errors import DataError, few

NAME = "fsdd"
OPTIONS = frozenset({"leave_out", "test_takes"})

_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[^_]+)_(?P<take>[0-9]+)")


def matches(root: Path) -> bool:
    """Whether recordings with such names lie there."""
    return any(_NAME.fullmatch(stem(path.name)) for path in _files(root))


def read(root: Path, options: Options) -> Corpus:
    """One clip per recording. A take of a speaker is the group: speakers are in several splits by the set's design.

    DataError: takes or speakers that are not there, or both held out at once.
    """
    found = [(path, match) for path in _files(root) if (match := _NAME.fullmatch(stem(path.name)))]
    strays = [path.name for path in _files(root) if not _NAME.fullmatch(stem(path.name))]
    notes = [f"{len(strays)} files not named digit_speaker_take were left out ({few(strays)})"] if strays else []
    speakers = {match["speaker"] for _, match in found}
    takes = sorted({int(match["take"]) for _, match in found})
    if options.leave_out and options.test_takes:
        raise DataError("leave_out and test_takes are two ways to hold recordings out: give one of them")
    test: tuple[int, ...] = ()
    if options.leave_out:
        _check_speakers(root, options.leave_out, speakers)
        validation = _next_takes(takes, -1)
        description = f"speaker {', '.join(options.leave_out)} for test, takes {_span(validation)} of the others for "
        description += "validation"
    else:
        test = _test_takes(root, takes, options.test_takes)
        validation = _next_takes([take for take in takes if take not in test], max(test))
        description = f"takes {_span(test)} for test, takes {_span(validation)} for validation, the others for train"

    def split(speaker: str, take: int) -> str:
        if speaker in (options.leave_out or ()) or take in test:
            return "test"
        return "validation" if take in validation else "train"

    clips = [
        Clip(
            path,
            label=match["digit"],
            split=split(match["speaker"], int(match["take"])),
            group=f"{match['speaker']} take {int(match['take'])}",
            name=stem(path.name),
        )
        for path, match in found
    ]
    return Corpus(root, NAME, clips, present_labels(clips), description, notes=notes)


def _files(root: Path) -> list[Path]:
    return audio_files(root / "recordings") or audio_files(root)


def _check_speakers(root: Path, named: Iterable[str], speakers: set[str]) -> None:
    for name in named:
        if name not in speakers:
            raise DataError(f"{root}: no speaker '{name}' to leave out (there are: {few(sorted(speakers), 20)})")
    if not speakers - set(named):
        raise DataError(f"{root}: every speaker is left out: keep at least one for training")


def _test_takes(root: Path, takes: list[int], named: tuple[int, ...] | None) -> tuple[int, ...]:
    if named is None:
        conventional = tuple(take for take in takes if take < 5)
        return conventional or _next_takes(takes, -1)
    absent = sorted(set(named) - set(takes))
    if absent:
        raise DataError(f"{root}: no take {few(absent)} to test on (takes: {_span(takes)}): name takes that are there")
    return named


def _next_takes(takes: Iterable[int], after: int) -> tuple[int, ...]:
    """The five lowest takes above `after`, or the five lowest ones where none is above."""
    takes = sorted(takes)
    return tuple([take for take in takes if take > after][:5] or takes[:5])


def _span(takes: Iterable[int]) -> str:
    """``5-9`` for consecutive takes, else ``5, 7, 9``."""
    takes = sorted(takes)
    if len(takes) > 1 and takes[-1] - takes[0] == len(takes) - 1:
        return f"{takes[0]}-{takes[-1]}"
    return ", ".join(map(str, takes))
