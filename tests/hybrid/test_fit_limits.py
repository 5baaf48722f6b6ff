"""Every number in the settings has limits, or is checked by what is built from it."""

import dataclasses
import math
from dataclasses import replace

import pytest

from hybrid.config import Config, TrunkConfig, apply, load_config, preset_names
from hybrid.errors import HybridError
from hybrid.limits import C_HEADERS, LIMITS, check_name, check_settings

BUILT = {  # settings that the front end and the trunk check when they are built from them
    "front_end.frame", "front_end.hop", "front_end.bands", "front_end.fmin", "front_end.fmax",
    "front_end.coefficients", "trunk.heads", "trunk.head_parts", "trunk.extra_parts", "forest.log_mel_regions",
    "scout.heads", "scout.head_parts", "scout.extra_parts", "forest.stages",
}  # fmt: skip
FULL = replace(
    Config(),
    scout=TrunkConfig(),
    forest=replace(Config().forest, stages=(1, 2)),
    front_end=replace(Config().front_end, keep_bands=tuple(range(32))),
)
"""No tuple of numbers is empty."""


def numbers():
    """section.key and value of each number or tuple of numbers."""
    for section in dataclasses.fields(Config):
        for key, value in dataclasses.asdict(getattr(FULL, section.name)).items():
            first = value[0] if isinstance(value, tuple) else value
            if isinstance(first, int | float) and not isinstance(first, bool):
                yield f"{section.name}.{key}", value


def changed(name, value):
    section, _, key = name.partition(".")
    return apply(FULL, {section: {key: value}}, "test")


def test_no_number_is_without_limits():
    assert {name for name, _ in numbers()} == set(LIMITS) | BUILT


@pytest.mark.parametrize("name", [name for name, _ in numbers()])
def test_numbers_far_outside_are_refused_in_one_line(name):
    value = dict(numbers())[name]
    kind = type(value[0] if isinstance(value, tuple) else value)
    low, high = LIMITS.get(name, (-1, 1 << 20))
    wrong = [kind(low - max(1, abs(low))), kind(high * 2 + 1)]
    for number in [*wrong, *([math.nan, math.inf, -math.inf] if kind is float else [])]:
        config = changed(name, [number] * len(value) if isinstance(value, tuple) else number)
        with pytest.raises(HybridError) as caught:
            check_settings(config)
        named = (name.partition(".")[2], "settings give no model", "pool parts")
        assert any(words in str(caught.value) for words in named)


@pytest.mark.parametrize("name", preset_names())
def test_presets_lie_within_the_limits(name):
    check_settings(load_config(name))


def test_names_for_c():
    for good in ("kws", "a", "model_2", "x" * 32):
        check_name(good)
    for bad in ("", "2a", "A", "a-b", "a b", "_a", "x" * 33, "größe", "hyb", "hyb_core", "a\n", *sorted(C_HEADERS)):
        with pytest.raises(HybridError, match="--name"):
            check_name(bad)
