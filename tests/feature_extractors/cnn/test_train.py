"""The whole training, in seconds, on tones."""

import dataclasses

import numpy as np
import pytest

from feature_extractors.cnn.augment import integer_log_mel
from feature_extractors.cnn.settings import LogMelSettings, TrainSettings
from feature_extractors.cnn.spec import Block, TrunkSpec
from feature_extractors.cnn.train import train_trunk

MEL = LogMelSettings(8000, 256, 160, 16)
SPEC = TrunkSpec("time", 24, 16, (Block(12, (5, 1), (2, 1)), Block(12, (5, 1))), (1, 2))
QUICK = TrainSettings(
    copies=2,
    teachers=2,
    teacher_widths=(4, 6, 8),
    teacher_epochs=4,
    epochs=20,
    quant_epochs=6,
    min_steps=60,
    batch=16,
    average=0.9,
)


def tones(count, classes=2, seed=0):
    """Noisy tones of 4000 samples at 8 kHz; the class is the pitch."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    phase = rng.uniform(0, 6, (count, 1)) + np.arange(4000) * (300 * 2.2 ** labels[:, None]) * 2 * np.pi / 8000
    return (6000 * np.sin(phase) + rng.normal(0, 200, (count, 4000))).astype(np.int16), labels


def train(seed=0, settings=QUICK, classes=2, spec=SPEC, **more):
    return train_trunk(spec, *tones(40, classes), *tones(20, classes, 1), mel=MEL, settings=settings, seed=seed, **more)


def all_weights(trained):
    return np.concatenate([item.weights.ravel() for item in trained.quantised.layers if item.weights is not None])


@pytest.fixture(scope="module")
def trained():
    return train()


def test_the_integer_trunk_learns_an_easy_task(trained):
    assert trained.validation[-1] >= 0.95
    pcm, labels = tones(20, seed=2)
    logits = trained.quantised.logits(integer_log_mel(pcm, MEL))
    assert (logits[-1].argmax(1) == labels).mean() >= 0.9


def test_the_same_seed_gives_the_same_integers_and_another_does_not(trained):
    np.testing.assert_array_equal(all_weights(trained), all_weights(train()))
    assert (all_weights(trained) != all_weights(train(seed=1))).any()


def test_curves_name_every_phase(trained):
    assert {p.phase for p in trained.curves} == {"teacher 1", "teacher 2", "float", "quantised"}
    assert all(0 <= a <= 1 for p in trained.curves for a in p.validation)


def test_the_pool_carries_soft_labels(trained):
    pool = trained.pool
    assert pool.logmel.shape[1:] == (40, 24, 16) and pool.teacher.shape == (*pool.logmel.shape[:2], 2)
    np.testing.assert_allclose(np.exp(pool.teacher).sum(-1), 1, atol=1e-3)


def test_it_trains_without_teachers_on_three_classes_with_a_class_of_noise():
    settings = dataclasses.replace(QUICK, teachers=0, epochs=2, quant_epochs=2, min_steps=6)
    noise = [np.random.default_rng(0).normal(0, 900, 9000).astype(np.int16)]
    trained = train(settings=settings, noise=noise, noise_class=2, noise_clips=6)
    assert trained.classes == 3 and trained.pool.teacher is None
    assert trained.pool.labels.tolist().count(2) == 6


def test_the_2d_family_trains_too():
    blocks = (Block(6, (5, 4), (2, 2), "conv"), Block(8, (3, 3), (2, 2)))
    spec = TrunkSpec("dscnn", 24, 16, blocks, (1, 2))
    settings = dataclasses.replace(QUICK, teachers=0, epochs=2, quant_epochs=2, min_steps=6)
    assert len(train(settings=settings, spec=spec).validation) == 2


def test_an_interrupt_propagates_from_any_phase():
    def interrupt_at(wanted):
        def progress(phase, done, total, figures):
            if phase == wanted:
                raise KeyboardInterrupt

        return progress

    for phase in ("pool", "teacher 2", "float"):
        with pytest.raises(KeyboardInterrupt):
            train(progress=interrupt_at(phase))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_pcm": np.zeros((40, 4000), np.float32)}, "int16"),
        ({"train_pcm": np.zeros((40, 4400), np.int16)}, "log-mels"),
        ({"classes": 1}, "labels"),
        ({"train_y": np.full(40, -1)}, "labels"),
        ({"noise_clips": 3}, "noise_class"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_a_reason(change, message):
    pcm, labels = tones(40)
    arguments = {"train_pcm": pcm, "train_y": labels, "val_pcm": pcm, "val_y": labels} | change
    with pytest.raises(ValueError, match=message):
        train_trunk(SPEC, mel=MEL, settings=QUICK, **arguments)


def test_teachers_may_hear_other_log_mels_of_the_same_copies():
    heard = dataclasses.replace(QUICK, teacher_frame=512, teacher_hop=320, teacher_bands=12)
    kept = {}

    def cache(key, compute):
        kept["arrays"] = compute()
        return kept["arrays"]

    trained = train(settings=heard, cache=cache)
    assert kept["arrays"]["logmel"].shape[2:] == (11, 12) and trained.pool.logmel.shape[2:] == (24, 16)
    assert trained.pool.teacher is not None and trained.validation[-1] >= 0.95
    np.testing.assert_array_equal(trained.pool.logmel, train(settings=QUICK).pool.logmel)


def test_a_penalty_on_bands_makes_those_fade_that_say_nothing(trained):
    settings = dataclasses.replace(QUICK, teachers=0, epochs=60)
    free, penalised = train(settings=settings), train(settings=dataclasses.replace(settings, band_l1=3.0))
    assert len(free.bands) == len(penalised.bands) == 16 and max(free.bands) == 1
    assert np.sort(penalised.bands)[:8].mean() < 0.5 * np.sort(free.bands)[:8].mean()
    assert penalised.validation[-1] >= 0.95


def test_kept_bands_are_columns_of_the_pool_of_all_and_teachers_hear_them_all(trained):
    kept, keys = (1, 2, 3, 4, 5, 9, 15), []

    def cache(key, compute):
        keys.append(key)
        return compute()

    mel = dataclasses.replace(MEL, keep_bands=kept)
    spec = dataclasses.replace(SPEC, bands=len(kept))
    some = train_trunk(spec, *tones(40), *tones(20, 2, 1), mel=mel, settings=QUICK, seed=0, cache=cache)
    train(cache=cache)
    np.testing.assert_array_equal(some.pool.logmel, trained.pool.logmel[..., list(kept)])
    np.testing.assert_array_equal(some.pool.teacher, trained.pool.teacher)
    assert keys[0] == keys[1] and some.validation[-1] >= 0.95
