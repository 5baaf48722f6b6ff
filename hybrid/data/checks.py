"""Checks that a folder can be opened and that a corpus can be trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hybrid.data.corpus import SPLITS, Corpus
from hybrid.data.splits import check_groups
from hybrid.errors import DataError, few


def check_root(root: Path) -> None:
    """DataError: nothing there, a file that is no .csv, an empty folder."""
    if not root.exists():
        raise DataError(f"{root}: no such file or folder: check the path")
    if root.is_file():
        if root.suffix.lower() != ".csv":
            raise DataError(f"{root}: a file, but no .csv manifest: give the folder of recordings or a manifest")
    elif not any(root.iterdir()):
        raise DataError(f"{root}: the folder is empty: put one folder of recordings per class in it")


def check_corpus(corpus: Corpus, drawn: bool) -> None:
    """DataError: no clips, one class, a class with one clip or none to learn from, an empty split, a split group.

    drawn: the test split was drawn here, not named by the data. Then a class that it lacks is an error, since it
    means that the class has too few groups; lists and folds that leave a class untested only get a note.
    """
    if not corpus.clips:
        raise DataError(f"{corpus.root}: no clips: put one folder of recordings per class in it")
    if len(corpus.labels) == 1:
        raise DataError(
            f"{corpus.root}: only one class ('{corpus.labels[0]}'): two are needed: add recordings of other sounds"
        )
    check_single_clips(corpus)
    check_groups(corpus.clips, corpus.root)
    counts = corpus.counts()
    for split in SPLITS:
        if not any(counts[split].values()):
            raise DataError(
                f"{corpus.root}: no clip is left for {split}: it takes clips of at least three groups (files or "
                f"speakers), or name the splits in lists or a manifest"
            )
    for split in ("train", "test") if drawn else ("train",):
        lacking = [label for label in corpus.labels if not counts[split][label]]
        if lacking:
            raise DataError(
                f"{corpus.root}: class {few(lacking)} has no clip in {split} (splits: {corpus.split_description}): "
                f"add clips of another group (speaker, recording) or leave the class out"
            )
    for split, meaning in (("validation", "thresholds are chosen without it"), ("test", "its accuracy is not known")):
        lacking = [label for label in corpus.labels if not counts[split][label]]
        if lacking:
            corpus.notes.append(f"class {few(lacking)} has no clip in {split}: {meaning}")


def check_single_clips(corpus: Corpus) -> None:
    """DataError where a class has one clip only: it can be learnt or tested, not both."""
    found = Counter(clip.label for clip in corpus.clips)
    single = [label for label in corpus.labels if found[label] == 1]
    if single:
        raise DataError(
            f"{corpus.root}: class {few(single)} has one clip: at least one for train and one for test are needed: "
            f"record more, or leave the class out"
        )
