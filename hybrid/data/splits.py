"""Splits: drawing them by group where the data names none, and checking that no group is in two."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from hybrid.data.corpus import Clip, Corpus
from hybrid.data.options import Options
from hybrid.errors import DataError

Key = tuple[str, str]


def draw_missing_splits(corpus: Corpus, options: Options) -> Corpus:
    """`corpus` with a split for every clip.

    A layout leaves None on the clips that may still go anywhere. Test and validation clips are drawn from those,
    each only where the layout named none; what is not drawn is for training.
    """
    named = {clip.split for clip in corpus.clips}
    if None not in named:
        return corpus
    shares = {"test": options.test_share, "validation": options.validation_share}
    shares = {split: share for split, share in shares.items() if split not in named}
    clips = draw_splits(corpus.clips, shares, options.seed)
    if not shares:
        return replace(corpus, clips=clips)
    drawn = " and ".join(f"{share:.0%} {split}" for split, share in shares.items())
    text = f"{drawn} drawn by a hash of the group (seed {options.seed})"
    described = f"{corpus.split_description}, {text}" if corpus.split_description else text
    return replace(corpus, clips=clips, split_description=described)


def draw_splits(clips: Sequence[Clip], shares: dict[str, float], seed: int) -> list[Clip]:
    """`clips` with every None split replaced; other splits stay.

    shares: the share of each class's clips that each split in it gets, drawn in that order; the rest is train.
    A whole group goes to one split. Groups are taken in the order of a hash of their name, so the result depends on
    neither the order of the files nor on where they lie. It is drawn per class, the class with the fewest groups
    first: at least one clip of each class in each split as long as that leaves the class a group for those still to
    be served, train above all.
    """
    groups: dict[Key, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        if clip.split is None:
            groups[clip.group_key][clip.label] += 1
    chosen: dict[Key, str] = {}
    waiting = list(shares)
    for split in shares:
        waiting.remove(split)
        _fill(split, shares[split], groups, chosen, len(waiting), seed)
    return [
        clip if clip.split is not None else replace(clip, split=chosen.get(clip.group_key, "train")) for clip in clips
    ]


def _fill(
    split: str, share: float, groups: dict[Key, Counter[str]], chosen: dict[Key, str], waiting: int, seed: int
) -> None:
    """Move groups that are still free into `split` until it has about its share of each class."""
    ordered = sorted(groups, key=lambda key: _hash(seed, key))
    of_label: dict[str, list[Key]] = defaultdict(list)
    clips_of: Counter[str] = Counter()
    for key in ordered:
        clips_of.update(groups[key])
        for label in groups[key]:
            of_label[label].append(key)
    free = Counter(label for key in ordered if key not in chosen for label in groups[key])
    have: Counter[str] = Counter()

    def spare(key: Key) -> bool:
        # One group of each class stays for train, and one more for each split still to be drawn if there are enough.
        return all(free[label] > min(1 + waiting, max(1, len(of_label[label]) - 1)) for label in groups[key])

    def take(key: Key) -> None:
        chosen[key] = split
        have.update(groups[key])
        free.subtract(dict.fromkeys(groups[key], 1))

    for label in sorted(of_label, key=lambda label: (len(of_label[label]), label)):
        target = max(1, round(share * clips_of[label]))
        candidates = [key for key in of_label[label] if key not in chosen]
        for key in candidates:
            # A group far larger than what is missing is passed over while smaller ones may do.
            if have[label] < target and groups[key][label] <= 2 * (target - have[label]) and spare(key):
                take(key)
        if not have[label]:
            smallest_first = sorted(candidates, key=lambda key: groups[key][label])
            for key in [key for key in smallest_first if spare(key)][:1]:
                take(key)


def _hash(seed: int, key: Key) -> bytes:
    text = f"{seed}:{key[0]}:{key[1]}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def check_groups(clips: Sequence[Clip], root: object) -> None:
    """DataError where clips of one group are in two splits: test figures would then be too good to be true."""
    first: dict[Key, Clip] = {}
    for clip in clips:
        other = first.setdefault(clip.group_key, clip)
        if other.split != clip.split:
            raise DataError(
                f"{root}: group '{clip.group_key[1]}' is in two splits: {other.name} in {other.split}, {clip.name} in "
                f"{clip.split}: put all clips of one group (speaker, source recording) in one split"
            )
