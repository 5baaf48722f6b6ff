"""From decisions to detections: smoothing, a threshold, a refractory time; and what they missed and invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.listening.scene import Scene
from hybrid.smoothing import ExponentialScores, MajorityLabel, MeanScores

LATE = 0.5
"""Seconds after the end of a word's clip in which its report still counts."""
REFRACTORY = 1.0
"""Seconds after a report in which nothing is reported."""
POINTS = 60


@dataclass(frozen=True, eq=False)
class Decisions:
    """Of a whole stream, in order. label (n,), -1 before the first window; scores (n, classes); time (n,), seconds."""

    label: np.ndarray
    scores: np.ndarray
    time: np.ndarray


@dataclass(frozen=True, eq=False)
class Smoothed:
    """What each decision would report, and how sure it is, all (n,). word: class number or -1; sure: logits, or share
    of votes; time: seconds."""

    word: np.ndarray
    sure: np.ndarray
    time: np.ndarray


@dataclass(frozen=True)
class Point:
    """One threshold: words missed, reports that were no word's, of so many words and hours."""

    threshold: float
    missed: int
    false: int
    words: int
    hours: float

    @property
    def misses(self) -> float:
        """Share of the words."""
        return self.missed / self.words

    @property
    def alarms(self) -> float:
        """False alarms an hour."""
        return self.false / self.hours


def smooth(decisions: Decisions, kind: str, size: int, words: Sequence[int], unit: float) -> Smoothed:
    """Smooth decisions as hyb_smooth.h does. kind: 'mean' or 'majority' of the last `size`, or 'exponential', 2**-size.

    A decision reports the class that leads if that is a word. Of scores it is as sure as the lead over the second best,
    in logits (a unit of scores is `unit`); of votes as their share.
    """
    word, sure = np.full(len(decisions.label), -1), np.zeros(len(decisions.label))
    voting = MajorityLabel(size) if kind == "majority" else None
    averaging = MeanScores(size) if kind == "mean" else ExponentialScores(size) if kind == "exponential" else None
    for i in np.flatnonzero(decisions.label >= 0):
        if voting is not None:
            best, votes = voting.add(int(decisions.label[i]))
            lead = votes / size
        elif averaging is not None:
            scores = averaging.add(decisions.scores[i])
            best = int(scores.argmax())
            lead = unit * float(scores[best] - np.delete(scores, best).max())
        else:
            raise ValueError(f"smoothing {kind!r} is not known")
        if best in words:
            word[i], sure[i] = best, lead
    return Smoothed(word, sure, decisions.time)


def reports(smoothed: Smoothed, threshold: float) -> list[tuple[float, int]]:
    """(time, word) of every report: as sure as the threshold, and not within the refractory time of another."""
    found: list[tuple[float, int]] = []
    for i in np.flatnonzero((smoothed.word >= 0) & (smoothed.sure >= threshold)):
        time = float(smoothed.time[i])
        if not found or time >= found[-1][0] + REFRACTORY - 1e-9:
            found.append((time, int(smoothed.word[i])))
    return found


def judge(scene: Scene, found: Sequence[tuple[float, int]], threshold: float) -> Point:
    """Each word wants one report of its class, from its clip's begin to LATE after its end; all others are false."""
    waiting, false = list(scene.words), 0
    for time, label in found:
        own = [w for w in waiting if w.label == label and w.start <= time * scene.rate <= w.stop + LATE * scene.rate]
        if own:
            waiting.remove(own[0])
        else:
            false += 1
    return Point(threshold, len(waiting), false, len(scene.words), scene.seconds / 3600)


def curve(scene: Scene, smoothed: Smoothed) -> list[Point]:
    """Points at thresholds spread over all that occur, the lowest first."""
    sure = np.unique(smoothed.sure[smoothed.word >= 0])
    if not len(sure):
        return [judge(scene, [], 0.0)]
    chosen = sure[np.unique(np.linspace(0, len(sure) - 1, POINTS).round().astype(int))]
    return [judge(scene, reports(smoothed, t), float(t)) for t in chosen]


def choose(points: Sequence[Point], alarms: float) -> float:
    """The threshold that misses least among those with at most so many false alarms an hour; the highest of equals, and
    of all if none has so few."""
    allowed = [p for p in points if p.alarms <= alarms + 1e-9]
    if not allowed:
        return points[-1].threshold
    least = min(p.missed for p in allowed)
    return max(p.threshold for p in allowed if p.missed == least)


def misses_at(points: Sequence[Point], alarms: float) -> float | None:
    """The least share of words missed at at most so many false alarms an hour; None if no threshold has so few."""
    return min((p.misses for p in points if p.alarms <= alarms + 1e-9), default=None)
