"""From settings to a trained trunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feature_extractors.cnn.run import Progress
from feature_extractors.cnn.settings import LogMelSettings
from feature_extractors.cnn.spec import Block, TrunkSpec
from feature_extractors.cnn.train import TrainedTrunk, train_trunk
from hybrid.config import Config, TrunkConfig
from hybrid.data import cached
from hybrid.errors import HybridError
from hybrid.front_end import window_samples

SCOUT = "scout_"
"""The names of a scout's maps begin with it."""


def trunk_spec(config: Config) -> TrunkSpec:
    """The trunk that the settings describe, with its scout. Raises HybridError where they contradict each other."""
    scout = _spec(config, config.scout, "scout", prefix=SCOUT) if config.scout.channels else None
    return _spec(config, config.trunk, "trunk", scout=scout)


def _spec(config: Config, trunk: TrunkConfig, section: str, **more: Any) -> TrunkSpec:
    front, depth = config.front_end, len(trunk.channels)
    for key in ("kernels", "strides", "band_kernels", "band_strides"):
        if len(getattr(trunk, key)) != depth:
            raise HybridError(f"{section}.{key} has {len(getattr(trunk, key))} numbers, {section}.channels {depth}")
    kernels = zip(trunk.kernels, trunk.band_kernels, strict=True)
    strides = zip(trunk.strides, trunk.band_strides, strict=True)
    kinds = [trunk.first] + ["separable"] * (depth - 1)
    try:
        blocks = tuple(
            Block(channels, kernel, stride, kind, trunk.depthwise_relu)
            for channels, kernel, stride, kind in zip(trunk.channels, kernels, strides, kinds, strict=True)
        )
        frames = mel_settings(config).frames(window_samples(config))
        return TrunkSpec(
            trunk.family, frames, front.heard_bands, blocks, trunk.heads, trunk.head_parts, trunk.extra_parts,
            group=trunk.group, **more,
        )
    except ValueError as error:
        raise HybridError(f"{section}: {error}") from None


def train(
    config: Config,
    train_pcm: np.ndarray,
    train_y: np.ndarray,
    val_pcm: np.ndarray,
    val_y: np.ndarray,
    noise: Sequence[np.ndarray],
    classes: int,
    seed: int,
    progress: Progress | None = None,
) -> TrainedTrunk:
    """Train on windows, int16 (n, samples). See feature_extractors.cnn.train.train_trunk.

    Raises HybridError where training diverged, so that no integer trunk can be made.
    """
    try:
        return train_trunk(
            trunk_spec(config), train_pcm, train_y, val_pcm, val_y, noise, mel_settings(config), config.training,
            config.augment, seed, progress, classes, cache=cached,
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise HybridError(f"training gave no usable trunk ({error}): lower training.rate or quant_rate") from error


def mel_settings(config: Config) -> LogMelSettings:
    front = config.front_end
    return LogMelSettings(
        config.audio.rate,
        front.frame,
        front.hop,
        front.bands,
        front.fmin,
        front.fmax,
        front.floor,
        front.placed,
        front.place_step,
        front.keep_bands,
    )
