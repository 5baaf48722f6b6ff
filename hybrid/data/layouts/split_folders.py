"""Class folders below split folders: ``train/word/*.wav``, ``test/word/*.wav`` and, if there, ``validation/``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hybrid.data.corpus import Clip, Corpus, present_labels
from hybrid.data.files import audio_files, subfolders
from hybrid.data.labels import BACKGROUND
from hybrid.data.layouts.class_folders import read_folders
from hybrid.data.layouts.manifest import SPLIT_NAMES
from hybrid.data.options import Options
from hybrid.data.silence import noise_ranges

NAME = "split_folders"
OPTIONS: frozenset[str] = frozenset()


def matches(root: Path) -> bool:
    """A train and a test folder that hold folders, not audio: a class may be called train (it makes a sound)."""
    if not root.is_dir():
        return False
    folders = _split_folders(root)
    found = {SPLIT_NAMES[folder.name.lower()] for folder in folders}
    return {"train", "test"} <= found and all(subfolders(f) and not audio_files(f) for f in folders)


def read(root: Path, options: Options) -> Corpus:
    """The clips of every class in every split folder. Without a validation folder that split is drawn from train."""
    notes: list[str] = []
    clips: list[Clip] = []
    folders = _split_folders(root)
    splits = {SPLIT_NAMES[folder.name.lower()] for folder in folders}
    for folder in folders:
        split = SPLIT_NAMES[folder.name.lower()]
        drawn = split == "train" and "validation" not in splits
        clips += [
            replace(clip, split=None if drawn else split, name=f"{folder.name}/{clip.name}")
            for clip in read_folders(folder, options, notes)
        ]
    noise = [path for folder in (root, *folders) for path in audio_files(folder / BACKGROUND)]
    description = " and ".join(f"{folder.name}/" for folder in folders)
    background = noise_ranges(noise, options.silence_seconds)
    return Corpus(root, NAME, clips, present_labels(clips), description, background, notes)


def _split_folders(root: Path) -> list[Path]:
    return [folder for folder in subfolders(root) if folder.name.lower() in SPLIT_NAMES]
