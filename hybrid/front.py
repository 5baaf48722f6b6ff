"""`hybrid fit --front`: forests of many settings on one trunk, their accuracy against their cost, and which to take.

Varied are the heads that have a stage, the cost weight of the trees, and what exits may lose. Everything is measured
on validation windows: accuracy by clip, instructions in the mean. A point is on the front if no other is at least as
accurate and as cheap, and better in one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hybrid.config import Config, count_heads
from hybrid.errors import HybridError

if TYPE_CHECKING:
    from hybrid.training import Fitted

WEIGHTS = (0.0, 0.1, 1.0, 10.0)
"""Cost weights that are tried, beside the configured one."""
LOSSES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02)
"""What exits may lose, beside the configured share."""


@dataclass(frozen=True)
class Target:
    """What to take from the front: the best of at most `cost` instructions in the mean, or the cheapest that loses no
    more than `loss` (a share) to the most accurate; neither: the most accurate."""

    cost: int | None = None
    loss: float | None = None


@dataclass(frozen=True, eq=False)
class Point:
    """One forest with its exits. accuracy: share of validation clips; cost, p95: instructions of a window there."""

    config: Config
    fitted: Fitted
    accuracy: float
    cost: float
    p95: float

    def row(self) -> dict[str, Any]:
        """Plain JSON values."""
        forest, plan = self.config.forest, self.fitted.plan
        return {
            "stages": list(forest.stages), "cost_weight": forest.cost_weight, "exit_loss": forest.exit_loss,
            "accuracy": self.accuracy, "mean": self.cost, "p95": self.p95, "static_max": plan.cost_max,
            "trees": plan.forest.trees, "nodes": plan.forest.nodes,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Front:
    """All points, the one taken, and what it was taken for."""

    points: list[Point]
    chosen: Point
    target: Target

    def table(self) -> dict[str, Any]:
        """What the report says: plain JSON values."""
        best = on_front(self.points)
        rows = [p.row() | {"on_front": p in best, "chosen": p is self.chosen} for p in self.points]
        return {"target": vars(self.target), "points": rows}


def forests(config: Config) -> list[Config]:
    """Settings of the forests to fit: cost weights with a stage for every head, then fewer stages."""
    own = config.forest.cost_weight
    heads = config.forest.stages or tuple(range(1, count_heads(config) + 1))
    deep = [h for h in heads if h]
    fewer = [tuple(h for h in heads if h != left) for left in heads] + [(h,) for h in deep]
    pairs = [(heads, weight) for weight in (sorted({own, *WEIGHTS}) if priced(config) else [own])]
    pairs += [(stages, own) for stages in fewer if any(stages)]
    return [
        replace(config, forest=replace(config.forest, stages=stages, cost_weight=weight))
        for stages, weight in dict.fromkeys(pairs)
    ]


def priced(config: Config) -> bool:
    """Whether features differ in what they cost: logits that are the base of their stage are there already."""
    return not config.forest.base or set(config.forest.features) != {"logits"}


def losses(config: Config) -> list[Config]:
    """Settings of the exits of one forest. A forest of one stage has none to choose.

    The best of several ways to choose margins would take long, for every point: it is one margin for all stages.
    """
    forest = config.forest
    margins = "one" if forest.exit_margins == "best" else forest.exit_margins
    shares = sorted({forest.exit_loss, *LOSSES}) if len(forest.stages) > 1 else [forest.exit_loss]
    return [replace(config, forest=replace(forest, exit_loss=share, exit_margins=margins)) for share in shares]


def find(
    config: Config,
    target: Target,
    grow: Callable[[Config], Any],
    judge: Callable[[Config, Any], Point],
    say: Callable[[str], None],
) -> Front:
    """Fit all forests and take one.

    grow: the forest of settings without exits; judge: that forest with the exits of settings, measured.
    Raises HybridError where no point meets the target: it names the nearest.
    """
    points: list[Point] = []
    for settings in forests(config):
        forest = grow(settings)
        for choice in losses(settings):
            points.append(judge(choice, forest))
        own = points[-1]
        shown = ", ".join(map(str, settings.forest.stages))
        say(
            f"front: stages of heads {shown}, cost weight {settings.forest.cost_weight:g}: to {own.accuracy:.1%} on "
            f"validation at {own.cost / 1e6:.3f} M instructions"
        )
    return Front(points, pick(points, target), target)


def on_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats, from the cheapest up; of equals the first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def pick(points: Sequence[Point], target: Target) -> Point:
    """The point for a target. Raises HybridError where none meets it, naming the nearest."""
    front = on_front(points)
    if target.cost is not None:
        inside = [p for p in front if p.cost <= target.cost]
        if not inside:
            nearest = front[0]
            raise HybridError(
                f"--target-cost {target.cost:,} cannot be met: the nearest forest takes {nearest.cost:,.0f} "
                f"instructions in the mean, {nearest.cost - target.cost:,.0f} more, at {nearest.accuracy:.1%} on "
                f"validation: raise the target, or lower trunk.channels or front_end.placed"
            )
        return inside[-1]
    least = front[-1].accuracy - (target.loss or 0.0)
    return next(p for p in front if p.accuracy >= least - 1e-12)
