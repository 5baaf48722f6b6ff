"""Windows of recordings to judge a saved model on: those that it was fitted on, split as the fit did, or others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hybrid.config import Config, DataConfig
from hybrid.data import load_corpus, open_held_out
from hybrid.errors import DataError, HybridError
from hybrid.model_file import Model
from hybrid.windows import Windows, cut

OF_THE_FIT = ("layout", "test_fold", "validation_fold", "leave_out", "test_takes")


@dataclass(frozen=True, eq=False)
class Recorded:
    """path: of the recordings; layout: its name; clips: how many there were to choose from; notes: what was found."""

    windows: Windows
    path: Path
    layout: str
    clips: int
    notes: list[str]


def read_windows(
    model: Model,
    config: Config,
    data: Path | None = None,
    *,
    split: str | None,
    clips: int | None = None,
    skip_bad: bool = False,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    **layout: Any,
) -> Recorded:
    """Windows of `data` (default: the recordings that the model was fitted on), with the model's classes.

    split: 'train', 'validation' or 'test' as the fit drew it: what `layout` does not say of it is taken from the fit;
    None: every clip of the folder. clips: at most so many, evenly spread. Notes go to `say`. Raises HybridError.
    """
    root = data or fitted_on(model)
    chosen = as_fitted(config.data, layout) if split is not None else layout
    corpus = open_held_out(
        root, model.plan.labels, split=split, silence_clips=config.data.silence_clips,
        silence_fraction=config.data.silence_fraction, silence_seconds=config.audio.window_s,
        validation_share=config.data.validation_share, **chosen,
    )  # fmt: skip
    count = len(corpus.clips)
    some = corpus if clips is None else replace(corpus, clips=[corpus.clips[i] for i in spread(count, clips)])
    loaded = load_corpus(some, config.audio.rate, skip_bad, lambda done, total: progress("decoding", done, total))
    for note in loaded.corpus.notes:
        say(f"note: {note}")
    windows = cut(*loaded.select("test"), model.plan.labels, config)
    if not len(windows.pcm):
        raise HybridError(f"{root}: no clip to decide: name other recordings, or another split")
    return Recorded(windows, root, corpus.layout, count, loaded.corpus.notes)


def fitted_on(model: Model) -> Path:
    """The recordings that the model was fitted on. Raises DataError if they are not there."""
    path = model.about.get("data")
    if not isinstance(path, str) or not Path(path).exists():
        raise DataError(f"the recordings that the model was fitted on ({path}) are not there: name them after DIR")
    return Path(path)


def as_fitted(data: DataConfig, layout: dict[str, Any]) -> dict[str, Any]:
    """Choices of layout and split, the fit's where none is given: else clips of its training would be tested on."""
    given = {name: layout.get(name) for name in OF_THE_FIT}
    return {name: getattr(data, name) if value is None else value for name, value in given.items()}


def spread(n: int, most: int) -> list[int]:
    """At most `most` of 0 .. n - 1, evenly spaced, the first and the last among them."""
    return sorted({round(x) for x in np.linspace(0, n - 1, min(n, most))})
