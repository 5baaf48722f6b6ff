"""What numbers settings may have: checked before anything is read or trained, so that no fit fails late over one."""

from __future__ import annotations

import math
from typing import Any

from codegen.plan import C_NAME
from codegen.prices import PriceError, find_table
from feature_extractors.cnn.quantise import LOGIT_SCALE
from hybrid.candidates import TRUNKLESS, check_kinds
from hybrid.config import Config, count_heads
from hybrid.errors import HybridError
from hybrid.exits import WAYS
from hybrid.front_end import front_end
from hybrid.trunk import trunk_spec

SHARE = (0.0, 1.0)
MANY = 1_000_000
LIMITS: dict[str, tuple[float, float]] = {
    "audio.rate": (1000, 192_000),
    "audio.window_s": (0.001, 60.0),
    "audio.hop_s": (0.001, 60.0),
    "data.validation_share": (0.01, 0.5),
    "front_end.floor": (1e-12, 1.0),
    "front_end.keep_bands": (0, 127),
    "front_end.placed": (0, 512),
    "front_end.place_step": (1, 512),
    "trunk.channels": (1, 1024),
    "trunk.kernels": (1, 64),
    "trunk.strides": (1, 64),
    "trunk.band_kernels": (1, 64),
    "trunk.band_strides": (1, 64),
    "trunk.group": (1, 1024),
    "scout.channels": (1, 1024),
    "scout.kernels": (1, 64),
    "scout.strides": (1, 64),
    "scout.band_kernels": (1, 64),
    "scout.band_strides": (1, 64),
    "scout.group": (1, 1024),
    "training.copies": (1, 10_000),
    "training.pool_bytes": (1_000_000, 10**12),
    "training.teacher_widths": (1, 4096),
    "training.teacher_rate": (1e-9, 1.0),
    "training.teacher_frame": (0, 1024),
    "training.teacher_hop": (1, MANY),
    "training.teacher_bands": (1, 128),
    "training.teacher_floor": (1e-12, 1.0),
    "training.average": (0.0, 0.999999),
    "training.band_l1": (0.0, 100.0),
    "training.teachers": (0, 16),
    "training.teacher_epochs": (0, MANY),
    "training.epochs": (0, MANY),
    "training.rate": (1e-9, 1.0),
    "training.quant_epochs": (0, MANY),
    "training.quant_rate": (1e-9, 1.0),
    "training.min_steps": (1, 10 * MANY),
    "training.batch": (2, MANY),
    "training.weight_decay": (0.0, 10.0),
    "training.label_smoothing": SHARE,
    "training.temperature": (0.01, 100.0),
    "training.soft_share": SHARE,
    "training.threads": (1, 256),
    "augment.speed": SHARE,
    "augment.shift_seconds": (0.0, 60.0),
    "augment.gain_db": (0.0, 60.0),
    "augment.noise_probability": SHARE,
    "augment.noise_gain": (0.0, 100.0),
    "augment.equaliser": (0.0, 10.0),
    "augment.time_mask": (0, MANY),
    "augment.band_mask": (0, MANY),
    "augment.mixup": (0.0, 100.0),
    "forest.cost_weight": (0.0, 1e6),
    "forest.rounds": (0, 10_000),
    "forest.leaves": (2, 1024),
    "forest.learning_rate": (1e-6, 10.0),
    "forest.min_leaf": (0, MANY),
    "forest.lambda_l2": (0.0, 1e6),
    "forest.feature_fraction": (1e-3, 1.0),
    "forest.copies": (1, 10_000),
    "forest.soft_share": SHARE,
    "forest.unit": (2.0**-20, LOGIT_SCALE),
    "forest.exit_loss": SHARE,
    "forest.exit_copies": (0, 1000),
    "forest.merge_share": SHARE,
    "forest.leaf_step": (1, 1 << 15),
    "forest.threads": (1, 256),
    "gate.widths": (1, 512),
    "gate.leaves": (2, 64),
    "gate.lost": SHARE,
    "gate.least": SHARE,
    "gate.copies": (1, 10_000),
    "gate.noise_windows": (0, MANY),
    "gate.noise_db": (-60.0, 40.0),
    "data.silence_clips": (0, MANY),
    "data.silence_fraction": SHARE,
}
CHOICES = {
    "forest.exit_harm": ("truth", "label"),
    "forest.exit_margins": ("best", *WAYS),
    "forest.trees": ("class", "vector"),
}
NOT_EMPTY = ("gate.widths", "trunk.channels", "training.teacher_widths", "forest.rounds", "forest.features")
# A model of such a name would write a header that hides one of the C library.
_HEADER_TEXT = """
assert complex ctype errno fenv float inttypes iso646 limits locale math memory setjmp signal stdalign stdarg stdatomic
stdbool stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar wchar wctype
"""
C_HEADERS = frozenset(_HEADER_TEXT.split())


