"""Training of a trunk: augmented pool, teachers, distillation in float, then with the integer arithmetic simulated.

1. A pool of randomly changed copies of the training clips is made once (int16 log-mels).
2. Wide teachers learn from it; the mean of their predictions on every pool entry becomes its soft label.
3. The trunk learns hard and soft labels (Hinton et al. 2015, arXiv 1503.02531) at every depth's head at once, first in
   float with batch norm, then folded and with fake quantisation.

The result is the same for the same seed, settings and torch build, however many workers there are: torch keeps to one
thread (a trunk is too small to gain from more) and randomness comes from generators. Nothing catches KeyboardInterrupt:
worker threads are told to stop, and it propagates.
"""

from __future__ import annotations

import copy
import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from feature_extractors.cnn.augment import (
    AugmentSettings,
    LogMelSettings,
    augmented_log_mel,
    integer_log_mel,
    mask_spectrogram,
    mixup,
)
from feature_extractors.cnn.modules import FloatTrunk, QuantTrunk, Teacher
from feature_extractors.cnn.quantise import LOGMEL_SCALE, QuantisedTrunk
from feature_extractors.cnn.spec import TrunkSpec

Progress = Callable[[str, int, int, dict[str, float]], None]
"""Called as progress(phase, done, total, figures), one call at a time, perhaps from another thread."""

Cache = Callable[[Sequence[object], Callable[[], dict[str, np.ndarray]]], dict[str, np.ndarray]]
"""Called as cache(key, compute): the arrays kept under a key, or those that compute gives."""

POOL_VERSION = 1
"""Raise it when the same settings give another pool."""
WARM_UP_EPOCHS = 2
CHECKS = 10
"""How often a phase looks at the validation clips."""


@dataclass(frozen=True)
class TrainSettings:
    """How long and how hard to train. The defaults are the ones of the `kws12` preset."""

    copies: int = 24
    pool_bytes: int = 600_000_000
    """No more copies than fit; small sets get more copies instead, up to four times `copies`."""
    teachers: int = 2
    """0 trains on the labels alone."""
    teacher_widths: tuple[int, ...] = (32, 64, 96, 128)
    teacher_epochs: int = 40
    teacher_rate: float = 3e-3
    epochs: int = 100
    rate: float = 4e-3
    quant_epochs: int = 40
    quant_rate: float = 1e-3
    min_steps: int = 1500
    """A phase takes at least this many steps, however small the set (a third of it for the quantised phase)."""
    batch: int = 128
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    temperature: float = 2.0
    soft_share: float = 0.8
    """Share of the soft labels in the loss."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    threads: int = 2
    """Workers for pool and teachers; torch itself keeps to one thread, so the result does not depend on this."""
    augment: AugmentSettings = field(default_factory=AugmentSettings)


@dataclass(frozen=True, eq=False)
class Pool:
    """Augmented training clips. Forests are best fitted on these, too: a trunk is overconfident on unchanged ones."""

    logmel: np.ndarray
    """int16 [copy, clip, frame, band]."""
    labels: np.ndarray
    """int64 [clip]."""
    teacher: np.ndarray | None = None
    """Log of the teachers' mean class probabilities, float32 [copy, clip, class]; None without teachers."""


@dataclass(frozen=True)
class CurvePoint:
    """One look at a phase: mean training loss of the last epoch, validation accuracy 0..1 of every head."""

    phase: str
    epoch: int
    loss: float
    validation: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class TrainedTrunk:
    """An integer trunk and what is known of how it came about."""

    spec: TrunkSpec
    classes: int
    quantised: QuantisedTrunk
    pool: Pool
    curves: tuple[CurvePoint, ...]
    validation: tuple[float, ...]
    """Accuracy 0..1 of every head's integer logits on the validation clips."""


