"""Float log-mel and random changes."""

import dataclasses

import numpy as np
import pytest
import torch

from feature_extractors.cnn import augment
from feature_extractors.cnn.settings import AugmentSettings, LogMelSettings

OFF = AugmentSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0)


def clips(count=3, samples=16000, level=3000, seed=0):
    return np.random.default_rng(seed).normal(0, level, (count, samples)).astype(np.int16)


def changed(pcm, settings, seed=0, noise=(), alone=None, mel=None):
    generator = torch.Generator().manual_seed(seed)
    alone = np.zeros(len(pcm), bool) if alone is None else alone
    return augment.augmented_log_mel(pcm, list(noise), alone, mel or LogMelSettings(), settings, generator)


@pytest.mark.parametrize("mel", [LogMelSettings(), LogMelSettings(8000, 256, 160, 24, 0.0, 3800.0, 1e-6)])
def test_log_mel_is_librosas(mel):
    librosa = pytest.importorskip("librosa")
    pcm = clips(1)
    power = librosa.feature.melspectrogram(
        y=pcm[0] / np.float32(32768), sr=mel.sample_rate, n_fft=mel.frame, hop_length=mel.hop, center=False,
        n_mels=mel.bands, fmin=mel.fmin, fmax=mel.fmax or mel.sample_rate / 2,
    )  # fmt: skip
    reference = np.log2(np.maximum(power, mel.floor)).T - np.log2(mel.floor)
    ours = augment.log_mel(augment.to_float(pcm), mel)[0].numpy()
    assert ours.shape == (mel.frames(16000), mel.bands)
    np.testing.assert_allclose(ours, reference, atol=1e-3)


def test_silence_is_the_floor_and_the_floor_is_zero():
    assert not augment.integer_log_mel(np.zeros((2, 16000), np.int16), LogMelSettings()).any()


def test_without_any_strength_nothing_changes():
    pcm = clips()
    np.testing.assert_array_equal(changed(pcm, OFF), augment.integer_log_mel(pcm, LogMelSettings()))


@pytest.mark.parametrize(
    "change",
    [{"speed": 0.1}, {"shift_seconds": 0.1}, {"gain_db": 6.0}, {"equaliser": 0.7}],
    ids=lambda c: next(iter(c)),
)
def test_each_change_changes_and_repeats_with_its_seed(change):
    pcm, settings = clips(), dataclasses.replace(OFF, **change)
    first = changed(pcm, settings)
    assert (first != changed(pcm, OFF)).any()
    np.testing.assert_array_equal(first, changed(pcm, settings))
    assert (first != changed(pcm, settings, seed=1)).any()


def test_noise_is_added_and_short_noise_is_repeated():
    quiet, noise = np.zeros((2, 16000), np.int16), [clips(1, 500)[0]]
    settings = dataclasses.replace(OFF, noise_probability=1.0, noise_gain=1.0)
    assert (changed(quiet, settings, noise=noise) > 0).mean() > 0.9


def test_clips_of_noise_alone_always_hold_noise():
    quiet, noise = np.zeros((4, 16000), np.int16), [clips(1, 40000)[0]]
    logmel = changed(quiet, dataclasses.replace(OFF, noise_gain=1.0), noise=noise, alone=np.arange(4) >= 2)
    assert not logmel[:2].any() and (logmel[2:] > 0).mean() > 0.9


def test_masks_set_runs_to_the_floor_no_longer_than_allowed():
    masked = augment.mask_spectrogram(torch.ones(200, 49, 32), AugmentSettings(), torch.Generator().manual_seed(0))
    frames, bands = (masked.sum(2) == 0).sum(1), (masked.sum(1) == 0).sum(1)
    assert frames.max() == AugmentSettings().time_mask and bands.max() == AugmentSettings().band_mask
    assert frames.min() == 0 and bands.min() == 0


def test_mixup_keeps_distributions_and_lets_the_first_lead():
    target = torch.eye(4).repeat(8, 1)
    generator = torch.Generator().manual_seed(0)
    mixed, soft = augment.mixup(torch.rand(32, 9, 8), target, AugmentSettings(), generator)
    assert mixed.shape == (32, 9, 8)
    torch.testing.assert_close(soft.sum(1), torch.ones(32))
    assert ((soft * target).sum(1) >= 0.5 - 1e-6).all()


def test_kept_bands_are_columns_of_the_whole_log_mel_whatever_changes():
    kept = (0, 3, 4, 17, 31)
    pcm, mel = clips(), LogMelSettings(keep_bands=kept)
    assert mel.heard_bands == 5 and LogMelSettings().heard_bands == 32
    for settings in (OFF, AugmentSettings()):
        some, whole = (changed(pcm, settings, mel=m).astype(int) for m in (mel, LogMelSettings()))
        assert np.abs(some - whole[..., list(kept)]).max() <= 1  # products of fewer columns round otherwise
