"""`hybrid fit --prune-bands`: leaves out the mel bands that are not worth their price.

Candidates leave out bands at the top, at the bottom, in between (those whose permutation importance on validation
windows is least for their price, and those that a penalty in training made fade), or take a bank of fewer, wider bands.
Each is refitted with a shortened training of trunk and forest (`SHORT`), beside a model of all bands that is shortened
as well; all learn from the same pool of augmented clips. Of the candidates that keep the budget against it, the
cheapest, every map computed, is refitted in full and held against the first model; if it breaks the budget or costs no
less in the mean on validation, the next one has its turn, `TRIES` in all. If none holds, the first model stays.

The budget: on validation a candidate may get at most so much less accuracy, and its mean log-loss may rise by at most
`NATS` as much, which is about what turning so many right windows into wrong ones would take. The second is the finer
measure where nearly every clip is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import interpret
from codegen.plan import Plan
from hybrid.band_prices import band_prices
from hybrid.config import Config
from hybrid.errors import HybridError
from hybrid.importance import importance, losses, with_access
from hybrid.limits import check_settings
from hybrid.stats.counts import count
from hybrid.stats.looks import looks
from hybrid.windows import Windows

if TYPE_CHECKING:
    from hybrid.training import Fitted

SHORT = 4
"""Candidates are ranked after one part in so many of the training."""
TRIES = 3
"""Candidates that are refitted in full at most."""
NATS = 4.0
FADED = 0.1
"""A band that is heard less than this, of what the strongest is, has faded."""
TOP, BOTTOM, BETWEEN, COARSER = (1 / 8, 1 / 4, 3 / 8), (1 / 8, 1 / 4), (1 / 4, 1 / 2), (3 / 4, 1 / 2, 3 / 8)
"""Shares of the bands that candidates leave out; for COARSER the share that is left."""
LEAST = 4
"""No candidate has fewer bands."""
Refit = Callable[[Config], "Fitted"]
Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Candidate:
    """kind: 'top', 'bottom', 'between', 'faded' or 'coarser'; what: for people; bands and keep: as in the settings."""

    kind: str
    what: str
    bands: int
    keep: tuple[int, ...]

    def of(self, config: Config) -> Config:
        """The settings with these bands."""
        return replace(config, front_end=replace(config.front_end, bands=self.bands, keep_bands=self.keep))


@dataclass(frozen=True)
class Figures:
    """A model on some windows: accuracy of clips, mean log-loss of windows, instructions per decision."""

    accuracy: float
    loss: float
    mean_cost: float
    p95_cost: float
    eager: int
    """Instructions where every map is computed whole: exits, which differ by chance, are not in it."""

    def keeps(self, before: Figures, budget: float) -> bool:
        """Whether accuracy and log-loss stay inside the budget (a share, 0.005 = half a percentage point)."""
        slack = 1e-9
        return before.accuracy - self.accuracy <= budget + slack and self.loss - before.loss <= NATS * budget + slack


@dataclass(frozen=True)
class Pruned:
    """The settings and the model to go on with, and what the report says (plain values)."""

    config: Config
    fitted: Fitted
    report: dict[str, Any]


def prune_bands(
    first: Fitted,
    config: Config,
    refit: Refit,
    splits: dict[str, Windows],
    head: str,
    budget: float,
    say: Say = lambda _: None,
    progress: Progress = lambda *_: None,
) -> Pruned:
    """Search for bands to leave out. first: the model of `config`; refit: fits other settings on the same windows.

    budget: share of validation accuracy that may be lost.
    """
    validation = splits["validation"]
    plan = _plan(first, head)
    worth = _worth(plan, validation, progress)
    prices = band_prices(plan)
    if worth is None or prices is None:
        raise HybridError("--prune-bands: this model computes no log-mel, so there are no bands to leave out")
    say(_told_prices(prices))
    search = _Search(config, refit, validation, head, budget, say)
    tried = search.rank(candidates(config, worth["bands"], prices["bands"], first.trunk.bands))
    before = figures(plan, validation)
    found = search.settle(tried, before)
    chosen, settings, fitted = found or (None, config, first)
    say(f"bands: {chosen.what}" if chosen else "bands: none is worth leaving out")
    about = {
        "budget": budget, "nats": NATS * budget, "short": SHORT, "tried": search.rows,
        "chosen": chosen.what if chosen else None, "kind": chosen.kind if chosen else None,
        "before": _both(plan, splits, config), "after": _both(_plan(fitted, head), splits, settings),
    }  # fmt: skip
    return Pruned(settings, fitted, {"importance": worth, "band_prices": prices, "pruning": about})


class _Search:
    """Refits of candidates, and a row for each of them."""

    def __init__(self, config: Config, refit: Refit, validation: Windows, head: str, budget: float, say: Say) -> None:
        self.config, self.refit, self.validation, self.head = config, refit, validation, head
        self.budget, self.say = budget, say
        self.rows: list[dict[str, Any]] = []

    def rank(self, offered: Sequence[Candidate]) -> list[Candidate]:
        """The candidates that keep the budget after a short training, the cheapest first."""
        base = self._fitted(shortened(self.config))
        self._note(None, "short", base, None, None)
        kept: list[tuple[int, int, Candidate]] = []
        for candidate in offered:
            found = self._fitted(shortened(candidate.of(self.config)))
            inside = found.keeps(base, self.budget) and found.eager < base.eager
            self._note(candidate, "short", found, base, inside)
            if inside:
                kept.append((found.eager, len(kept), candidate))
        return [candidate for _, _, candidate in sorted(kept, key=lambda entry: entry[:2])]

    def settle(self, ranked: Sequence[Candidate], before: Figures) -> tuple[Candidate, Config, Fitted] | None:
        """The first candidate that keeps the budget against the first model after a full training, and costs less."""
        for candidate in ranked[:TRIES]:
            settings = candidate.of(self.config)
            fitted = self.refit(settings)
            found = figures(_plan(fitted, self.head), self.validation)
            inside = found.keeps(before, self.budget) and found.mean_cost < before.mean_cost
            self._note(candidate, "full", found, before, inside)
            if inside:
                return candidate, settings, fitted
        return None

    def _fitted(self, config: Config) -> Figures:
        return figures(_plan(self.refit(config), self.head), self.validation)

    def _note(
        self, candidate: Candidate | None, training: str, found: Figures, against: Figures | None, inside: bool | None
    ) -> None:
        settings = candidate.of(self.config) if candidate else self.config
        front, what = settings.front_end, candidate.what if candidate else "all bands"
        self.rows.append({
            "what": what, "kind": candidate.kind if candidate else "all", "training": training,
            "bands": front.heard_bands, "of": front.bands, "keep_bands": list(front.keep_bands),
            "accuracy": found.accuracy, "loss": found.loss, "mean_cost": found.mean_cost, "eager": found.eager,
            "inside": inside, "cost_change": found.mean_cost / against.mean_cost - 1 if against else None,
            "eager_change": found.eager / against.eager - 1 if against else None,
        })  # fmt: skip
        verdict = "" if inside is None else ", inside" if inside else ", left aside"
        self.say(
            f"bands, {training} training: {what}: validation {found.accuracy:.1%}, log-loss {found.loss:.3f}, mean "
            f"{found.mean_cost / 1e6:.3f}, eager {found.eager / 1e6:.3f} M instructions{verdict}"
        )


def candidates(
    config: Config,
    worth: Sequence[dict[str, Any]],
    prices: Sequence[dict[str, Any]],
    strengths: Sequence[float] = (),
) -> list[Candidate]:
    """What may be left out. worth, prices: rows of importance and price of each band that is heard; strengths: how
    strongly the trunk hears each, empty where that is not known. Settings that give no model are not among them.
    """
    numbers, bank = [row["band"] for row in worth], config.front_end.bands
    n = len(numbers)
    least = np.argsort([row["loss_rise"] / price["total"] for row, price in zip(worth, prices, strict=True)])
    made: list[Candidate] = []

    def without(kind: str, what: str, dropped: Sequence[int]) -> None:
        keep = tuple(number for index, number in enumerate(numbers) if index not in set(dropped))
        made.append(Candidate(kind, what, bank, keep))

    for k in _counts(n, TOP):
        without("top", f"without the highest {k} of {n} bands", range(n - k, n))
    for k in _counts(n, BOTTOM):
        without("bottom", f"without the lowest {k} of {n} bands", range(k))
    for k in _counts(n, BETWEEN):
        without("between", f"without the {k} of {n} bands that are worth least", least[:k].tolist())
    faded = [index for index, strength in enumerate(strengths) if strength < FADED]
    if config.training.band_l1 and faded:
        without("faded", f"without the {len(faded)} of {n} bands that faded in training", faded)
    if not config.front_end.keep_bands:
        for k in _counts(n, COARSER):
            made.append(Candidate("coarser", f"{k} wider bands in place of {n}", k, ()))
    unique = {(c.bands, c.keep): c for c in reversed(made)}
    return [c for c in made if unique[c.bands, c.keep] is c and _works(c, config)]


def _counts(n: int, shares: Sequence[float]) -> list[int]:
    return [k for k in dict.fromkeys(round(n * share) for share in shares) if 0 < k < n]


def _works(candidate: Candidate, config: Config) -> bool:
    settings = candidate.of(config)
    if settings.front_end.heard_bands < LEAST or (candidate.bands == config.front_end.bands and not candidate.keep):
        return False
    try:
        check_settings(settings)
    except HybridError:
        return False
    return True


def shortened(config: Config) -> Config:
    """The settings with a fraction of the trunk's training, and of the copies that the forest is fitted on.

    Pool and teachers stay as they are: they are in the cache.
    """
    full = config.training
    brief = replace(
        full, epochs=max(1, full.epochs // SHORT), quant_epochs=max(1, full.quant_epochs // SHORT),
        min_steps=max(1, full.min_steps // SHORT),
    )  # fmt: skip
    return replace(config, training=brief, forest=replace(config.forest, copies=max(1, config.forest.copies // SHORT)))


def figures(plan: Plan, windows: Windows) -> Figures:
    """Run a plan on windows."""
    results = interpret.run(plan, windows.pcm)
    right = windows.clip_labels(results.scores, plan.forest.clip_margin) == windows.clip_truth
    loss = losses(results.scores * plan.forest.unit, windows.truth)
    cost = results.cost
    p95 = float(np.percentile(cost, 95))
    return Figures(float(right.mean()), float(loss.mean()), float(cost.mean()), p95, plan.cost_eager)


def _plan(fitted: Fitted, head: str) -> Plan:
    return fitted.plan if head == "trees" else fitted.dense


def _worth(plan: Plan, validation: Windows, progress: Progress) -> dict[str, Any] | None:
    """Importance of bands and frames on validation windows, beside what decisions look at there."""
    if not plan.named:
        return None
    found = importance(plan, validation.pcm, validation.truth, progress=progress)
    if found is None:
        return None
    results = interpret.run(plan, validation.pcm)
    return with_access(found, looks(count(results), results))


def _both(plan: Plan, splits: dict[str, Windows], config: Config) -> dict[str, Any]:
    """Bands and figures of a model on validation and test."""
    front = config.front_end
    found: dict[str, Any] = {split: vars(figures(plan, splits[split])) for split in ("validation", "test")}
    eager = {"eager": plan.cost_eager, "static_max": plan.cost_max}
    return found | eager | {"bands": front.heard_bands, "of": front.bands, "keep_bands": list(front.keep_bands)}


def _told_prices(prices: dict[str, Any]) -> str:
    rows = prices["bands"]
    each = {key: sum(row[key] for row in rows) for key in ("taps", "log2", "first_convolution", "total")}
    share = each["total"] / prices["eager"] if prices["eager"] else 0.0
    return (
        f"bands: {len(rows)} take {each['total']:,.0f} of the {prices['eager']:,.0f} instructions of a whole window "
        f"({share:.0%}; taps {each['taps']:,.0f}, logarithms {each['log2']:,.0f}, first convolutions "
        f"{each['first_convolution']:,.0f}), a band {each['total'] / len(rows):,.0f}; spectra take "
        f"{prices['spectrum']:,.0f}, bands or none"
    )
