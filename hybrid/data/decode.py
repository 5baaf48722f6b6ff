"""Decoding one clip to int16 samples at the model's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from hybrid.data.containers import missing_tail
from hybrid.data.corpus import Clip
from hybrid.data.labels import BACKGROUND, SILENCE
from hybrid.errors import DataError, one_line

DECODER_VERSION = 1  # part of cache keys: raise it when the same file would decode to other samples

_SLACK_SECONDS = 0.01  # a stop time this far beyond the end is rounding, not an error


class AudioError(DataError):
    """One file that cannot be used; `reason` and `remedy` apart, for lists of many."""

    def __init__(self, where: object, reason: str, remedy: str) -> None:
        super().__init__(f"{where}: {reason}: {remedy}")
        self.reason = one_line(reason)


def load_clip(clip: Clip, rate: int) -> np.ndarray:
    """The clip's samples, int16 [n], mono at `rate` Hz. Channels are averaged; louder than full scale saturates.

    DataError (`AudioError`): unreadable, truncated, without samples, not finite, a time range outside the file, or all
    zero without being labelled `_silence_`.
    """
    return decode_clip(clip, rate)[0]


def decode_clip(clip: Clip, rate: int) -> tuple[np.ndarray, int]:
    """As `load_clip`, and the file's own sample rate in Hz."""
    samples, file_rate = _read(clip, rate)
    if samples.dtype == np.int16:
        pcm = samples
    else:
        if file_rate != rate:
            samples = soxr.resample(samples, file_rate, rate, quality="HQ")
        pcm = to_int16(samples)
    if not pcm.size:
        raise AudioError(clip.path, f"shorter than one sample at {rate} Hz", "remove it")
    if clip.label not in (SILENCE, BACKGROUND) and not pcm.any():
        remedy = f"remove it, label it {SILENCE}, or pass --skip-bad"
        raise AudioError(clip.path, "every sample is zero (digital silence)", remedy)
    return pcm, file_rate


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Floats with full scale 1.0 as int16, rounded to nearest, saturated."""
    return np.clip(np.rint(samples * np.float32(32768.0)), -32768, 32767).astype(np.int16)


def _read(clip: Clip, rate: int) -> tuple[np.ndarray, int]:
    """The range's mono samples [n] and the file's rate: int16 where it has just that at `rate`, else float32."""
    path = clip.path
    try:
        lost = missing_tail(path)
        with soundfile.SoundFile(path) as file:
            first, count = _frames(clip, file)
            plain = file.subtype == "PCM_16" and file.channels == 1 and file.samplerate == rate
            file.seek(first)
            samples = file.read(count, dtype="int16" if plain else "float32", always_2d=True)
            file_rate = file.samplerate
    except FileNotFoundError:
        raise AudioError(path, "no such file", "restore it or remove its entry") from None
    except PermissionError:
        raise AudioError(path, "no permission to read it", "change its access rights") from None
    except soundfile.SoundFileError as error:
        raise AudioError(path, _reason(path, error), "replace it, remove it, or pass --skip-bad") from None
    if lost or len(samples) < count:
        raise AudioError(
            path, "truncated: it ends before its header says", "copy it again, remove it, or pass --skip-bad"
        )
    if plain:
        return samples[:, 0], file_rate
    bad = np.count_nonzero(~np.isfinite(samples))
    if bad:
        raise AudioError(path, f"{bad} samples are NaN or infinite", "export it again, remove it, or pass --skip-bad")
    return samples.mean(axis=1, dtype=np.float32), file_rate


def _frames(clip: Clip, file: soundfile.SoundFile) -> tuple[int, int]:
    """First frame and number of frames of the clip's range."""
    total, rate = file.frames, file.samplerate
    if total < 1:
        raise AudioError(clip.path, "has no samples (zero length)", "remove it, or pass --skip-bad")
    first = round((clip.start or 0.0) * rate)
    last = total if clip.stop is None else round(clip.stop * rate)
    if first >= total or last > total + _SLACK_SECONDS * rate:
        outside = f"the range of {clip.name or 'this clip'} ends beyond the file ({total / rate:.3f} s)"
        raise AudioError(clip.path, outside, "correct start and stop")
    return first, min(last, total) - first


def _reason(path: Path, error: soundfile.SoundFileError) -> str:
    with open(path, "rb") as file:
        head = file.read(16)
    if not head:
        return "is empty (0 bytes)"
    text = head.decode("ascii", "replace") if head.isascii() and b"\0" not in head else ""
    hint = f"; it begins with the text '{text}'" if text and not text.startswith(("RIFF", "fLaC", "OggS")) else ""
    detail = getattr(error, "error_string", str(error)).strip().rstrip(".")
    return f"not readable as audio ({detail}{hint})"
