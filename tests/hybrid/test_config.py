import pytest

from hybrid.config import Config, apply, load_config, parse_override, preset_names
from hybrid.errors import HybridError
from hybrid.front_end import front_end
from hybrid.trunk import trunk_spec


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_describes_a_model(name):
    config = load_config(name)
    trunk_spec(config)
    assert "log_mel" in front_end(config)


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[forest]\nleaves = 5\nrate_is_not_here = 1\n")
    with pytest.raises(HybridError, match=r"forest.rate_is_not_here is unknown: choose from"):
        load_config("kws12", path)
    path.write_text("[forest]\nleaves = 5\nrounds = [3]\n")
    config = load_config("kws12", path, {"forest": {"leaves": 7}})
    assert (config.forest.leaves, config.forest.rounds) == (7, (3,))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nothing": {}}, "section 'nothing' is unknown"),
        ({"audio": 3}, "unknown"),
        ({"audio": {"rate": "fast"}}, "audio.rate must be int"),
        ({"forest": {"rounds": ["a"]}}, "must be int"),
        ({"forest": {"log_mel_regions": [1]}}, "2 values"),
        ({"audio": {"rate": True}}, "must be int"),
    ],
)
def test_wrong_values_are_named(values, message):
    with pytest.raises(HybridError, match=message):
        apply(Config(), values, "here")


def test_overrides_are_toml_values_or_bare_words():
    assert parse_override("trunk.channels=[8, 8]") == {"trunk": {"channels": [8, 8]}}
    assert parse_override("data.classes=yes,no") == {"data": {"classes": "yes,no"}}
    for wrong in ("x", "a.b", "a=3", ".b=3"):
        with pytest.raises(HybridError, match=r"section\.key=value"):
            parse_override(wrong)


def test_settings_round_trip():
    config = load_config("kws12")
    assert apply(Config(), config.to_dict(), "saved") == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trunk": {"channels": [8]}}, "trunk.kernels has"),
        ({"trunk": {"family": "rnn"}}, "family"),
        ({"front_end": {"frame": 500}}, "frame"),
        ({"audio": {"window_s": 0.01}}, "settings give no model"),
    ],
)
def test_impossible_settings_are_one_line(values, message):
    config = apply(Config(), values, "here")
    with pytest.raises(HybridError, match=message) as caught:
        front_end(config)
        trunk_spec(config)
    assert "\n" not in str(caught.value)
