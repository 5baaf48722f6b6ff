"""`hybrid fit --max-flash --max-ram --max-cost`: the best model of a short ladder that keeps its limits.

The ladder goes down in trunk widths, and at each width in forest rounds; its first rung is the model as configured.
A width is left out untrained where already its trunk and heads alone, with weights of no meaning, break a limit: sizes
and bound follow from shapes, and trees only add to them. Of the first `ENOUGH` widths that keep the limits, measured
on the trained model, the one that is best on validation is taken; of equals the smaller one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import interpret
from codegen.artifacts import write_code
from codegen.plan import Plan
from feature_extractors.cnn.train import TrainedTrunk
from hybrid import footprint
from hybrid.boards import KB, Board
from hybrid.config import Config
from hybrid.errors import HybridError
from hybrid.windows import Windows

if TYPE_CHECKING:
    from hybrid.training import Fitted

WIDTHS = (1.0, 0.75, 0.5, 0.375, 0.25)
ROUNDS = (1.0, 0.5)
STEP = 8
"""Wide trunks keep multiples of this many channels, which kernels like."""
ENOUGH = 2
STACK = 1024
"""Bytes set aside for the stack where a board gives the limit; measured stacks are below."""
REMEDIES = {
    "flash": "lower trunk.channels or trunk.kernels, take fewer trunk.heads",
    "ram": "shorten audio.window_s, lower front_end.bands or trunk.channels",
    "cost": "lengthen front_end.hop, lower front_end.bands or trunk.kernels",
}
"""Settings that bring a model below the ladder's smallest."""
UNITS = {"": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 1_000_000, "mb": 1_000_000, "mib": 1 << 20}


@dataclass(frozen=True)
class Need:
    """What a model takes: bytes of flash and RAM, instructions of the worst decision.

    RAM without the stack: the streaming context where the model can stream, else the context and a window of samples.
    """

    flash: int
    ram: int
    cost: int


@dataclass(frozen=True)
class Limits:
    """The most that a model may take; None: as much as it likes."""

    flash: int | None = None
    ram: int | None = None
    cost: int | None = None

    def over(self, need: Need) -> dict[str, int]:
        """By how much a model breaks each limit that it breaks."""
        pairs = ((name, limit, getattr(need, name)) for name, limit in asdict(self).items())
        return {name: used - limit for name, limit, used in pairs if limit is not None and used > limit}


Train = Callable[[Config, TrainedTrunk | None], "Fitted"]


@dataclass(frozen=True)
class Found:
    """The chosen model: its settings, what it takes, and what was tried on the way (plain JSON values)."""

    config: Config
    fitted: Fitted
    need: Need
    tried: list[dict[str, Any]]


def parse_size(text: str, option: str) -> int:
    """A size such as 60000, 60k, 60kB, 64KiB or 1.5M. Raises HybridError naming the option."""
    unit = text.strip().lstrip("0123456789._ ").lower()
    digits = text.strip()[: len(text.strip()) - len(unit)].strip()
    try:
        value = float(digits) * UNITS[unit]
    except (ValueError, KeyError):
        raise HybridError(f"{option} {text!r} is no size: write a number, such as 60000, 60k or 64KiB") from None
    if not 1 <= value < 2**40:
        raise HybridError(f"{option} {text!r} is out of range: write a number of at least 1")
    return int(value)


def board_limits(board: Board, own: Limits) -> Limits:
    """The limits of a board, where none is given: all its flash; its RAM less the stack."""
    flash = own.flash if own.flash is not None else board.flash_kb * KB
    return Limits(flash, own.ram if own.ram is not None else board.ram_kb * KB - STACK, own.cost)


def ladder(config: Config, head: str) -> Iterator[list[Config]]:
    """Widths from the configured one down; of each, settings with fewer and fewer rounds of the forest."""
    seen = set()
    for share in WIDTHS:
        channels, scout = (tuple(_narrowed(c, share) for c in t.channels) for t in (config.trunk, config.scout))
        if (channels, scout) not in seen:
            seen.add((channels, scout))
            trunk, small = replace(config.trunk, channels=channels), replace(config.scout, channels=scout)
            narrow = replace(config, trunk=trunk, scout=small)
            yield [narrow] if head == "dense" else _fewer_rounds(narrow)


def _narrowed(channels: int, share: float) -> int:
    step = STEP if channels >= 4 * STEP else 1
    return channels if share == 1 else max(step, round(channels * share / step) * step)


