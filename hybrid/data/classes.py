"""Choosing the classes of a model among the labels of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hybrid.data.corpus import Corpus, present_labels
from hybrid.data.labels import SILENCE, UNKNOWN
from hybrid.data.options import Options
from hybrid.errors import DataError, few


def choose_classes(corpus: Corpus, options: Options) -> Corpus:
    """`corpus` with the named classes; every other word becomes `_unknown_`, or is left out if so asked.

    DataError: a class that the corpus does not have.
    """
    if options.classes is None:
        return corpus
    words = [name for name in options.classes if name not in (SILENCE, UNKNOWN)]
    found = present_labels(corpus.clips)
    missing = [word for word in words if word not in found]
    if missing:
        raise DataError(f"{corpus.root}: no class {few(missing)} (there are: {few(found, 40)}): check --classes")
    if not words:
        raise DataError("--classes names no word beside the reserved ones: name at least one")
    return _relabel(corpus, words, options.unknown or UNKNOWN in options.classes)


def _relabel(corpus: Corpus, words: Sequence[str], unknown: bool) -> Corpus:
    kept = {*words, SILENCE, UNKNOWN}
    rest = sorted({clip.label for clip in corpus.clips} - kept)
    notes = list(corpus.notes)
    if unknown:
        clips = [clip if clip.label in kept else replace(clip, label=UNKNOWN) for clip in corpus.clips]
        notes.append(
            f"{UNKNOWN}: {len(rest)} other words ({few(rest, 40)})" if rest else f"no other word for {UNKNOWN}"
        )
    else:
        kept.discard(UNKNOWN)
        clips = [clip for clip in corpus.clips if clip.label in kept]
        notes.append(f"left out: {len(corpus.clips) - len(clips)} clips of other words")
    return replace(corpus, clips=clips, labels=present_labels(clips), notes=notes)
