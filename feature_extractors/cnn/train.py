"""Training of a trunk: augmented pool, teachers, distillation in float, then with the integer arithmetic simulated.

1. A pool of randomly changed copies of the training clips is made once (int16 log-mels).
2. Wide teachers learn from it; the mean of their predictions on every pool entry becomes its soft label.
3. The trunk learns hard and soft labels (Hinton et al. 2015, arXiv 1503.02531) at every depth's head at once, first in
   float with batch norm, then folded and with fake quantisation.

The result is the same for the same seed, settings and torch build, however many workers there are: torch keeps to one
thread (a trunk is too small to gain from more) and randomness comes from generators. Nothing catches KeyboardInterrupt:
worker threads are told to stop, and it propagates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from feature_extractors.cnn.augment import integer_log_mel
from feature_extractors.cnn.modules import FloatTrunk, QuantTrunk, Teacher
from feature_extractors.cnn.optimise import Phase, fit
from feature_extractors.cnn.pool import Cache, Pool, make_pool, pool_key
from feature_extractors.cnn.quantise import QuantisedTrunk
from feature_extractors.cnn.run import CurvePoint, Progress, Run, from_steps, predict
from feature_extractors.cnn.settings import AugmentSettings, LogMelSettings, TrainSettings
from feature_extractors.cnn.spec import TrunkSpec


@dataclass(frozen=True, eq=False)
class TrainedTrunk:
    """An integer trunk and what is known of how it came about."""

    spec: TrunkSpec
    classes: int
    quantised: QuantisedTrunk
    pool: Pool
    curves: tuple[CurvePoint, ...]
    validation: tuple[float, ...]
    """Accuracy 0..1 of every head's integer logits on the validation clips."""
    bands: tuple[float, ...] = ()
    """How strongly the first block hears each band after the float phase, the strongest 1; empty for 'dscnn'."""


def train_trunk(
    spec: TrunkSpec,
    train_pcm: np.ndarray,
    train_y: np.ndarray,
    val_pcm: np.ndarray,
    val_y: np.ndarray,
    noise: Sequence[np.ndarray] = (),
    mel: LogMelSettings | None = None,
    settings: TrainSettings | None = None,
    augment: AugmentSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    classes: int | None = None,
    noise_class: int | None = None,
    noise_clips: int = 0,
    cache: Cache | None = None,
) -> TrainedTrunk:
    """Train a trunk for windows of equal length.

    train_pcm, val_pcm: int16 [clip, sample]; train_y, val_y: class numbers from 0. noise: int16 recordings of the
    training split, mixed into clips at random. If `noise_class` is given, `noise_clips` more training clips of that
    class are cut at random from `noise` in every copy of the pool (the `_silence_` of speech commands). cache: keeps
    the pool with its soft labels, most of the work, for trainings of other trunks on the same clips.
    """
    mel, settings, augment = mel or LogMelSettings(), settings or TrainSettings(), augment or AugmentSettings()
    classes = _check(spec, train_pcm, train_y, val_pcm, val_y, noise, mel, classes, noise_class, noise_clips)
    heard = settings.teacher_log_mel(mel)
    run, teaching = (
        Run(settings, augment, seed, progress, integer_log_mel(val_pcm, own), val_y) for own in (mel, heard)
    )
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)

        def labelled() -> dict[str, np.ndarray]:
            pool = make_pool(teaching, train_pcm, train_y, list(noise), heard, noise_class, noise_clips)
            return _arrays(_add_teachers(teaching, pool, classes) if settings.teachers else pool)

        about = (classes, noise_class, noise_clips)
        key = pool_key(settings, augment, heard, seed, [train_pcm, train_y, *noise], about)
        pool = Pool(**(cache(key, labelled) if cache else labelled()))
        if heard != replace(mel, keep_bands=()):
            copies = len(pool.logmel)
            own_pool = make_pool(run, train_pcm, train_y, list(noise), mel, noise_class, noise_clips, copies)
            pool = replace(pool, logmel=own_pool.logmel)
        elif mel.keep_bands:  # one pool of all bands serves whatever is kept of them
            pool = replace(pool, logmel=np.ascontiguousarray(pool.logmel[..., list(mel.keep_bands)]))
        quantised, strengths = _train_student(run, pool, spec, classes)
    finally:
        torch.set_num_threads(threads)
    curves = (*teaching.curves, *run.curves)
    return TrainedTrunk(spec, classes, quantised, pool, curves, run.integer_accuracy(quantised), strengths)


