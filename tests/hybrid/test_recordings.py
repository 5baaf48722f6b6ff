"""Windows of recordings for a saved model: the fit's split where none is named, few clips evenly spread."""

import dataclasses

import numpy as np
import pytest

from hybrid.errors import HybridError
from hybrid.evaluate import load_model
from hybrid.recordings import read_windows, spread


@pytest.mark.parametrize(("n", "most", "chosen"), [(10, 4, [0, 3, 6, 9]), (3, 200, [0, 1, 2]), (5, 1, [0]), (0, 3, [])])
def test_clips_are_spread_from_the_first_to_the_last(n, most, chosen):
    assert spread(n, most) == chosen


def test_some_clips_are_those_spread_over_all(model, recordings):
    loaded, config = load_model(model.folder)
    said: list[str] = []
    whole = read_windows(loaded, config, split="test", say=said.append)
    some = read_windows(loaded, config, recordings, split="test", clips=3)
    assert whole.path == recordings and whole.clips == some.clips == len(whole.windows.clip_truth) > 3
    assert len(some.windows.clip_truth) == 3
    kept = np.isin(whole.windows.clip, spread(whole.clips, 3))
    np.testing.assert_array_equal(some.windows.pcm, whole.windows.pcm[kept])
    assert said == [f"note: {note}" for note in whole.notes]


def test_without_a_split_every_clip_is_read(model, recordings):
    loaded, config = load_model(model.folder)
    files = len(list(recordings.glob("*/*")))
    assert read_windows(loaded, config, recordings, split=None).clips == files
    assert read_windows(loaded, config, recordings, split="test").clips < files


def test_a_model_that_says_nothing_of_its_recordings_is_told(model):
    loaded, config = load_model(model.folder)
    without = dataclasses.replace(loaded, about={key: v for key, v in loaded.about.items() if key != "data"})
    with pytest.raises(HybridError, match="name them after DIR"):
        read_windows(without, config, split="test")
