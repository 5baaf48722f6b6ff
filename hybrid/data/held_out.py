"""Opening recordings for the evaluation of a finished model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hybrid.data.checks import check_root
from hybrid.data.corpus import SPLITS, Clip, Corpus
from hybrid.data.labels import BACKGROUND, SILENCE, UNKNOWN
from hybrid.data.layouts import check_options, find_layout
from hybrid.data.options import Options
from hybrid.data.silence import add_silence
from hybrid.data.splits import check_groups, draw_missing_splits
from hybrid.errors import DataError, few


def read_held_out(
    path: str | Path, labels: Sequence[str], layout: str | None, split: str | None, options: Options
) -> Corpus:
    """See `hybrid.data.open_held_out`."""
    root = Path(path).expanduser()
    check_root(root)
    if split is not None and split not in SPLITS:
        raise DataError(f"no split '{split}': choose one of {', '.join(SPLITS)}, or none to use every clip")
    found = find_layout(root, layout)
    check_options(found, options)
    corpus = found.read(root, options)
    if split is not None:
        corpus = _one_split(corpus, labels, split, options)
    else:
        clips = [replace(clip, split="test") for clip in corpus.clips]
        corpus = replace(corpus, clips=clips, split_description="every clip is for testing")
    return _map_labels(corpus, list(labels))


def _one_split(corpus: Corpus, labels: Sequence[str], split: str, options: Options) -> Corpus:
    """The clips that this split has when the folder is opened for training, `_silence_` included."""
    corpus = draw_missing_splits(corpus, options)
    if SILENCE in labels:
        corpus = add_silence(corpus, replace(options, classes=tuple(label for label in labels if label != SILENCE)))
    check_groups(corpus.clips, corpus.root)
    chosen = [replace(clip, split="test") for clip in corpus.clips if clip.split == split]
    if not chosen:
        raise DataError(
            f"{corpus.root}: no clip is in {split}: use every clip, or name the split in lists or a manifest"
        )
    description = f"{split} clips only ({corpus.split_description})"
    return replace(corpus, clips=chosen, split_description=description)


def _map_labels(corpus: Corpus, labels: list[str]) -> Corpus:
    other = sorted({clip.label for clip in corpus.clips} - set(labels))
    notes = list(corpus.notes)
    if other and UNKNOWN not in labels:
        raise DataError(
            f"{corpus.root}: {few(other, 10)} is no class of the model ({few(labels, 40)}), which has no {UNKNOWN}: "
            f"remove these clips or use a model trained with them"
        )

    def mapped(clip: Clip) -> Clip:
        return clip if clip.label in labels else replace(clip, label=UNKNOWN)

    if other:
        notes.append(f"counted as {UNKNOWN}: {few(other, 40)}")
    present = {clip.label for clip in corpus.clips}
    absent = [label for label in labels if label not in present and not (label == UNKNOWN and other)]
    if absent:
        why = f" ({SILENCE} is not cut from {BACKGROUND} here)" if SILENCE in absent and corpus.background else ""
        notes.append(f"no clip here of {few(absent, 40)}{why}")
    return replace(corpus, clips=[mapped(clip) for clip in corpus.clips], labels=labels, notes=notes)