def _fewer_rounds(config: Config) -> list[Config]:
    options = dict.fromkeys(tuple(max(min(r, 1), round(r * s)) for r in config.forest.rounds) for s in ROUNDS)
    return [replace(config, forest=replace(config.forest, rounds=rounds)) for rounds in options]


def measure(plan: Plan) -> Need:
    """What the generated code of a plan takes."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        write_code(plan, Path(scratch))
        found = footprint.measure(Path(scratch), plan.name)
    ram = found["ram"]
    window = ram["context"] + 2 * plan.source.value.shape[0]
    used = ram["static"] + (window if ram["stream"] is None else min(window, ram["stream"]))
    return Need(found["flash"]["total"], used, plan.cost_max)


def find(
    limits: Limits,
    config: Config,
    head: str,
    train: Train,
    probe: Callable[[Config], Plan] | None,
    validation: Windows,
    say: Callable[[str], None],
) -> Found:
    """The best model of the ladder inside the limits.

    train: fits settings, on a trunk that is trained already or None; probe: the plan of settings without training and
    trees, None where that says nothing. Raises HybridError saying which limit cannot be met and by how much.
    """
    tried: list[dict[str, Any]] = []
    inside: list[tuple[float, Found]] = []
    for rungs in ladder(config, head):
        if probe is not None and limits.over(least := measure(probe(rungs[0]))):
            _note(tried, rungs[0], least, limits, None, say)
            continue
        trunk = None
        for settings in rungs:
            fitted = train(settings, trunk)
            trunk, plan = fitted.trunk, fitted.plan if head == "trees" else fitted.dense
            need, right = measure(plan), _accuracy(plan, validation)
            _note(tried, settings, need, limits, right, say)
            if not limits.over(need):
                inside.append((right, Found(settings, fitted, need, tried)))
                break
        if len(inside) == ENOUGH:
            break
    if not inside:
        raise HybridError(_impossible(limits, tried))
    right, best = max(reversed(inside), key=lambda pair: pair[0])
    say(f"budget: {_shown(best.config)} taken: the best on validation ({right:.1%}) of {len(inside)} inside the limits")
    return best


def _shown(settings: Config) -> str:
    rounds, channels = settings.forest.rounds, "-".join(map(str, settings.trunk.channels))
    return f"channels {channels}, rounds {'-'.join(map(str, rounds))}"


def _accuracy(plan: Plan, validation: Windows) -> float:
    labels = validation.clip_labels(interpret.run(plan, validation.pcm).scores, plan.forest.clip_margin)
    return float(np.mean(labels == validation.clip_truth))


def _note(
    tried: list[dict[str, Any]], settings: Config, need: Need, limits: Limits, accuracy: float | None,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Keep and tell what one model of the ladder takes. accuracy: on validation, None where it was not trained."""
    over = limits.over(need)
    about = {"channels": list(settings.trunk.channels), "rounds": list(settings.forest.rounds)}
    tried.append({**about, **asdict(need), "over": over, "validation": accuracy})
    channels = "-".join(map(str, settings.trunk.channels))
    trained = f"{_shown(settings)}: validation {accuracy:.1%}" if accuracy is not None else (
        f"channels {channels}, untrained, without trees"
    )  # fmt: skip
    verdict = "over in " + ", ".join(f"{k} by {v:,}" for k, v in over.items()) if over else "inside"
    say(
        f"budget: {trained}: flash {need.flash:,}, RAM {need.ram:,} bytes (samples included), at most {need.cost:,} "
        f"instructions: {verdict}"
    )


def _impossible(limits: Limits, tried: Sequence[dict[str, Any]]) -> str:
    """Which limits no model of the ladder keeps, or that none keeps all together."""
    trained = [row for row in tried if row["validation"] is not None]
    tried, what = (trained, "") if trained else (tried, ", without trees,")
    parts = []
    for name, limit in asdict(limits).items():
        least = min(row[name] for row in tried)
        if limit is not None and least > limit:
            parts.append(f"--max-{name} {limit:,} cannot be met: the smallest model tried{what} takes {least:,}, "
                         f"{least - limit:,} more ({REMEDIES[name]})")  # fmt: skip
    if not parts:
        closest = min(tried, key=lambda row: sum(v / getattr(limits, k) for k, v in row["over"].items()))
        over = ", ".join(f"--max-{k} by {v:,}" for k, v in closest["over"].items())
        remedies = "; ".join(dict.fromkeys(REMEDIES[name] for name in closest["over"]))
        parts.append(f"no model tried keeps all limits together: the closest breaks {over} ({remedies})")
    return f"{'; '.join(parts)}: raise the limit, or change the settings named"
