"""Settings of a fit: presets (TOML), a config file over them, flags over both. Unknown keys are errors."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from codegen.prices import DEFAULT_CORE
from feature_extractors.cnn.settings import AugmentSettings, TrainSettings
from hybrid.errors import HybridError


@dataclass(frozen=True)
class AudioConfig:
    """What a decision hears."""

    rate: int = 16000
    """Sample rate of the model, Hz."""
    window_s: float = 1.0
    """Length of the window that is decided on, seconds."""
    hop_s: float = 0.5
    """Step between windows of clips longer than a window, seconds."""


@dataclass(frozen=True)
class FrontEndConfig:
    """Log-mel frames."""

    frame: int = 512
    """Samples of a frame, a power of two."""
    hop: int = 320
    """Samples between frames."""
    bands: int = 32
    keep_bands: tuple[int, ...] = ()
    """Numbers, from 0, of the bands that are computed, as `hybrid fit --prune-bands` finds them (empty: all)."""
    fmin: int = 20
    fmax: int = 8000
    floor: float = 1e-4
    """Mel power (samples in +-1) that counts as nothing: lower hears quieter sounds, and more of the noise."""
    placed: int = 0
    """Frames of a window placed around the sound by cheap energies; the others are never transformed (0: all)."""
    place_step: int = 1
    """Frames: a placed window begins at a multiple of it."""
    coefficients: int = 0
    """MFCC coefficients offered to the trees as well (0: none)."""

    @property
    def heard_bands(self) -> int:
        """How many bands are computed."""
        return len(self.keep_bands) or self.bands


@dataclass(frozen=True)
class TrunkConfig:
    """The convolutional trunk. Blocks are listed per depth."""

    family: str = "time"
    """'time': 1-D over time, mel bands as channels; 'dscnn': 2-D depthwise-separable."""
    first: str = "separable"
    """Kind of the first block: 'separable' or 'conv' (a full convolution, needed by 'dscnn')."""
    depthwise_relu: bool = False
    """Clamp depthwise outputs at 0, too."""
    channels: tuple[int, ...] = (72, 72, 72, 72, 72)
    kernels: tuple[int, ...] = (9, 9, 9, 9, 9)
    """Kernel lengths over time."""
    strides: tuple[int, ...] = (2, 2, 1, 1, 1)
    """Strides over time."""
    band_kernels: tuple[int, ...] = (1, 1, 1, 1, 1)
    """Kernel lengths over bands; only for 'dscnn'."""
    band_strides: tuple[int, ...] = (1, 1, 1, 1, 1)
    heads: tuple[int, ...] = (2, 3, 5)
    """Depths with a head; each is a stage of the forest."""
    head_parts: tuple[int, ...] = (1,)
    """Parts of the time axis over which a head sees mean and maximum."""
    extra_parts: tuple[int, ...] = (3,)
    """More parts, pooled for the trees only."""
    group: int = 8
    """Channels of one tile."""


@dataclass(frozen=True)
class GateConfig:
    """A first stage on energies of frames that settles classes before the first FFT, where there is one that it can."""

    on: bool = False
    widths: tuple[int, ...] = (1, 3, 6, 12, 24)
    """Frames over which energies are summed before their crest and range are taken."""
    leaves: int = 16
    """Leaves of the tree that each class gets."""
    lost: float = 0.002
    """Share of the held-out windows of other classes, those that the forest gets right, that a gate may take away."""
    least: float = 0.1
    """Share of the held-out windows of a class that its tree must settle, else it gets none."""
    copies: int = 3
    """Augmented copies of the training clips that the gate is fitted on; no more than `forest.copies`."""
    noise_windows: int = 600
    """Windows cut from the background noise beside them, which count as `_silence_`; none without that class."""
    noise_db: tuple[float, float] = (-20.0, 12.0)
    """Their gains are drawn from this range, dB."""


@dataclass(frozen=True)
class ForestConfig:
    """The staged forest and its exits."""

    features: tuple[str, ...] = ("logits",)
    base: bool = True
    """Start each stage from its depth's logits, so that the trees correct a linear head instead of replacing it."""
    stages: tuple[int, ...] = ()
    """Numbers, from 1, of the heads that have a stage, a scout's first; empty: all. A 0 before them adds a stage of
    features that need no trunk, which `features` has to offer."""
    trees: str = "class"
    """"class": a tree for each class in every round; "vector": one tree a round, whose leaves score all classes."""
    cost_weight: float = 0.0
    """What a million instructions are worth, in nats of loss a window: splits pay for what they make a decision
    compute; 0: they do not."""
    rounds: tuple[int, ...] = (6,)
    """Boosting rounds of each stage (the last number holds for further stages)."""
    leaves: int = 8
    learning_rate: float = 0.1
    min_leaf: int = 20
    lambda_l2: float = 1.0
    feature_fraction: float = 0.6
    copies: int = 8
    """Augmented copies of the training clips that the trees are fitted on."""
    soft_share: float = 0.8
    """Share of the teachers' predictions in the trees' targets."""
    log_mel_regions: tuple[int, int] = (4, 4)
    """Time x band regions of the log-mel offered as features."""
    unit: float = 1 / 1024
    """Score unit in logits."""
    exit_loss: float = 0.005
    """Accuracy that early exits may cost on validation, as a share (0.005 = 0.5 percentage points; 0: no window is
    harmed)."""
    exit_copies: int = 0
    """Augmented copies of the validation clips that exits are chosen on, beside the clips themselves."""
    exit_harm: str = "truth"
    """What an exit costs: "truth", windows that the whole forest gets right and the exit wrong; "label", all windows
    on which they disagree."""
    exit_margins: str = "best"
    """Exit margins: "one" for all stages, one a stage that is "shared" by all classes, "by class", or the "best" of
    these by cross-fitting. Where clips are cut into several windows, it is always one."""
    sure_exits: bool = True
    """Leave out a stage's trees where they cannot change what is decided. Not where clips of several windows are
    decided by the sum of their scores, which these trees would change."""
    merge_share: float = 0.0
    """Join thresholds of a feature as long as that sends no more than this share of the training rows elsewhere;
    0 joins none."""
    leaf_step: int = 1
    """Round leaf scores to multiples of so many score units, a power of two."""
    threads: int = 2