def train_trunk(
    spec: TrunkSpec,
    train_pcm: np.ndarray,
    train_y: np.ndarray,
    val_pcm: np.ndarray,
    val_y: np.ndarray,
    noise: Sequence[np.ndarray] = (),
    mel: LogMelSettings | None = None,
    settings: TrainSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    classes: int | None = None,
    noise_class: int | None = None,
    noise_clips: int = 0,
    cache: Cache | None = None,
) -> TrainedTrunk:
    """Train a trunk for windows of equal length.

    train_pcm, val_pcm: int16 [clip, sample]; train_y, val_y: class numbers from 0. noise: int16 recordings of the
    training split, mixed into clips at random. If `noise_class` is given, `noise_clips` more training clips of that
    class are cut at random from `noise` in every copy of the pool (the `_silence_` of speech commands). cache: keeps
    the pool with its soft labels, most of the work, for trainings of other trunks on the same clips.
    """
    mel, settings = mel or LogMelSettings(), settings or TrainSettings()
    classes = _check(spec, train_pcm, train_y, val_pcm, val_y, noise, mel, classes, noise_class, noise_clips)
    run = _Run(settings, seed, progress, integer_log_mel(val_pcm, mel), val_y)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)

        def labelled() -> dict[str, np.ndarray]:
            pool = _make_pool(run, train_pcm, train_y, list(noise), mel, noise_class, noise_clips)
            return _arrays(_add_teachers(run, pool, spec, classes) if settings.teachers else pool)

        key = _pool_key(settings, mel, seed, [train_pcm, train_y, *noise], (classes, noise_class, noise_clips))
        pool = Pool(**(cache(key, labelled) if cache else labelled()))
        quantised = _train_student(run, pool, spec, classes)
    finally:
        torch.set_num_threads(threads)
    return TrainedTrunk(spec, classes, quantised, pool, tuple(run.curves), run.integer_accuracy(quantised))


def _arrays(pool: Pool) -> dict[str, np.ndarray]:
    """The fields of a pool that are there."""
    return {name: array for name, array in vars(pool).items() if array is not None}


def _pool_key(
    settings: TrainSettings, mel: LogMelSettings, seed: int, arrays: list[np.ndarray], rest: tuple[object, ...]
) -> list[object]:
    """All that pool and soft labels depend on, as JSON can write it."""
    own = ("epochs", "rate", "quant_epochs", "quant_rate", "temperature", "soft_share", "threads")
    shared = {k: v for k, v in asdict(settings).items() if k not in own}
    digests = [hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for a in arrays]
    return ["pool", POOL_VERSION, torch.__version__, seed, shared, asdict(mel), digests, list(rest)]


def _check(
    spec: TrunkSpec,
    train_pcm: np.ndarray,
    train_y: np.ndarray,
    val_pcm: np.ndarray,
    val_y: np.ndarray,
    noise: Sequence[np.ndarray],
    mel: LogMelSettings,
    classes: int | None,
    noise_class: int | None,
    noise_clips: int,
) -> int:
    """Raise ValueError for arguments that do not fit together; returns the number of classes."""
    for name, pcm, labels in (("train", train_pcm, train_y), ("val", val_pcm, val_y)):
        if pcm.dtype != np.int16 or pcm.ndim != 2 or len(pcm) != len(labels) or not len(pcm):
            raise ValueError(
                f"{name}_pcm must be int16 [clip, sample] with one label each, got {pcm.dtype} {pcm.shape}"
            )
    frames = mel.frames(train_pcm.shape[1])
    if (frames, mel.bands) != (spec.frames, spec.bands):
        raise ValueError(f"clips give {frames} x {mel.bands} log-mels, the trunk takes {spec.frames} x {spec.bands}")
    highest = max(int(train_y.max()), int(val_y.max()), -1 if noise_class is None else noise_class)
    classes = highest + 1 if classes is None else classes
    if classes < 2 or highest >= classes or min(train_y.min(), val_y.min()) < 0:
        raise ValueError(f"labels must lie in 0..{classes - 1} with at least two classes, the highest is {highest}")
    if noise_clips and (noise_class is None or not len(noise)):
        raise ValueError("noise_clips needs noise_class and noise recordings")
    return classes


class _Stopped(Exception):
    """A worker thread was told to stop."""