def check_name(name: str) -> None:
    """Raise HybridError for a name that cannot be the prefix of the generated C."""
    if not C_NAME.match(name) or name.startswith("hyb") or name in C_HEADERS:
        raise HybridError(
            f"--name {name!r} cannot be the prefix of the C code: choose a lower-case C identifier of at most 32 "
            f"letters that does not begin with hyb and is no header of the C library, such as kws"
        )


def check_settings(config: Config) -> None:
    """Raise HybridError, naming key and remedy, for settings that cannot give a model."""
    for name, (low, high) in LIMITS.items():
        for value in _numbers(_setting(config, name)):
            if not low <= value <= high:
                raise HybridError(f"{name} is {value:g}: choose a value from {low:g} to {high:g}")
    for name in NOT_EMPTY:
        if not _setting(config, name):
            raise HybridError(f"{name} is empty: give at least one value")
    for name, choices in CHOICES.items():
        if _setting(config, name) not in choices:
            raise HybridError(f"{name} is {_setting(config, name)!r}: choose from {', '.join(choices)}")
    if math.frexp(config.forest.leaf_step)[0] != 0.5:
        raise HybridError(f"forest.leaf_step is {config.forest.leaf_step}: choose a power of two, such as 8")
    if math.frexp(config.forest.unit)[0] != 0.5:
        raise HybridError(f"forest.unit is {config.forest.unit:g}: choose a power of two, such as {1 / 1024:g}")
    check_kinds(config.forest.features)
    _check_stages(config)
    try:
        find_table(config.cost.core)
    except PriceError as error:
        raise HybridError(f"cost.core: {error}") from None
    front_end(config)
    trunk_spec(config)
    if config.training.band_l1:
        _check_gains(config)


def _check_gains(config: Config) -> None:
    """Raise HybridError for a trunk whose first convolution cannot take up gains of bands."""
    for name, trunk in (("trunk", config.trunk), ("scout", config.scout)):
        if not trunk.channels:
            continue
        if trunk.family != "time":
            raise HybridError(
                f"training.band_l1 cannot be used with {name}.family {trunk.family!r}, whose first convolution has the "
                f"same weights for all bands: set it to 0, or use the family 'time'"
            )
        if trunk.depthwise_relu and trunk.first == "separable":
            raise HybridError(
                f"training.band_l1 cannot be used with {name}.depthwise_relu, whose batch norm undoes any gain of a "
                f"band: set one of them to 0 and false, or {name}.first to 'conv'"
            )


def _check_stages(config: Config) -> None:
    heads, stages = count_heads(config), config.forest.stages
    if sorted(set(stages) & set(range(heads + 1))) != list(stages) or stages == (0,):
        raise HybridError(
            f"forest.stages is {list(stages)}: number heads in order, from 1 to {heads}; a 0 before them adds a stage "
            f"of features that need no trunk"
        )
    if 0 in stages and not set(config.forest.features) & set(TRUNKLESS):
        raise HybridError(f"forest.stages has a 0, so forest.features needs one of {', '.join(TRUNKLESS)}")


def _setting(config: Config, name: str) -> Any:
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def _numbers(value: Any) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)
