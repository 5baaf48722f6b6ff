"""The pool of randomly changed copies of the training clips that all networks of a training learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from feature_extractors.cnn.augment import augmented_clips, augmented_log_mel, to_pcm
from feature_extractors.cnn.run import Run, generator_of
from feature_extractors.cnn.settings import AugmentSettings, LogMelSettings, TrainSettings

Cache = Callable[[Sequence[object], Callable[[], dict[str, np.ndarray]]], dict[str, np.ndarray]]
"""Called as cache(key, compute): the arrays kept under a key, or those that compute gives."""

COPIES = 1
"""The number of this work among those that draw random numbers."""
POOL_VERSION = 1
"""Raise it when the same settings give another pool."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Augmented training clips. Forests are best fitted on these, too: a trunk is overconfident on unchanged ones."""

    logmel: np.ndarray
    """int16 [copy, clip, frame, band]."""
    labels: np.ndarray
    """int64 [clip]."""
    teacher: np.ndarray | None = None
    """Log of the teachers' mean class probabilities, float32 [copy, clip, class]; None without teachers."""


def pool_key(
    settings: TrainSettings,
    augment: AugmentSettings,
    mel: LogMelSettings,
    seed: int,
    arrays: list[np.ndarray],
    rest: tuple[object, ...],
) -> list[object]:
    """All that pool and soft labels depend on, as JSON can write it."""
    own = ("epochs", "rate", "quant_epochs", "quant_rate", "temperature", "soft_share", "threads", "band_l1")
    own += ("teacher_frame", "teacher_hop", "teacher_bands", "teacher_floor")  # these are in `mel`
    shared = {k: v for k, v in asdict(settings).items() if k not in own} | {"augment": asdict(augment)}
    used = {"placed": mel.placed, "place_step": mel.placed, "keep_bands": mel.keep_bands}
    heard = {k: v for k, v in asdict(mel).items() if used.get(k, True)}
    if mel.placed:
        heard["place"] = "over the most sound"
    digests = [hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for a in arrays]
    return ["pool", POOL_VERSION, torch.__version__, seed, shared, heard, digests, list(rest)]


def _copies(settings: TrainSettings, clips: int, spec_bytes: int) -> int:
    """Number of copies: more for small sets, fewer where memory ends."""
    wanted = settings.copies * min(4, max(1, 2000 // clips))
    return max(2, min(wanted, settings.pool_bytes // (clips * spec_bytes)))


def make_pool(
    run: Run,
    pcm: np.ndarray,
    labels: np.ndarray,
    noise: list[np.ndarray],
    mel: LogMelSettings,
    noise_class: int | None,
    noise_clips: int,
    copies: int | None = None,
) -> Pool:
    """Augmented copies of the training clips, one generator each: other log-mels of the same copies sound the same."""
    pcm = np.concatenate([pcm, np.zeros((noise_clips, pcm.shape[1]), np.int16)])
    extra = np.full(noise_clips, -1 if noise_class is None else noise_class, np.int64)
    labels = np.concatenate([labels.astype(np.int64), extra])
    alone = np.arange(len(pcm)) >= len(pcm) - noise_clips
    copies = copies or _copies(run.settings, len(pcm), mel.frames(pcm.shape[1]) * mel.heard_bands * 2)

    def one(number: int) -> np.ndarray:
        generator = run.generator(COPIES, number)
        run.report("pool", number, copies)
        return augmented_log_mel(pcm, noise, alone, mel, run.augment, generator)

    return Pool(np.stack(run.in_parallel(one, copies)), labels)


def spoken_copies(
    pcm: np.ndarray, noise: list[np.ndarray], mel: LogMelSettings, augment: AugmentSettings, seed: int, copies: int
) -> Iterator[np.ndarray]:
    """The samples, int16 [clip, sample], that the first `copies` entries of a pool are the log-mels of.

    The equaliser of a copy changes its log-mel only: microphones differ in timbre, hardly in energy.
    """
    alone = np.zeros(len(pcm), dtype=bool)
    for number in range(copies):
        parts = augmented_clips(pcm, noise, alone, mel, augment, generator_of(seed, COPIES, number))
        yield np.concatenate([to_pcm(changed) for changed, _ in parts])
