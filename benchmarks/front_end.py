"""How close the integer log-mel is to librosa's, by loudness: python benchmarks/front_end.py FOLDER [options].

SNR: power of librosa's log2(max(mel power, 1e-4)) over the power of the error. A frame's loudness is its rms in dBFS.
Clips of another sample rate than the first file's are left out, and the count says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from feature_extractors.mel import FLOOR
from feature_extractors.ops.base import Value
from feature_extractors.ops.log_mel import LogMel, log_mel

CLASSES = ((-200, -50, "below -50 dBFS"), (-50, -30, "-50 to -30"), (-30, 1, "above -30"), (-200, 1, "all"))
SUFFIXES = {".wav", ".flac", ".ogg"}
OCTAVE_DB = 10 * np.log10(2)


def librosa_log2(pcm: np.ndarray, op: LogMel) -> np.ndarray:
    """librosa's log2 mel power of int16 samples, float64 (frames, bands)."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=pcm / 32768, sr=op.rate, n_fft=op.frame, hop_length=op.hop, center=False, power=2.0, n_mels=op.bands,
        fmin=op.fmin, fmax=op.fmax, htk=False, norm="slaney",
    )  # fmt: skip
    return np.log2(np.maximum(power.T, FLOOR))


def integer_log2(pcm: np.ndarray, op: LogMel) -> np.ndarray:
    """The op's integers in the same unit, float64 (frames, bands)."""
    value = Value((len(pcm), 1, 1), "int16", -32768, 32767)
    frames, bands, _ = op.out([value]).shape
    found = op.evaluate([pcm[None, :, None, None]], ((0, frames), (0, bands), (0, 1)), [value])
    return found[0, :, :, 0] / 256 + np.log2(FLOOR)


def loudness(pcm: np.ndarray, op: LogMel) -> np.ndarray:
    """rms of every frame in dBFS, float64 (frames,)."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm, op.frame)[:: op.hop].astype(np.float64) / 32768
    return 10 * np.log10((frames**2).mean(axis=1) + 1e-12)


def compare(files: Sequence[Path], op: LogMel) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """(reference, found, loudness) of every frame of the files at the op's rate, and how many files these are."""
    import soundfile

    parts, used = [], 0
    for path in files:
        pcm, rate = soundfile.read(path, dtype="int16", always_2d=True)
        if rate != op.rate or len(pcm) < op.frame:
            continue
        pcm, used = pcm[:, 0], used + 1
        parts.append((librosa_log2(pcm, op), integer_log2(pcm, op), loudness(pcm, op)))
    if not parts:
        raise SystemExit(f"none of {len(files)} files has {op.rate} Hz and {op.frame} samples")
    reference, found, level = (np.concatenate(p) for p in zip(*parts, strict=True))
    return reference, found, level, used


def report(reference: np.ndarray, found: np.ndarray, level: np.ndarray) -> list[str]:
    """One line per loudness class."""
    lines = [f"{'frames':>20} {'count':>8} {'SNR dB':>7} {'99 % error dB':>14} {'largest dB':>11}"]
    for low, high, name in CLASSES:
        chosen = (level >= low) & (level < high)
        if chosen.any():
            ref, error = reference[chosen], (found - reference)[chosen]
            snr = 10 * np.log10((ref**2).sum() / max((error**2).sum(), 1e-30))
            absolute = OCTAVE_DB * np.abs(error)
            figures = f"{snr:7.1f} {np.quantile(absolute, 0.99):14.4f} {absolute.max():11.3f}"
            lines.append(f"{name:>20} {int(chosen.sum()):8} {figures}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings, searched through all subfolders")
    parser.add_argument("--every", type=int, default=1, help="use each n-th file")
    parser.add_argument("--frame", type=int, help="FFT length (default: the power of two of 23 to 46 ms)")
    parser.add_argument("--hop", type=int, help="default: 5/8 of the frame")
    parser.add_argument("--bands", type=int, default=40)
    parser.add_argument("--fmin", type=int, default=20)
    args = parser.parse_args(arguments)
    files = sorted(p for p in args.folder.rglob("*") if p.suffix.lower() in SUFFIXES)[:: args.every]
    if not files:
        parser.error(f"no {', '.join(sorted(SUFFIXES))} files under {args.folder}")
    import soundfile

    rate = soundfile.info(files[0]).samplerate
    frame = args.frame or min(1024, 1 << int(rate * 0.046).bit_length() - 1)
    op = log_mel(rate, frame, args.hop or frame * 5 // 8, args.bands, args.fmin, rate // 2)
    *figures, used = compare(files, op)
    print(f"{used} of {len(files)} files, {rate} Hz, frame {op.frame}, hop {op.hop}, {op.bands} bands")
    print("\n".join(report(*figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
