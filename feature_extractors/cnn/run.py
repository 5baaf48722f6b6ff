"""What all phases of one training share: settings, randomness, validation, progress, and worker threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from feature_extractors.cnn.quantise import LOGMEL_SCALE, QuantisedTrunk
from feature_extractors.cnn.settings import AugmentSettings, TrainSettings

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called as progress(phase, done, total, figures), one call at a time, perhaps from another thread."""


@dataclass(frozen=True)
class CurvePoint:
    """One look at a phase: mean training loss of the last epoch, validation accuracy 0..1 of every head."""

    phase: str
    epoch: int
    loss: float
    validation: tuple[float, ...]


class Stopped(Exception):
    """A worker thread was told to stop."""


def generator_of(seed: int, *key: int) -> torch.Generator:
    """Randomness of a training's seed for the piece of work of a number."""
    state = np.random.SeedSequence((seed, *key)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


class Run:
    """What all phases of one training share."""

    def __init__(
        self,
        settings: TrainSettings,
        augment: AugmentSettings,
        seed: int,
        progress: Progress | None,
        val: np.ndarray,
        val_y: np.ndarray,
    ):
        self.settings, self.augment = settings, augment
        self.seed, self.progress = seed, progress
        self.val, self.val_y = val, val_y
        self.curves: list[CurvePoint] = []
        self.stop = threading.Event()
        self.lock = threading.Lock()

    def generator(self, *key: int) -> torch.Generator:
        """Randomness of its own for one piece of work, from the seed and the work's number."""
        return generator_of(self.seed, *key)

    def build(self, make: Callable[[], nn.Module], *key: int) -> nn.Module:
        """A module whose initial weights depend on the seed and the key only; torch's global state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.generator(*key).initial_seed())
            return make()

    def report(self, phase: str, done: int, total: int, **figures: float) -> None:
        """Tell the caller."""
        if self.stop.is_set():
            raise Stopped
        if self.progress is not None:
            with self.lock:
                self.progress(phase, done, total, figures)

    def look(self, phase: str, epoch: int, loss: float, model: nn.Module) -> tuple[float, ...]:
        """Validate a model and remember the point."""
        logits = predict(model, self.val)
        accuracy = tuple(float((o.argmax(1).numpy() == self.val_y).mean()) for o in logits)
        with self.lock:
            self.curves.append(CurvePoint(phase, epoch, loss, accuracy))
        return accuracy

    def integer_accuracy(self, trunk: QuantisedTrunk) -> tuple[float, ...]:
        """Validation accuracy of every head of an integer trunk."""
        return tuple(float((o.argmax(axis=1) == self.val_y).mean()) for o in trunk.logits(self.val))

    def in_parallel(self, work: Callable[[int], object], count: int) -> list:
        """work(0) .. work(count - 1) in threads (torch lets go of the interpreter lock); results in order."""
        executor = ThreadPoolExecutor(max_workers=min(self.settings.threads, count))
        try:
            return list(executor.map(work, range(count)))
        except BaseException:
            self.stop.set()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def from_steps(logmel: np.ndarray) -> Tensor:
    """int16 log-mel as float32 log2 units."""
    return torch.from_numpy(logmel.astype(np.float32) * np.float32(LOGMEL_SCALE))


@torch.no_grad()
def predict(model: nn.Module, logmel: np.ndarray, batch: int = 512) -> list[Tensor]:
    """Logits [clip, class] of every head in evaluation mode. logmel: int16 [clip, frame, band]."""
    was_training = model.training
    model.eval()
    parts = [model(from_steps(logmel[i : i + batch])) for i in range(0, len(logmel), batch)]
    model.train(was_training)
    return [torch.cat(head) for head in zip(*parts, strict=True)]
