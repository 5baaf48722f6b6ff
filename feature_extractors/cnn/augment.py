"""The float log-mel that training sees, and random changes of recordings: on samples, on spectra and on log-mels.

All randomness comes from a torch.Generator that the caller passes, so that work can be spread over threads.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from feature_extractors.cnn.quantise import LOGMEL_SCALE
from feature_extractors.cnn.settings import AugmentSettings, LogMelSettings
from feature_extractors.ops.base import Value
from feature_extractors.ops.place import placement
from feature_extractors.tiles import whole

FULL_SCALE = 32768
CURVES = ((1.0, "tilt"), (1.0, "cos"), (0.7, "sin"), (0.5, "cos2"))
"""Smooth gain curves over bands that make a random equaliser, with their relative strength."""


def slaney_filters(settings: LogMelSettings) -> np.ndarray:
    """Triangular mel filters float64 [bins, heard bands] of equal area, on Slaney's mel scale (linear below 1 kHz)."""

    def to_mel(hz: np.ndarray) -> np.ndarray:
        log_part = 15 + 27 * np.log(np.maximum(hz, 1e-9) / 1000) / np.log(6.4)
        return np.where(hz < 1000, hz * 3 / 200, log_part)

    def to_hz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))

    top = settings.sample_rate / 2 if settings.fmax is None else settings.fmax
    ends = to_mel(np.array([settings.fmin, top]))
    edges = to_hz(np.linspace(ends[0], ends[1], settings.bands + 2))
    bins = np.arange(settings.frame // 2 + 1) * settings.sample_rate / settings.frame
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rise, fall)) * 2 / (edges[2:] - edges[:-2])
    return filters[:, _heard(settings)]


def _heard(settings: LogMelSettings) -> list[int]:
    """Numbers of the bands that are heard."""
    return list(settings.keep_bands or range(settings.bands))


@functools.lru_cache(maxsize=4)
def _constants(settings: LogMelSettings) -> tuple[Tensor, Tensor]:
    window = torch.hann_window(settings.frame, periodic=True)
    return window, torch.from_numpy(slaney_filters(settings)).float()


def log_mel(pcm: Tensor, settings: LogMelSettings, equaliser: Tensor | None = None) -> Tensor:
    """Float log-mel [clip, frame, band] in log2 units above the floor. pcm: float [clip, sample] in [-1, 1).

    equaliser: factors on the mel powers [clip, band].
    """
    window, filters = _constants(settings)
    spectrum = torch.fft.rfft(pcm.unfold(-1, settings.frame, settings.hop) * window)
    power = (spectrum.real.square() + spectrum.imag.square()) @ filters
    if equaliser is not None:
        power = power * equaliser[:, None]
    return torch.log2(power.clamp_min(settings.floor) / settings.floor)


def quantise_log_mel(logmel: Tensor) -> np.ndarray:
    """int16 log-mel in steps of LOGMEL_SCALE."""
    return torch.round(logmel / LOGMEL_SCALE).clamp(-32768, 32767).numpy().astype(np.int16)


def integer_log_mel(pcm: np.ndarray, settings: LogMelSettings, batch: int = 256) -> np.ndarray:
    """int16 log-mel [clip, frame, band] of int16 clips [clip, sample], without any random change."""
    parts = []
    for i in range(0, len(pcm), batch):
        clips = pcm[i : i + batch]
        parts.append(heard(quantise_log_mel(log_mel(to_float(clips), settings)), clips, settings))
    return np.concatenate(parts)


def heard(logmel: np.ndarray, pcm: np.ndarray, settings: LogMelSettings) -> np.ndarray:
    """The frames of log-mels [clip, frame, band] that a trunk hears: all, or those placed around the sound of `pcm`."""
    if not settings.placed:
        return logmel
    energy, place = placement(pcm.shape[1], settings.frame, settings.hop, settings.placed, settings.place_step)
    samples = pcm[:, :, None, None]
    value = Value((pcm.shape[1], 1, 1), "int16", -FULL_SCALE, FULL_SCALE - 1)
    energies = energy.evaluate([samples], whole(energy.out([value]).shape), [value])
    rows = place.first(energies[:, :, 0, 0])[:, None] + np.arange(settings.placed)
    return np.take_along_axis(logmel, rows[:, :, None], axis=1)


def to_float(pcm: np.ndarray) -> Tensor:
    """int16 samples as float32 in [-1, 1)."""
    return torch.from_numpy(pcm.astype(np.float32)) / FULL_SCALE


