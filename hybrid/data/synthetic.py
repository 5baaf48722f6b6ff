"""A SYNTHETIC machine-condition set, for demonstrations and tests where no recordings may be shipped.

Four classes are told apart by what a fault sounds like, not by level: every clip is scaled to a loudness that is drawn
independently of its class. A unit (one machine in one room) has its own speed, resonances and noise colour, occurs in
all classes, and stands in one split only, as a speaker does in Speech Commands.
"""

from __future__ import annotations

import os
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid.errors import DataError

CLASSES = ("failure", "maintenance_needed", "motor_off", "normal_operation")

_CLIPS_PER_UNIT = 6  # of each class
_LOUDNESS_DB = (-42.0, -18.0)  # RMS of a clip, re full scale
_SNR_DB = (-5.0, 10.0)  # machine over room

_README = """\
SYNTHETIC data: every file in this folder was computed, none was recorded.

Machine conditions, {count} clips of {seconds:g} s at {rate} Hz, seed {seed}. Figures on it say that a program works;
they say nothing about real machines.

motor_off           room noise, mains hum from elsewhere, now and then a knock
normal_operation    motor hum: harmonics of a drifting shaft speed, slight imbalance
maintenance_needed  the same with a worn bearing: decaying resonant impulses at the bearing's rate, more imbalance
failure             grinding: broadband noise in step with the shaft, strong imbalance, irregular impacts

A file is <unit>_nohash_<number>.wav; a unit (machine and room) is in one split only.
"""


@dataclass(frozen=True)
class _Unit:
    """What one machine in one room keeps over all its clips. Frequencies in Hz."""

    shaft: float
    harmonics: np.ndarray  # amplitudes [8]
    resonance: float
    bearing_ratio: float  # impulses per turn
    noise_slope: float  # of the room: amplitude ~ frequency ** slope
    mains: float


def kept_machine_set(root: Path, clips_per_class: int, seed: int) -> Path:
    """The set of these arguments in a folder of its own under `root`: the one there, or written now, as a whole.

    Raises DataError where it cannot be written.
    """
    target = root / f"{clips_per_class}-a-class-seed-{seed}"
    if target.is_dir():
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=root) as aside:
            os.replace(write_machine_set(Path(aside) / "set", clips_per_class, seed), target)
    except OSError as error:
        raise DataError(f"{target} cannot be written ({error.strerror}): choose another --out") from None
    return target


def write_machine_set(
    root: str | Path, clips_per_class: int = 60, seed: int = 0, rate: int = 16000, seconds: float = 1.0
) -> Path:
    """Write the set to `root` as class folders with split lists and a README that says it is synthetic; returns `root`.

    The same arguments give the same bytes. Clips are mono int16 WAV.
    DataError: fewer than three clips per class, a rate below 4000 Hz, clips below 0.1 s, a folder that is not empty.
    """
    root = Path(root)
    if clips_per_class < 3 or rate < 4000 or seconds < 0.1:
        raise DataError(
            f"{clips_per_class} clips per class, {rate} Hz, {seconds:g} s: needed are at least 3, 4000 Hz and 0.1 s"
        )
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root}: already there and not an empty folder: name a new folder")
    unit_count = max(3, round(clips_per_class / _CLIPS_PER_UNIT))
    lists: dict[str, list[str]] = {"validation": [], "testing": []}
    for class_index, label in enumerate(CLASSES):
        (root / label).mkdir(parents=True)
        for i in range(clips_per_class):
            unit = i % unit_count
            name = f"{label}/unit{unit:02d}_nohash_{i // unit_count}.wav"
            rng = np.random.default_rng([seed, 1, class_index, i])
            pcm = machine_clip(label, _unit(seed, unit, rate), rng, rate, round(seconds * rate))
            _write_wav(root / name, pcm, rate)
            split = _split(unit, unit_count)
            if split:
                lists[split].append(name)
    for split, names in lists.items():
        _write_text(root / f"{split}_list.txt", "".join(f"{name}\n" for name in sorted(names)))
    count = clips_per_class * len(CLASSES)
    _write_text(root / "README.txt", _README.format(count=count, seconds=seconds, rate=rate, seed=seed))
    return root


def machine_clip(label: str, unit: _Unit, rng: np.random.Generator, rate: int, n: int) -> np.ndarray:
    """One clip of a class: int16 [n]."""
    room = _room(unit, rng, rate, n)
    if label == "motor_off":
        sound = room
    else:
        machine = {"normal_operation": _normal, "maintenance_needed": _worn, "failure": _failing}[label]
        snr = 10.0 ** (rng.uniform(*_SNR_DB) / 20.0)
        sound = _unit_rms(room) + snr * _unit_rms(machine(unit, rng, rate, n))
    loudness = 10.0 ** (rng.uniform(*_LOUDNESS_DB) / 20.0)
    return np.clip(np.rint(_unit_rms(sound) * loudness * 32768.0), -32768, 32767).astype(np.int16)


def _unit(seed: int, unit: int, rate: int) -> _Unit:
    rng = np.random.default_rng([seed, 0, unit])
    return _Unit(
        shaft=rng.uniform(22.0, 60.0),
        harmonics=rng.uniform(0.3, 1.0, 8) / np.arange(1, 9) ** rng.uniform(0.5, 1.2),
        resonance=min(rng.uniform(1500.0, 3500.0), 0.4 * rate),
        bearing_ratio=rng.uniform(3.2, 5.4),
        noise_slope=rng.uniform(-0.9, -0.2),
        mains=float(rng.choice([50.0, 60.0])),
    )


