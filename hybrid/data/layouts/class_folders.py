"""One folder per class: ``word/*.wav``, as in Speech Commands and in most people's own recordings.

Honoured where present: `validation_list.txt` and `testing_list.txt` (relative paths, one a line; what neither names is
for training) and `_background_noise_`. In names like ``<speaker>_nohash_<n>.wav`` the speaker is the group.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hybrid.data.corpus import Clip, Corpus, present_labels
from hybrid.data.files import SUFFIX_LIST, audio_files, composed, other_files, stem, subfolders
from hybrid.data.labels import BACKGROUND
from hybrid.data.options import Options
from hybrid.data.silence import noise_ranges
from hybrid.errors import DataError, few

NAME = "class_folders"
OPTIONS: frozenset[str] = frozenset()

LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}


def matches(root: Path) -> bool:
    """Any folder: this layout is the fallback, and its errors are the ones a lost user sees."""
    return root.is_dir()


def read(root: Path, options: Options) -> Corpus:
    """The clips of every class folder. Clips have no split where no list stands beside the folders.

    DataError: no class folder, a class folder without audio, lists that contradict each other or the folder.
    """
    notes: list[str] = []
    clips = read_folders(root, options, notes)
    if not clips:
        raise DataError(
            f"{root}: no folder with audio ({SUFFIX_LIST}): put the recordings of each class in a folder of its name"
        )
    clips, description = apply_lists(root, clips, notes)
    background = noise_ranges(audio_files(root / BACKGROUND), options.silence_seconds)
    return Corpus(root, NAME, clips, present_labels(clips), description, background, notes)


def read_folders(root: Path, options: Options, notes: list[str]) -> list[Clip]:
    """One clip per audio file of each class folder in `root`; adds to `notes` what was left out."""
    clips: list[Clip] = []
    stray = audio_files(root)
    if stray:
        notes.append(f"{len(stray)} audio files outside any class folder were left out ({few(p.name for p in stray)})")
    for folder in subfolders(root):
        if folder.name == BACKGROUND:
            continue
        files = audio_files(folder)
        _check_folder(folder, files, options, notes)
        clips += [
            Clip(path, composed(folder.name), group=speaker(path.name), name=stem(f"{folder.name}/{path.name}"))
            for path in files
        ]
    return clips


def speaker(name: str) -> str | None:
    """The part before ``_nohash_`` in a file name, which names who spoke; None where it has none."""
    head, found, _ = name.partition("_nohash_")
    return head if found and head else None


def _check_folder(folder: Path, files: list[Path], options: Options, notes: list[str]) -> None:
    others = other_files(folder)
    if files:
        if others:
            notes.append(f"{folder.name}: {len(others)} files that are not {SUFFIX_LIST} were left out ({few(others)})")
    elif options.classes is None or composed(folder.name) in options.classes:
        if subfolders(folder):
            raise DataError(f"{folder}: holds folders, not recordings: if it is the data set, open it instead")
        holds = f"only files of other kinds ({few(others, 3)})" if others else "no files"
        raise DataError(f"{folder}: class folder with {holds}: add {SUFFIX_LIST} recordings or remove the folder")
    else:
        notes.append(f"{folder.name}: folder without audio was left out")


def apply_lists(root: Path, clips: list[Clip], notes: list[str]) -> tuple[list[Clip], str]:
    """Splits from the lists in `root`, and a phrase that says so; a split whose list is absent is left to be drawn."""
    listed = {split: read_list(root / file, notes) for split, file in LISTS.items()}
    listed = {split: names for split, names in listed.items() if names}
    if not listed:
        return clips, ""
    both = sorted(set.intersection(*listed.values())) if len(listed) == 2 else []
    if both:
        raise DataError(f"{root}: {few(both, 3)} in both {' and '.join(LISTS.values())}: keep each in one list")
    present = {clip.name for clip in clips}
    for split, names in listed.items():
        _check_list(root / LISTS[split], names, present, notes)
    # With both lists the rest is train; with one, the other split still has to be drawn from the rest.
    rest = "train" if len(listed) == len(LISTS) else None
    split_of = {name: split for split, names in listed.items() for name in names}
    clips = [replace(clip, split=split_of.get(clip.name, rest)) for clip in clips]
    return clips, " and ".join(LISTS[split] for split in listed)


def read_list(path: Path, notes: list[str]) -> set[str]:
    """The entries of a list as ``word/stem``; empty where the file is absent or names nothing (which is noted)."""
    if not path.is_file():
        return set()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8: save the list as UTF-8") from None
    names = {stem(line.strip().removeprefix("./")) for line in lines if line.strip()}
    if not names:
        notes.append(f"{path.name} is empty: the split is drawn")
    return names


def _check_list(path: Path, names: set[str], present: set[str], notes: list[str]) -> None:
    absent = sorted(names - present)
    if len(absent) == len(names):
        raise DataError(
            f"{path}: none of its {len(names)} entries exists ({few(absent, 2)}): write them as class/file.wav, or "
            f"remove the list"
        )
    if absent:
        notes.append(f"{path.name} names {len(absent)} of {len(names)} files that are not there ({few(absent)})")
