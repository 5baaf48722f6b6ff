"""Reading recordings: folders and tables in, labelled int16 clips with honest splits out.

    corpus = open_corpus("recordings/", classes="yes,no")       # which clips, labels, splits, notes
    loaded = load_corpus(corpus, rate=16000)                    # their samples
    clips, pcm = loaded.select("train")
    x = fit_window(pcm[0], 16000)

Everything that a user can get wrong raises `hybrid.errors.DataError` with one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hybrid.data.cache import CacheWarning, cached
from hybrid.data.checks import check_corpus, check_root
from hybrid.data.classes import choose_classes
from hybrid.data.corpus import SPLITS, Clip, Corpus
from hybrid.data.decode import AudioError, load_clip
from hybrid.data.held_out import read_held_out
from hybrid.data.labels import BACKGROUND, SILENCE, UNKNOWN, c_identifier, c_identifiers, sort_labels
from hybrid.data.layouts import check_options, find_layout
from hybrid.data.load import LoadedCorpus, load_corpus
from hybrid.data.options import Options, as_names, as_takes
from hybrid.data.silence import add_silence
from hybrid.data.splits import check_groups, draw_missing_splits
from hybrid.data.windows import fit_window, windows
from hybrid.errors import DataError

__all__ = [
    "BACKGROUND",
    "SILENCE",
    "SPLITS",
    "UNKNOWN",
    "AudioError",
    "CacheWarning",
    "Clip",
    "Corpus",
    "LoadedCorpus",
    "Options",
    "c_identifier",
    "c_identifiers",
    "cached",
    "check_groups",
    "fit_window",
    "load_clip",
    "load_corpus",
    "open_corpus",
    "open_held_out",
    "sort_labels",
    "windows",
]


def open_corpus(
    path: str | Path,
    *,
    classes: str | Iterable[str] | None = None,
    layout: str | None = None,
    test_fold: int | str | None = None,
    validation_fold: int | str | None = None,
    leave_out: str | Iterable[str] | None = None,
    test_takes: str | Iterable[int] | None = None,
    subset: str | None = None,
    unknown: bool = True,
    silence: bool | None = None,
    silence_clips: int = 50,
    silence_fraction: float = 0.1,
    silence_seconds: float = 1.0,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Corpus:
    """The clips of a folder or manifest, each with a label and a split, checked so that a model can be trained on them.

    classes: the words to tell apart ('yes,no' or a list); the rest becomes `_unknown_` unless `unknown` is False, and
        `_silence_` is cut from `_background_noise_`. None: every label is a class.
    layout: a layout's name, where the folder could be taken for another one.
    test_fold, validation_fold: for sets with folds; default the last one present, and the one after the test fold.
        validation_fold 'none' draws `validation_share` of each class, by group, from all folds but the test fold.
    leave_out: fsdd: speakers to test on. test_takes: fsdd: takes to test on ('5-9' or numbers).
    subset: 'esc10' takes only those classes of ESC-50.
    silence: True or False: cut `_silence_` whether or not classes are named. `silence_clips` of `silence_seconds` each
        in validation and in test, and as many as `silence_fraction` of the other clips in train.
    validation_share: of each class's clips, where the data names no validation split. seed: of the draw.
    DataError: see `hybrid.data.checks` and the layouts; the message is one line with the remedy.
    """
    options = Options(
        classes=as_names(classes, "classes"),
        unknown=unknown,
        silence=silence,
        silence_clips=silence_clips,
        silence_fraction=silence_fraction,
        silence_seconds=silence_seconds,
        test_fold=None if test_fold is None else str(test_fold),
        validation_fold=None if validation_fold is None else str(validation_fold),
        leave_out=as_names(leave_out, "leave_out"),
        test_takes=as_takes(test_takes),
        subset=subset,
        validation_share=validation_share,
        seed=seed,
    )
    root = Path(path).expanduser()
    try:
        return _open(root, layout, options)
    except OSError as error:
        raise DataError(f"{error.filename or root}: {error.strerror or error}: check path and access rights") from None


def _open(root: Path, layout: str | None, options: Options) -> Corpus:
    check_root(root)
    found = find_layout(root, layout)
    check_options(found, options)
    corpus = found.read(root, options)
    test_is_named = any(clip.split == "test" for clip in corpus.clips)
    # Drawn before classes are chosen: a clip's split must not depend on which words a model tells apart.
    corpus = draw_missing_splits(corpus, options)
    corpus = choose_classes(corpus, options)
    corpus = add_silence(corpus, options)
    check_corpus(corpus, drawn=not test_is_named)
    return corpus


def open_held_out(
    path: str | Path,
    labels: Sequence[str],
    *,
    layout: str | None = None,
    split: str | None = None,
    test_fold: int | str | None = None,
    validation_fold: int | str | None = None,
    leave_out: str | Iterable[str] | None = None,
    test_takes: str | Iterable[int] | None = None,
    silence_clips: int = 50,
    silence_fraction: float = 0.1,
    silence_seconds: float = 1.0,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Corpus:
    """Recordings to evaluate a model with the classes `labels` on; all clips get the split 'test'.

    split: None uses every clip of the folder, in any known layout, whatever lists say; there `_silence_` comes from a
        folder of that name only. 'test' (or 'validation') uses just the clips that `open_corpus` puts there with the
        same options, `_silence_` cut from `_background_noise_` included.
    Words that are no class of the model count as `_unknown_`; the corpus has the model's labels in the model's order.
    DataError: such words where the model has no `_unknown_`, and everything that reading a layout can find.
    """
    options = Options(
        silence_clips=silence_clips,
        silence_fraction=silence_fraction,
        silence_seconds=silence_seconds,
        test_fold=None if test_fold is None else str(test_fold),
        validation_fold=None if validation_fold is None else str(validation_fold),
        leave_out=as_names(leave_out, "leave_out"),
        test_takes=as_takes(test_takes),
        validation_share=validation_share,
        seed=seed,
    )
    root = Path(path).expanduser()
    try:
        return read_held_out(root, labels, layout, split, options)
    except OSError as error:
        raise DataError(f"{error.filename or root}: {error.strerror or error}: check path and access rights") from None
