"""One phase of training: one network, one run of the optimiser over the pool."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from feature_extractors.cnn.augment import mask_spectrogram, mixup
from feature_extractors.cnn.modules import FloatTrunk, Teacher
from feature_extractors.cnn.pool import Pool
from feature_extractors.cnn.run import Run, Stopped, from_steps
from feature_extractors.cnn.settings import TrainSettings

WARM_UP_EPOCHS = 2
CHECKS = 10
"""How often a phase looks at the validation clips."""


@dataclass(frozen=True)
class Phase:
    """One run of the optimiser."""

    name: str
    key: int
    epochs: int
    rate: float
    min_steps: int
    soft: bool = True
    mask: bool = False
    mixed: bool = False


def fit(run: Run, pool: Pool, model: nn.Module, phase: Phase) -> nn.Module:
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
            loss = _loss(run, pool, model, phase, rows, copies[rows], generator)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            average.update(model)
            total += float(loss.detach())
            if run.stop.is_set():
                raise Stopped
        figures = {"loss": total / steps}
        if (epoch + 1) * CHECKS // epochs > epoch * CHECKS // epochs:
            figures["validation"] = run.look(phase.name, epoch + 1, total / steps, average.model)[-1]
        run.report(phase.name, epoch + 1, epochs, **figures)
    return average.model


def _optimiser(
    model: nn.Module, settings: TrainSettings, phase: Phase, steps: int, epochs: int
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
    run: Run,
    pool: Pool,
    model: nn.Module,
    phase: Phase,
    rows: np.ndarray,
    copies: np.ndarray,
    generator: torch.Generator,
) -> Tensor:
    """Sum over the heads of the loss of one batch: clips `rows`, each from its own copy."""
    settings, augment = run.settings, run.augment
    logmel = from_steps(pool.logmel[copies, rows])
    teacher = isinstance(model, Teacher)
    classes = model.head.out_features if teacher else model.classes
    hard = functional.one_hot(torch.from_numpy(pool.labels[rows]), classes).float()
    if phase.mask:
        logmel = mask_spectrogram(logmel, augment, generator)
    if phase.mixed and augment.mixup:
        logmel, hard = mixup(logmel, hard, augment, generator)
    hard = hard * (1 - settings.label_smoothing) + settings.label_smoothing / classes
    soft = None
    if phase.soft and pool.teacher is not None:
        soft = functional.softmax(torch.from_numpy(pool.teacher[copies, rows]) / settings.temperature, 1)
    heads = model(logmel, generator) if teacher else model(logmel)
    loss = torch.stack([_head_loss(o, hard, soft, settings) for o in heads]).sum()
    return loss + settings.band_l1 * model.band_penalty() if _has_gains(model) else loss


def _has_gains(model: nn.Module) -> bool:
    return isinstance(model, FloatTrunk) and model.band_gains is not None


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