def _turns(unit: _Unit, rng: np.random.Generator, rate: int, n: int) -> np.ndarray:
    """Shaft angle in turns, float [n]: the speed drifts slowly round the unit's own."""
    time = np.arange(n) / rate
    speed = unit.shaft * rng.uniform(0.94, 1.06)
    drift = rng.uniform(0.005, 0.02) * np.sin(2 * np.pi * (rng.uniform(0.3, 1.5) * time + rng.uniform()))
    return np.cumsum(speed * (1.0 + drift)) / rate + rng.uniform()


def _hum(unit: _Unit, rng: np.random.Generator, turns: np.ndarray, imbalance: float) -> np.ndarray:
    """Harmonics of the shaft; imbalance makes them swell once a turn and lifts the first."""
    orders = np.arange(1, len(unit.harmonics) + 1)
    phases = rng.uniform(size=len(orders))
    weights = unit.harmonics * rng.uniform(0.7, 1.3, len(orders))
    weights[0] *= 1.0 + 2.0 * imbalance
    # Twice the shaft speed and up: small loudspeakers and microphones hold little of the first harmonics.
    tones = np.sin(2 * np.pi * (2 * orders[:, np.newaxis] * turns + phases[:, np.newaxis]))
    return (weights @ tones) * (1.0 + imbalance * np.sin(2 * np.pi * turns))


def _normal(unit: _Unit, rng: np.random.Generator, rate: int, n: int) -> np.ndarray:
    turns = _turns(unit, rng, rate, n)
    return _unit_rms(_hum(unit, rng, turns, rng.uniform(0.0, 0.25))) + rng.uniform(0.05, 0.4) * rng.standard_normal(n)


def _worn(unit: _Unit, rng: np.random.Generator, rate: int, n: int) -> np.ndarray:
    turns = _turns(unit, rng, rate, n)
    passes = np.floor(turns * unit.bearing_ratio)
    hits = np.flatnonzero(np.diff(passes) > 0)
    ringing = _ring(unit.resonance, hits, rng.uniform(0.5, 1.0, len(hits)), rate, n)
    hum = _hum(unit, rng, turns, rng.uniform(0.1, 0.5))
    return _unit_rms(hum) + rng.uniform(0.2, 0.7) * _unit_rms(ringing) + rng.uniform(0.05, 0.4) * rng.standard_normal(n)


def _failing(unit: _Unit, rng: np.random.Generator, rate: int, n: int) -> np.ndarray:
    turns = _turns(unit, rng, rate, n)
    grinding = _coloured(rng, rate, n, -0.1) * np.clip(np.sin(2 * np.pi * turns) + 0.3, 0.0, None)
    hits = np.sort(rng.choice(n, size=max(1, round(rng.uniform(6.0, 20.0) * n / rate)), replace=False))
    impacts = _ring(0.6 * unit.resonance, hits, rng.uniform(0.3, 1.0, len(hits)), rate, n)
    hum = _hum(unit, rng, turns, rng.uniform(0.3, 0.9))
    return (
        _unit_rms(hum)
        + rng.uniform(0.3, 0.8) * _unit_rms(grinding)
        + rng.uniform(0.2, 0.6) * _unit_rms(impacts)
        + rng.uniform(0.05, 0.4) * rng.standard_normal(n)
    )


def _room(unit: _Unit, rng: np.random.Generator, rate: int, n: int) -> np.ndarray:
    """Coloured noise, mains hum from elsewhere, and sometimes a knock, so that an impulse alone means nothing."""
    time = np.arange(n) / rate
    noise = _unit_rms(_coloured(rng, rate, n, unit.noise_slope))
    orders = np.array([2.0, 4.0, 6.0])
    hum = np.sin(2 * np.pi * (unit.mains * np.outer(orders, time) + rng.uniform(size=(3, 1)))).sum(axis=0)
    noise += rng.uniform(0.0, 0.5) * _unit_rms(hum)
    if rng.uniform() < 0.3:
        knock = _ring(rng.uniform(300.0, 0.3 * rate), rng.integers(0, n, 1), np.ones(1), rate, n)
        noise += rng.uniform(0.3, 1.0) * _unit_rms(knock)
    return noise


def _coloured(rng: np.random.Generator, rate: int, n: int, slope: float) -> np.ndarray:
    """Noise whose amplitude goes as frequency to the power of `slope`, float [n]."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.maximum(np.fft.rfftfreq(n, 1.0 / rate), 20.0)
    return np.fft.irfft(spectrum * (frequency / 1000.0) ** slope, n)


def _ring(frequency: float, hits: np.ndarray, strengths: np.ndarray, rate: int, n: int) -> np.ndarray:
    """A resonance struck at the samples `hits`, dying away within some 10 ms, float [n]."""
    train = np.zeros(n)
    np.add.at(train, hits, strengths)
    time = np.arange(min(n, round(0.03 * rate))) / rate
    return np.convolve(train, np.exp(-250.0 * time) * np.sin(2 * np.pi * frequency * time))[:n]


def _unit_rms(samples: np.ndarray) -> np.ndarray:
    return samples / max(float(np.sqrt(np.mean(samples**2))), 1e-12)


def _split(unit: int, unit_count: int) -> str:
    """The list that names a unit's clips: about every sixth for validation and for testing; '' for train."""
    held = max(1, round(unit_count / 6))
    return "testing" if unit < held else "validation" if unit < 2 * held else ""


def _write_wav(path: Path, pcm: np.ndarray, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())


def _write_text(path: Path, text: str) -> None:
    # newline="" keeps the bytes the same on systems that would write CRLF
    path.write_text(text, encoding="utf-8", newline="")