def to_pcm(clips: Tensor) -> np.ndarray:
    """Samples in [-1, 1] as int16."""
    return (clips * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1).numpy().astype(np.int16)


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform in [-1, 1)."""
    return torch.rand(*shape, generator=generator) * 2 - 1


def resample_and_shift(pcm: Tensor, rate: int, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    """Clips [clip, sample] at a random speed about its middle, then shifted; linear interpolation, zeros outside."""
    clips, samples = pcm.shape
    speed = torch.exp(uniform(generator, clips, 1) * settings.speed)
    shift = uniform(generator, clips, 1) * settings.shift_seconds * rate
    middle = samples / 2
    at = (torch.arange(samples) - middle) * speed + middle + shift
    inside = (at >= 0) & (at < samples - 1)
    left = at.floor().clamp(0, samples - 2)
    right_part = at - left
    index = left.long()
    mixed = pcm.gather(1, index) * (1 - right_part) + pcm.gather(1, index + 1) * right_part
    return mixed * inside


def noise_crops(noise: list[np.ndarray], clips: int, samples: int, generator: torch.Generator) -> Tensor:
    """Random stretches of the noise recordings, float [clip, sample]; a short recording is repeated."""
    which = torch.randint(len(noise), (clips,), generator=generator).tolist()
    where = torch.rand(clips, generator=generator).tolist()
    crops = []
    for index, part in zip(which, where, strict=True):
        recording = noise[index]
        if len(recording) < samples:
            recording = np.tile(recording, -(-samples // len(recording)))
        start = int(part * (len(recording) - samples + 1))
        crops.append(recording[start : start + samples])
    return to_float(np.stack(crops))


def augment_pcm(
    pcm: Tensor,
    noise: list[np.ndarray],
    pure_noise: Tensor,
    rate: int,
    settings: AugmentSettings,
    generator: torch.Generator,
) -> Tensor:
    """Random speed, shift, gain and added noise.

    pcm: float [clip, sample]. pure_noise: bool [clip], true where a clip is to be noise alone.
    """
    clips, samples = pcm.shape
    out = resample_and_shift(pcm, rate, settings, generator) * decibels(uniform(generator, clips, 1) * settings.gain_db)
    if noise:
        level = torch.rand(clips, 1, generator=generator) * settings.noise_gain
        level = level * (torch.rand(clips, 1, generator=generator) < settings.noise_probability)
        alone = decibels(uniform(generator, clips, 1) * (settings.gain_db + 2))
        level = torch.where(pure_noise[:, None], alone, level) * decibels(
            uniform(generator, clips, 1) * settings.gain_db
        )
        out = out + noise_crops(noise, clips, samples, generator) * level
    return out.clamp(-1, 1)


def decibels(level: Tensor) -> Tensor:
    """Amplitude factor of a level in dB."""
    return 10 ** (level / 20)


def random_equaliser(clips: int, bands: int, strength: float, generator: torch.Generator) -> Tensor:
    """Power factors [clip, band] of random smooth curves: other microphones, other rooms, other voices."""
    x = torch.linspace(-1, 1, bands)
    curves = {
        "tilt": x,
        "cos": torch.cos(math.pi * x),
        "sin": torch.sin(math.pi * x),
        "cos2": torch.cos(2 * math.pi * x),
    }
    basis = torch.stack([weight * curves[name] for weight, name in CURVES])
    return 2 ** (torch.randn(clips, len(CURVES), generator=generator) * strength @ basis)


def mask_spectrogram(logmel: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    """One random run of frames and one of bands set to the floor (0) in each log-mel [clip, frame, band]."""
    for axis, longest in ((1, settings.time_mask), (2, settings.band_mask)):
        size, clips = logmel.shape[axis], len(logmel)
        length = (torch.rand(clips, 1, generator=generator) * (min(longest, size - 1) + 1)).floor()
        start = (torch.rand(clips, 1, generator=generator) * (size - length + 1)).floor()
        place = torch.arange(size)
        mask = (place >= start) & (place < start + length)
        logmel = logmel.masked_fill(mask[:, :, None] if axis == 1 else mask[:, None], 0.0)
    return logmel


def mixup(
    logmel: Tensor, target: Tensor, settings: AugmentSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mixtures of log-mels [clip, frame, band] and of their class distributions [clip, class], the first leading."""
    # torch's Beta sampler takes no generator: numpy's, seeded from it, does
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    share = torch.from_numpy(rng.beta(settings.mixup, settings.mixup, (len(logmel), 1)).astype(np.float32))
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(logmel), generator=generator)
    mixed = share[..., None] * logmel + (1 - share[..., None]) * logmel[other]
    return mixed, share * target + (1 - share) * target[other]


def augmented_clips(
    pcm: np.ndarray,
    noise: list[np.ndarray],
    pure_noise: np.ndarray,
    mel: LogMelSettings,
    settings: AugmentSettings,
    generator: torch.Generator,
    batch: int = 512,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One randomly changed copy of int16 clips, batch by batch: samples float [clip, sample], gains [clip, band]."""
    for i in range(0, len(pcm), batch):
        clips, alone = to_float(pcm[i : i + batch]), torch.from_numpy(pure_noise[i : i + batch])
        equaliser = random_equaliser(len(clips), mel.bands, settings.equaliser, generator)
        yield augment_pcm(clips, noise, alone, mel.sample_rate, settings, generator), equaliser[:, _heard(mel)]


def augmented_log_mel(
    pcm: np.ndarray,
    noise: list[np.ndarray],
    pure_noise: np.ndarray,
    mel: LogMelSettings,
    settings: AugmentSettings,
    generator: torch.Generator,
) -> np.ndarray:
    """int16 log-mel [clip, frame, band] of one randomly changed copy of int16 clips. pure_noise: bool [clip]."""
    return np.concatenate(
        [
            heard(quantise_log_mel(log_mel(changed, mel, equaliser)), to_pcm(changed), mel)
            for changed, equaliser in augmented_clips(pcm, noise, pure_noise, mel, settings, generator)
        ]
    )