class _Run:
    """What all phases of one training share."""

    def __init__(
        self, settings: TrainSettings, seed: int, progress: Progress | None, val: np.ndarray, val_y: np.ndarray
    ):
        self.settings, self.seed, self.progress = settings, seed, progress
        self.val, self.val_y = val, val_y
        self.curves: list[CurvePoint] = []
        self.stop = threading.Event()
        self.lock = threading.Lock()

    def generator(self, *key: int) -> torch.Generator:
        """Randomness of its own for one piece of work, from the seed and the work's number."""
        state = np.random.SeedSequence((self.seed, *key)).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(state >> np.uint64(1)))

    def build(self, make: Callable[[], nn.Module], *key: int) -> nn.Module:
        """A module whose initial weights depend on the seed and the key only; torch's global state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.generator(*key).initial_seed())
            return make()

    def report(self, phase: str, done: int, total: int, **figures: float) -> None:
        """Tell the caller."""
        if self.stop.is_set():
            raise _Stopped
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


# ---- pool and teachers -----------------------------------------------------------------------------------------------


def _copies(settings: TrainSettings, clips: int, spec_bytes: int) -> int:
    """Number of copies: more for small sets, fewer where memory ends."""
    wanted = settings.copies * min(4, max(1, 2000 // clips))
    return max(2, min(wanted, settings.pool_bytes // (clips * spec_bytes)))


def _make_pool(
    run: _Run,
    pcm: np.ndarray,
    labels: np.ndarray,
    noise: list[np.ndarray],
    mel: LogMelSettings,
    noise_class: int | None,
    noise_clips: int,
) -> Pool:
    """Augmented copies of the training clips, one generator each."""
    pcm = np.concatenate([pcm, np.zeros((noise_clips, pcm.shape[1]), np.int16)])
    extra = np.full(noise_clips, -1 if noise_class is None else noise_class, np.int64)
    labels = np.concatenate([labels.astype(np.int64), extra])
    alone = np.arange(len(pcm)) >= len(pcm) - noise_clips
    copies = _copies(run.settings, len(pcm), mel.frames(pcm.shape[1]) * mel.bands * 2)

    def one(number: int) -> np.ndarray:
        generator = run.generator(1, number)
        run.report("pool", number, copies)
        return augmented_log_mel(pcm, noise, alone, mel, run.settings.augment, generator)

    return Pool(np.stack(run.in_parallel(one, copies)), labels)


def _add_teachers(run: _Run, pool: Pool, spec: TrunkSpec, classes: int) -> Pool:
    """Train the teachers side by side and label the pool with their mean probabilities."""
    settings = run.settings
    widths = settings.teacher_widths
    fresh = [
        run.build(lambda: Teacher(spec.frames, spec.bands, classes, widths), 2, i) for i in range(settings.teachers)
    ]

    def fit(number: int) -> nn.Module:
        # every second teacher learns mixtures: teachers that err differently are the better ensemble
        return _fit(run, pool, fresh[number], _teacher_phase(settings, number, number % 2 == 1))

    teachers = run.in_parallel(fit, settings.teachers)

    def label(number: int) -> np.ndarray:
        run.report("soft labels", number, len(pool.logmel))
        chances = [functional.softmax(predict(t, pool.logmel[number])[0], 1) for t in teachers]
        return torch.log(torch.stack(chances).mean(0).clamp_min(1e-8)).numpy()

    return replace(pool, teacher=np.stack(run.in_parallel(label, len(pool.logmel))))


def _train_student(run: _Run, pool: Pool, spec: TrunkSpec, classes: int) -> QuantisedTrunk:
    """The float phase, then the quantised phase."""
    settings = run.settings
    trunk = _fit(run, pool, run.build(lambda: FloatTrunk(spec, classes), 3), _float_phase(settings))
    simulated = QuantTrunk(trunk)
    some = pool.logmel[0][:: max(1, len(pool.logmel[0]) // 1000)]
    simulated.calibrate(from_steps(some))
    return _fit(run, pool, simulated, _quant_phase(settings)).export()


# ---- one phase -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Phase:
    """One run of the optimiser."""

    name: str
    key: int
    epochs: int
    rate: float
    min_steps: int
    soft: bool = True
    mask: bool = False
    mixed: bool = False


def _teacher_phase(settings: TrainSettings, number: int, mixed: bool) -> _Phase:
    epochs, rate = settings.teacher_epochs, settings.teacher_rate
    return _Phase(f"teacher {number + 1}", 10 + number, epochs, rate, settings.min_steps // 2, False, True, mixed)


def _float_phase(settings: TrainSettings) -> _Phase:
    return _Phase("float", 4, settings.epochs, settings.rate, settings.min_steps, mask=not settings.teachers)


def _quant_phase(settings: TrainSettings) -> _Phase:
    least = settings.min_steps // 3
    return _Phase("quantised", 5, settings.quant_epochs, settings.quant_rate, least, mask=not settings.teachers)


def _fit(run: _Run, pool: Pool, model: nn.Module, phase: _Phase) -> nn.Module:
    """Train `model` on the pool; returns the running average of its weights, in evaluation mode."""
    clips = pool.logmel.shape[1]
    batch = min(run.settings.batch, max(2, clips // 4), clips)
    steps = max(1, clips // batch)
    epochs = max(phase.epochs, -(-phase.min_steps // steps))
    optimiser, schedule = _optimiser(model, run.settings, phase, steps, epochs)
    average = _Average(model, run.settings.average)
    generator = run.generator(phase.key)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        order = torch.randperm(clips, generator=generator).numpy()
        copies = torch.randint(len(pool.logmel), (clips,), generator=generator).numpy()
        for i in range(0, steps * batch, batch):
            rows = order[i : i + batch]
            loss = _loss(run.settings, pool, model, phase, rows, copies[rows], generator)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            average.update(model)
            total += float(loss.detach())
            if run.stop.is_set():
                raise _Stopped
        figures = {"loss": total / steps}
        if (epoch + 1) * CHECKS // epochs > epoch * CHECKS // epochs:
            figures["validation"] = run.look(phase.name, epoch + 1, total / steps, average.model)[-1]
        run.report(phase.name, epoch + 1, epochs, **figures)
    return average.model


def _optimiser(
    model: nn.Module, settings: TrainSettings, phase: _Phase, steps: int, epochs: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW without decay of biases and norms; linear warm-up, then half a cosine."""
    weights = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=phase.rate)

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / (WARM_UP_EPOCHS * steps))
        return rise * (0.5 * (1 + math.cos(math.pi * min(1.0, step / (steps * epochs)))) + 1e-3)

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def _loss(
    settings: TrainSettings,
    pool: Pool,
    model: nn.Module,
    phase: _Phase,
    rows: np.ndarray,
    copies: np.ndarray,
    generator: torch.Generator,
) -> Tensor:
    """Sum over the heads of the loss of one batch: clips `rows`, each from its own copy."""
    logmel = from_steps(pool.logmel[copies, rows])
    teacher = isinstance(model, Teacher)
    classes = model.head.out_features if teacher else model.classes
    hard = functional.one_hot(torch.from_numpy(pool.labels[rows]), classes).float()
    if phase.mask:
        logmel = mask_spectrogram(logmel, settings.augment, generator)
    if phase.mixed and settings.augment.mixup:
        logmel, hard = mixup(logmel, hard, settings.augment, generator)
    hard = hard * (1 - settings.label_smoothing) + settings.label_smoothing / classes
    soft = None
    if phase.soft and pool.teacher is not None:
        soft = functional.softmax(torch.from_numpy(pool.teacher[copies, rows]) / settings.temperature, 1)
    heads = model(logmel, generator) if teacher else model(logmel)
    return torch.stack([_head_loss(o, hard, soft, settings) for o in heads]).sum()


def _head_loss(logits: Tensor, hard: Tensor, soft: Tensor | None, settings: TrainSettings) -> Tensor:
    """Cross entropy to the labels, and to the teachers' softened predictions where there are any."""
    loss = -(hard * functional.log_softmax(logits, 1)).sum(1).mean()
    if soft is None:
        return loss
    heat = settings.temperature
    # heat**2 keeps the gradients of both parts in proportion (Hinton et al.)
    distilled = -(soft * functional.log_softmax(logits / heat, 1)).sum(1).mean() * heat**2
    return (1 - settings.soft_share) * loss + settings.soft_share * distilled


class _Average:
    """Exponential running average of weights and batch-norm statistics."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.steps = copy.deepcopy(model).eval(), decay, 0
        pairs = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        self.floats = [(mine, theirs) for mine, theirs in pairs if mine.is_floating_point()]

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model; faster in the first steps. State dict tensors share memory with the modules."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in self.floats:
            mine.lerp_(theirs, 1 - decay)


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
