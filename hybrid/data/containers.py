"""Telling whether the tail of an audio file is missing where the decoder passes over it in silence."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_STREAMED = 0x7F000000  # data sizes from here on are what a pipe writes when it cannot know the length
_TOLERANCE = 0.01  # a share; some programs count the data a few bytes too long


def missing_tail(path: Path) -> bool:
    """Whether a WAV or Ogg file ends before its structure says. libsndfile decodes what is left without a word.

    FLAC and everything else: False, since the decoder notices there. OSError where the file cannot be opened.
    """
    with open(path, "rb") as file:
        magic = file.read(4)
        size = os.fstat(file.fileno()).st_size
        if magic == b"RIFF":
            return _wav_is_short(file, size)
        if magic == b"OggS":
            return _ogg_is_short(file, size)
    return False


def _wav_is_short(file: BinaryIO, size: int) -> bool:
    position = 12
    while position + 8 <= size:
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"data":
            lost = length - (size - position - 8)
            return length < _STREAMED and lost > _TOLERANCE * length
        position += 8 + length + (length & 1)  # chunks are padded to even lengths
    return False


def _ogg_is_short(file: BinaryIO, size: int) -> bool:
    # A page is at most 65,307 bytes, so the last one begins within that distance of the end. Its header type has bit
    # 4 set when the stream ends there, and its lacing values say how long it is.
    file.seek(max(0, size - 65307))
    tail = file.read()
    start = tail.rfind(b"OggS")
    if start < 0 or len(tail) < start + 27:
        return True
    segments = tail[start + 26]
    lacing = tail[start + 27 : start + 27 + segments]
    complete = len(lacing) == segments and len(tail) >= start + 27 + segments + sum(lacing)
    return not (complete and tail[start + 5] & 4)
