"""The integer FFT against numpy's, at every frame length and amplitude, and its headroom on the worst inputs."""

from __future__ import annotations

import numpy as np
import pytest

from feature_extractors import fixed_fft

FRAMES = (128, 256, 512, 1024)


def float_power(frames: np.ndarray) -> np.ndarray:
    size = frames.shape[1]
    window = fixed_fft.ONE * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))
    return np.abs(np.fft.rfft(frames * window)) ** 2


def snr(signal: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10((signal**2).sum() / ((signal - found) ** 2).sum()))


def magnitude_snr(frames: np.ndarray) -> float:
    power, exponent = fixed_fft.power_spectrum(frames.astype(np.int32))
    return snr(np.sqrt(float_power(frames)), np.sqrt(power.astype(np.float64)) * 2.0 ** exponent[:, None])


@pytest.mark.parametrize("size", FRAMES)
@pytest.mark.parametrize("amplitude", [1, 2, 3, 10, 100, 1000, 10000, 32767])
def test_noise_of_any_amplitude_keeps_62_db(size, amplitude):
    frames = np.random.default_rng(amplitude).integers(-amplitude, amplitude, (50, size), endpoint=True)
    assert magnitude_snr(frames) > 62


@pytest.mark.parametrize("size", FRAMES)
@pytest.mark.parametrize("amplitude", [1, 20, 400, 8000, 32767])
def test_tones_of_any_amplitude_keep_55_db(size, amplitude):
    steps = np.random.default_rng(size).uniform(0.01, 3.1, (50, 1))
    frames = np.rint(amplitude * np.sin(steps * np.arange(size) + 1)).astype(np.int32)
    assert magnitude_snr(frames) > 55


@pytest.mark.parametrize("size", FRAMES)
def test_rounding_noise_in_far_bins_lies_74_db_below_a_full_scale_tone(size):
    tone = np.rint(32767 * np.sin(2 * np.pi * (size // 8 + 0.25) * np.arange(size) / size)).astype(np.int32)
    power, _ = fixed_fft.power_spectrum(tone[None])
    assert power[0, 3 * size // 8 :].max() < power.max() * 10**-7.4


def worst_inputs(size: int) -> np.ndarray:
    """Full-scale square waves of every pitch and four phases, DC, the extremes, impulses."""
    n = np.arange(size)
    phases = np.arange(4)[:, None, None] * np.pi / 4 + 0.1
    squares = np.where(np.cos(2 * np.pi * np.arange(size // 2 + 1)[:, None] * n / size + phases) >= 0, 32767, -32768)
    flat = np.stack([np.full(size, -32768), np.full(size, 32767), np.zeros(size), np.full(size, -1)])
    impulses = -32768 * np.eye(size, dtype=np.int64)[:: size // 16]
    return np.concatenate([squares.reshape(-1, size), flat, impulses]).astype(np.int32)


@pytest.mark.parametrize("size", FRAMES)
def test_no_input_leaves_16_bits_between_passes(size, monkeypatch):
    peaks = []
    inner = fixed_fft._needs_coarse

    def watched(re, im):
        peaks.append(max(np.abs(re).max(), np.abs(im).max()))
        return inner(re, im)

    monkeypatch.setattr(fixed_fft, "_needs_coarse", watched)
    split = fixed_fft._split
    monkeypatch.setattr(fixed_fft, "_split", lambda re, im, t: (watched(re, im), split(re, im, t))[1])
    power, _ = fixed_fft.power_spectrum(worst_inputs(size))
    assert max(peaks) < 23200, "modulus 2**14.5 and a little rounding"
    assert power.min() >= 0 and power.max() < 2**30


@pytest.mark.parametrize("size", FRAMES)
def test_tables_do_not_depend_on_the_last_bit_of_a_cosine(size):
    """So every machine's libm gives the same tables: no entry lies within 1e-10 of a rounding boundary."""
    cosines = np.cos(2 * np.pi * np.arange(size) / size)
    for values in (fixed_fft.ONE * cosines, fixed_fft.ONE * (0.5 - 0.5 * cosines[: size // 2]) + 1e-9):
        assert np.abs(values - np.floor(values) - 0.5).min() > 1e-10


def test_silence_has_no_power():
    power, exponent = fixed_fft.power_spectrum(np.zeros((1, 512), np.int32))
    assert not power.any() and exponent[0] < 12


@pytest.mark.parametrize("size", FRAMES)
def test_the_second_half_of_the_last_twiddles_mirrors_the_first(size):
    """So that the C tables hold one half: angles 2j, j, 3j of quarter - j lie a half, a quarter, three quarters off."""
    last, split = fixed_fft.twiddles(size)[-1], fixed_fft.split_twiddles(size)
    j = np.arange(1, len(last))
    (c2, s2), (c1, s1), (c3, s3) = last[j].transpose(1, 2, 0)
    wanted = np.stack([np.stack([-c2, s2], -1), np.stack([s1, c1], -1), np.stack([-s3, -c3], -1)], axis=1)
    np.testing.assert_array_equal(last[len(last) - j], wanted)
    np.testing.assert_array_equal(split[::-1], split[:, ::-1])
