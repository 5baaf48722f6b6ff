"""Finding audio files in folders."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
SUFFIX_LIST = ", ".join(AUDIO_SUFFIXES)


def is_audio(name: str) -> bool:
    """Whether a file of this name is read. Those with a leading dot are not: macOS leaves ``._a.wav`` behind."""
    return name.lower().endswith(AUDIO_SUFFIXES) and not name.startswith(".")


def audio_files(folder: Path) -> list[Path]:
    """The audio files directly in `folder`, sorted by name; none where the folder is absent."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if is_audio(entry.name) and entry.is_file())
    return [folder / name for name in names]


def other_files(folder: Path) -> list[str]:
    """Names of the files in `folder` that are not read and are not hidden."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_file() and not e.name.startswith(".") and not is_audio(e.name))


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted; not the hidden ones and not tools' droppings like ``__MACOSX``."""
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith((".", "__")))
    return [folder / name for name in names]


def stem(name: str) -> str:
    """A file name or relative path without its suffix, comparable across systems.

    Lists and tables name .wav where the files here may be .flac or .ogg, so the suffix is no part of an identity;
    file systems differ in how they compose accents, so that is levelled, too.
    """
    name = composed(name.replace("\\", "/"))
    return name[: name.rindex(".")] if is_audio(name.rsplit("/", 1)[-1]) else name


def composed(name: str) -> str:
    """`name` with accents composed (NFC), as people type it; macOS hands out names with accents apart."""
    return unicodedata.normalize("NFC", name)


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Paths of one folder by `stem`; of two files with one stem the first in name order stays."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(stem(path.name), path)
    return found
