"""Settings of log-mel, augmentation and training, as `hybrid fit` offers them. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class LogMelSettings:
    """Log-mel as librosa computes it with center=False, a periodic Hann window and slaney-normalised mel filters.

    value = log2(max(power, floor)) - log2(floor), samples scaled to [-1, 1).
    """

    sample_rate: int = 16000
    frame: int = 512
    hop: int = 320
    bands: int = 32
    fmin: float = 20.0
    fmax: float | None = None
    floor: float = 1e-4
    placed: int = 0
    """Frames of a window placed around the sound (feature_extractors.ops.place); 0: all frames."""
    place_step: int = 1
    """Frames: the window is placed at multiples of it."""
    keep_bands: tuple[int, ...] = ()
    """Numbers of the bands that are heard, rising; empty: all."""

    @property
    def heard_bands(self) -> int:
        """Number of bands that are heard."""
        return len(self.keep_bands) or self.bands

    def frames(self, samples: int) -> int:
        """Number of frames that are heard of a window of `samples`."""
        return self.placed or self.times(samples)

    def times(self, samples: int) -> int:
        """Number of whole frames in a window of `samples`."""
        return 1 + (samples - self.frame) // self.hop


@dataclass(frozen=True)
class AugmentSettings:
    """Strength of each random change. Zero switches one off."""

    speed: float = 0.12
    """Largest |log| of the playback speed, which changes tempo and pitch together."""
    shift_seconds: float = 0.1
    gain_db: float = 6.0
    noise_probability: float = 0.7
    noise_gain: float = 2.0
    """Largest factor on a noise recording's own level."""
    equaliser: float = 0.7
    """Standard deviation, in log2 units of power, of random smooth curves over bands."""
    time_mask: int = 6
    """Longest run of frames set to the floor (SpecAugment, Park et al. 2019, arXiv 1904.08779)."""
    band_mask: int = 5
    mixup: float = 0.4
    """Parameter of the Beta distribution of mixup (Zhang et al. 2017, arXiv 1710.09412), where a training run mixes."""


@dataclass(frozen=True)
class TrainSettings:
    """How long and how hard to train. The defaults are the ones of the `kws12` preset."""

    copies: int = 24
    pool_bytes: int = 600_000_000
    """No more copies than fit; small sets get more copies instead, up to four times `copies`."""
    teachers: int = 2
    """0 trains on the labels alone."""
    teacher_widths: tuple[int, ...] = (32, 64, 96, 128)
    teacher_epochs: int = 40
    teacher_rate: float = 3e-3
    teacher_frame: int = 0
    """Teachers hear log-mels of their own: samples of a frame (0: what the trunk hears)."""
    teacher_hop: int = 320
    teacher_bands: int = 32
    teacher_floor: float = 1e-4
    epochs: int = 100
    rate: float = 4e-3
    quant_epochs: int = 40
    quant_rate: float = 1e-3
    min_steps: int = 1500
    """A phase takes at least this many steps, however small the set (a third of it for the quantised phase)."""
    batch: int = 128
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    temperature: float = 2.0
    soft_share: float = 0.8
    """Share of the soft labels in the loss."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    band_l1: float = 0.0
    """Weight of an L1 penalty on a gain that is learned for each mel band and then becomes part of the first
    convolution: bands that are not worth it fade. 0: no gains. Only for trunks of the family 'time'."""
    threads: int = 2
    """Workers for pool and teachers; torch itself keeps to one thread, so the result does not depend on this."""

    def teacher_log_mel(self, own: LogMelSettings) -> LogMelSettings:
        """What the teachers hear of windows whose trunk hears `own`: never less than all bands."""
        if not self.teacher_frame:
            return replace(own, keep_bands=())
        return replace(
            own,
            frame=self.teacher_frame,
            hop=self.teacher_hop,
            bands=self.teacher_bands,
            floor=self.teacher_floor,
            placed=0,
            place_step=1,
            keep_bands=(),
        )