def _arrays(pool: Pool) -> dict[str, np.ndarray]:
    """The fields of a pool that are there."""
    return {name: array for name, array in vars(pool).items() if array is not None}


def _check(
    spec: TrunkSpec,
    train_pcm: np.ndarray,
    train_y: np.ndarray,
    val_pcm: np.ndarray,
    val_y: np.ndarray,
    noise: Sequence[np.ndarray],
    mel: LogMelSettings,
    classes: int | None,
    noise_class: int | None,
    noise_clips: int,
) -> int:
    """Raise ValueError for arguments that do not fit together; returns the number of classes."""
    for name, pcm, labels in (("train", train_pcm, train_y), ("val", val_pcm, val_y)):
        if pcm.dtype != np.int16 or pcm.ndim != 2 or len(pcm) != len(labels) or not len(pcm):
            raise ValueError(
                f"{name}_pcm must be int16 [clip, sample] with one label each, got {pcm.dtype} {pcm.shape}"
            )
    frames = mel.frames(train_pcm.shape[1])
    if (frames, mel.heard_bands) != (spec.frames, spec.bands):
        given = f"{frames} x {mel.heard_bands}"
        raise ValueError(f"clips give {given} log-mels, the trunk takes {spec.frames} x {spec.bands}")
    highest = max(int(train_y.max()), int(val_y.max()), -1 if noise_class is None else noise_class)
    classes = highest + 1 if classes is None else classes
    if classes < 2 or highest >= classes or min(train_y.min(), val_y.min()) < 0:
        raise ValueError(f"labels must lie in 0..{classes - 1} with at least two classes, the highest is {highest}")
    if noise_clips and (noise_class is None or not len(noise)):
        raise ValueError("noise_clips needs noise_class and noise recordings")
    return classes


def _add_teachers(run: Run, pool: Pool, classes: int) -> Pool:
    """Train the teachers side by side and label the pool with their mean probabilities."""
    settings = run.settings
    widths, (frames, bands) = settings.teacher_widths, pool.logmel.shape[2:]
    fresh = [run.build(lambda: Teacher(frames, bands, classes, widths), 2, i) for i in range(settings.teachers)]

    def teach(number: int) -> nn.Module:
        # every second teacher learns mixtures: teachers that err differently are the better ensemble
        return fit(run, pool, fresh[number], _teacher_phase(settings, number, number % 2 == 1))

    teachers = run.in_parallel(teach, settings.teachers)

    def label(number: int) -> np.ndarray:
        run.report("soft labels", number, len(pool.logmel))
        chances = [functional.softmax(predict(t, pool.logmel[number])[0], 1) for t in teachers]
        return torch.log(torch.stack(chances).mean(0).clamp_min(1e-8)).numpy()

    return replace(pool, teacher=np.stack(run.in_parallel(label, len(pool.logmel))))


def _train_student(
    run: Run, pool: Pool, spec: TrunkSpec, classes: int
) -> tuple[QuantisedTrunk, tuple[float, ...]]:
    """The float phase, then the quantised phase; and how strongly each band is heard after the float phase."""
    settings = run.settings
    fresh = run.build(lambda: FloatTrunk(spec, classes, settings.band_l1 > 0), 3)
    trunk = fit(run, pool, fresh, _float_phase(settings))
    some = pool.logmel[0][:: max(1, len(pool.logmel[0]) // 1000)]
    strengths = tuple(trunk.band_strengths(from_steps(some)).tolist()) if spec.family == "time" else ()
    simulated = QuantTrunk(trunk)
    simulated.calibrate(from_steps(some))
    return fit(run, pool, simulated, _quant_phase(settings)).export(), strengths


def _teacher_phase(settings: TrainSettings, number: int, mixed: bool) -> Phase:
    epochs, rate = settings.teacher_epochs, settings.teacher_rate
    return Phase(f"teacher {number + 1}", 10 + number, epochs, rate, settings.min_steps // 2, False, True, mixed)


def _float_phase(settings: TrainSettings) -> Phase:
    return Phase("float", 4, settings.epochs, settings.rate, settings.min_steps, mask=not settings.teachers)


def _quant_phase(settings: TrainSettings) -> Phase:
    least = settings.min_steps // 3
    return Phase("quantised", 5, settings.quant_epochs, settings.quant_rate, least, mask=not settings.teachers)
