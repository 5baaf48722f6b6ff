"""The two records that the rest of the program sees: a clip, and a corpus of clips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hybrid.data.labels import sort_labels

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Clip:
    """One labelled piece of audio: a file, or a time range of one."""

    path: Path
    label: str
    split: str | None = None  # 'train', 'validation', 'test'; None until it is drawn
    group: str | None = None  # speaker, machine or source recording; None: the clip stands alone
    start: float | None = None  # seconds from the file's beginning; None: its beginning
    stop: float | None = None  # seconds; None: its end
    name: str = ""  # stable, for people: does not depend on where the data lies

    @property
    def group_key(self) -> tuple[str, str]:
        """What must not be found in two splits; the clip itself where no group is known."""
        return ("group", self.group) if self.group is not None else ("clip", self.name)


@dataclass
class Corpus:
    """Labelled clips with their splits, and everything a report has to say about where they came from."""

    root: Path
    layout: str
    clips: list[Clip]
    labels: list[str]  # the model's classes, in order
    split_description: str = ""
    background: list[Clip] = field(default_factory=list)  # ranges of the noise files, each in one split
    notes: list[str] = field(default_factory=list)  # what a user should know: left out, absent, resampled, ...

    @property
    def noise(self) -> list[Clip]:
        """Background noise for augmentation: only ranges that no validation or test clip is cut from."""
        return [clip for clip in self.background if clip.split == "train"]

    def select(self, split: str) -> list[Clip]:
        """The clips of one split, in order."""
        return [clip for clip in self.clips if clip.split == split]

    def counts(self) -> dict[str, dict[str, int]]:
        """Clips per split and label: ``counts()['train']['yes']``; every split and label is there, zeros too."""
        found = Counter((clip.split, clip.label) for clip in self.clips)
        return {split: {label: found[split, label] for label in self.labels} for split in SPLITS}


def present_labels(clips: list[Clip]) -> list[str]:
    """The labels that the clips have, in the order of `sort_labels`."""
    return sort_labels(clip.label for clip in clips)
