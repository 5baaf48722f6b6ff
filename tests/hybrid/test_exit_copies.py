"""forest.exit_copies: exits are chosen on the validation windows and on changed copies of them."""

import numpy as np
import pytest

import hybrid.training
from hybrid.config import load_config
from hybrid.training import Console, fit_windows
from hybrid.windows import Windows

LABELS = ("low", "high")
COPIES = 2


@pytest.fixture
def watched(monkeypatch):
    """What exits were chosen on, call by call."""
    seen, real = [], hybrid.training.fit_exits

    def spy(found, *args, copies):
        seen.append((found, copies))
        return real(found, *args, copies=copies)

    monkeypatch.setattr(hybrid.training, "fit_exits", spy)
    return seen


def windows(make_tone, seed):
    pcm = [make_tone(hz, seed + i) for i in range(8) for hz in (300, 1200)]
    truth = np.tile([0, 1], 8)
    samples = np.rint(np.array(pcm) * 32767).clip(-32768, 32767).astype(np.int16)
    return Windows(samples, truth, np.arange(16), truth, tuple(map(str, range(16))))


def test_copies_stand_behind_the_clips_and_differ_from_them(tiny, make_tone, watched):
    training, validation = windows(make_tone, 0), windows(make_tone, 100)
    for copies in (0, COPIES):
        config = load_config(path=tiny, overrides={"forest": {"exit_copies": copies}})
        fit_windows(training, validation, [], LABELS, config, "two", 0, Console())
    (alone, one), (copied, three) = watched
    assert (one, three) == (1, 1 + COPIES)
    assert (alone.windows, copied.windows) == (16, 16 * (1 + COPIES))
    np.testing.assert_array_equal(copied.margins[:, :16], alone.margins)
    for number in range(1, 1 + COPIES):
        part = copied.margins[:, 16 * number : 16 * (number + 1)]
        assert (part != alone.margins).any(axis=1).all()