@dataclass(frozen=True)
class CostConfig:
    """What a decision's cost is counted in."""

    core: str = DEFAULT_CORE
    """Core whose price table training, plan and report speak in: instructions of a cortex-m0plus, m3, m4, m7 or m33."""


@dataclass(frozen=True)
class DataConfig:
    """How recordings become classes and splits; None leaves the choice to the layout."""

    classes: str | None = None
    layout: str | None = None
    subset: str | None = None
    test_fold: str | None = None
    validation_fold: str | None = None
    """'none' draws validation clips from all folds but the test fold."""
    validation_share: float = 0.1
    """Share of each class's clips, where the data names no validation split."""
    leave_out: str | None = None
    test_takes: str | None = None
    silence_clips: int = 50
    silence_fraction: float = 0.1


@dataclass(frozen=True)
class Config:
    """All settings of `hybrid fit`."""

    audio: AudioConfig = field(default_factory=AudioConfig)
    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    scout: TrunkConfig = field(default_factory=lambda: TrunkConfig(channels=()))
    """A smaller trunk in front, whose heads are the first stages; none while it has no channels. With a first block
    'conv' of kernel 1 and stride 2 it hears every second frame: decisions that leave there never compute the others."""
    training: TrainSettings = field(default_factory=TrainSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    forest: ForestConfig = field(default_factory=ForestConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    cost: CostConfig = field(default_factory=CostConfig)
    data: DataConfig = field(default_factory=DataConfig)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


def count_heads(config: Config) -> int:
    """Heads of scout and trunk."""
    return len(config.trunk.heads) + (len(config.scout.heads) if config.scout.channels else 0)


def _plain(section: Any) -> dict[str, Any]:
    values = dataclasses.asdict(section)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def preset_names() -> list[str]:
    """Names of the presets that ship with the package."""
    folder = files("hybrid") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def preset_text(name: str) -> str:
    """The TOML of a preset."""
    return (files("hybrid") / "presets" / f"{name}.toml").read_text("utf-8")


def load_config(
    preset: str | None = None, path: Path | None = None, overrides: dict[str, dict[str, Any]] | None = None
) -> Config:
    """Preset, then config file, then overrides. Raises HybridError naming a wrong key or value and where it stands."""
    config = Config()
    if preset is not None:
        if preset not in preset_names():
            raise HybridError(f"preset {preset!r} is unknown: choose one of {', '.join(preset_names())}")
        config = apply(config, tomllib.loads(preset_text(preset)), f"preset {preset}")
    if path is not None:
        config = apply(config, _read_toml(path), str(path))
    return apply(config, overrides or {}, "command line")


def parse_override(text: str) -> dict[str, dict[str, Any]]:
    """`section.key=value` with a TOML value (a bare word is a string). Raises HybridError."""
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and section and dot and key):
        raise HybridError(f"--set {text!r} is not of the form section.key=value, such as forest.leaves=8")
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    return {section: {key: parsed}}


def apply(config: Config, values: dict[str, Any], where: str) -> Config:
    """`config` with the given sections' keys replaced. Raises HybridError for what it does not know."""
    sections = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    changed = {}
    for name, entries in values.items():
        if name not in sections or not isinstance(entries, dict):
            raise HybridError(f"{where}: section {name!r} is unknown: choose from {', '.join(sections)}")
        changed[name] = _apply_section(sections[name], entries, f"{where}: {name}")
    return dataclasses.replace(config, **changed)


def _apply_section(section: Any, entries: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(type(section))
    unknown = sorted(set(entries) - set(hints))
    if unknown:
        raise HybridError(f"{where}.{unknown[0]} is unknown: choose from {', '.join(hints)}")
    return dataclasses.replace(section, **{k: _convert(v, hints[k], f"{where}.{k}") for k, v in entries.items()})


def _convert(value: Any, hint: Any, where: str) -> Any:
    if isinstance(hint, types.UnionType):
        inner = next(a for a in typing.get_args(hint) if a is not type(None))
        return None if value is None else _convert(value, inner, where)
    if typing.get_origin(hint) is tuple:
        return _convert_tuple(value, typing.get_args(hint), where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise HybridError(f"{where} must be {hint.__name__}, not {value!r}")
    return value


def _convert_tuple(value: Any, inner: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    items = list(value) if isinstance(value, list | tuple) else [value]
    if inner[-1] is not Ellipsis and len(items) != len(inner):
        raise HybridError(f"{where} must be {len(inner)} values, not {value!r}")
    return tuple(_convert(v, inner[0], where) for v in items)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise HybridError(f"config file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HybridError(f"config file {path} is not TOML: {error}") from None
