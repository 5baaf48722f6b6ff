"""What exits cost and save: python benchmarks/exits.py MODEL... --data DATA [--copies 0 4] [--losses 0 0.5] [options]

MODEL: folders written by `hybrid fit`, several seeds or folds; DATA: what they were fitted on. Exits are chosen anew on
the validation clips and on so many augmented copies of them (--copies), for so many points that they may lose there
(--losses), in each of the ways named (--ways). Beside them stand the exits of the fit, one stage for all windows, no
exits at all, and the dense head eager. Nothing is trained.

Accuracies are of whole clips, means over the models; instructions those of a clip by the prices of the C (`.cost`), of
all windows that it is decided by. All of it can be seen on validation; the test columns only tell what a choice does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.claims.case import Case, Maps, load_case
from benchmarks.claims.demand import dense_end
from benchmarks.claims.forests import never, plan_of, whole_stages
from benchmarks.claims.measure import Row, told
from benchmarks.refit import read_splits
from feature_extractors.cnn.pool import spoken_copies
from hybrid.errors import HybridError
from hybrid.exits import WAYS
from hybrid.training import choose_margins, window_maps, with_sure_exits
from hybrid.trunk import mel_settings
from tree_backends.forest import NEVER, Forest

SPLITS = ("validation", "test")
Pair = tuple[Row, Row]
"""What one forest does on validation and on test clips."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    options = parse(arguments)
    try:
        return run(options)
    except HybridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--copies", type=int, nargs="+", default=[0, 4], help="of the validation clips")
    parser.add_argument("--losses", type=float, nargs="+", default=[0.0, 0.25, 0.5], help="in points of accuracy")
    parser.add_argument("--ways", nargs="+", choices=("best", *WAYS), default=["one", "shared"])
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Everything but errors."""
    if min(options.copies) < 0 or not all(0 <= loss <= 100 for loss in options.losses):
        raise HybridError("--copies must not be negative, --losses between 0 and 100 points")
    found: dict[str, list[Pair]] = {}
    for folder in options.models:
        print(f"{folder}", file=sys.stderr, flush=True)
        for name, pair in tried(load_case(folder, options.data), options):
            found.setdefault(name, []).append(pair)
    print("\n".join(table(found)))
    return 0


def tried(case: Case, options: argparse.Namespace) -> Iterator[tuple[str, Pair]]:
    """Every way to leave, and what it does."""
    own = whole_stages(case.plan.forest)
    yield "as fitted", both(case, case.plan.forest)
    maps = judged(case, options.data, max(options.copies))
    for copies in options.copies:
        for loss in options.losses:
            for way in options.ways:
                forest = chosen(case, own, maps, copies, loss / 100, way)
                yield f"{way}: {loss:g} points, {copies} copies", both(case, forest)
    for number in range(len(own.stages) - 1):
        yield f"all windows leave after stage {number}", both(case, all_after(own, number))
    yield "no exits", both(case, never(own))
    yield "dense head, eager", both(case, dense_end(case), eager=True)


def judged(case: Case, data: Path, copies: int) -> Maps:
    """Maps of the validation windows, and of copies of them behind."""
    pcm, own = case.windows["validation"].pcm, case.maps["validation"]
    _, noise = read_splits(data, case.config, case.plan.labels)
    changed = spoken_copies(pcm, noise, mel_settings(case.config), case.config.augment, case.seed, copies)
    parts = [own, *(window_maps(case.plan.graph, each, sorted(own)) for each in changed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in own}


def chosen(case: Case, own: Forest, maps: Maps, copies: int, loss: float, way: str) -> Forest:
    """Exits as the fit would choose them with these settings."""
    held = case.windows["validation"]
    some = {name: values[: (1 + copies) * len(held.truth)] for name, values in maps.items()}
    config = replace(case.config, forest=replace(case.config.forest, exit_loss=loss, exit_margins=way))
    found = choose_margins(plan_of(case, own), some, held, config)
    return with_sure_exits(found.on(own), held)


def all_after(own: Forest, number: int) -> Forest:
    """Every window leaves after the same stage."""
    margins = [0 if i in (number, len(own.stages) - 1) else NEVER for i in range(len(own.stages))]
    return replace(own.with_margins(margins), clip_margin=NEVER)


def both(case: Case, forest: Forest, eager: bool = False) -> Pair:
    """A forest on validation and on test clips."""
    plan = plan_of(case, forest)
    first, second = (told(case, split, plan, eager=eager, split=split) for split in SPLITS)
    return first, second


def table(found: dict[str, list[Pair]]) -> list[str]:
    """A row for each way, means over models."""
    lines = [
        "| exits | validation, % | test, % | k instructions a clip, validation | test | windows a clip |",
        "|---|---|---|---|---|---|",
    ]
    for name, pairs in found.items():
        right = [100 * np.mean([pair[i].accuracy for pair in pairs]) for i in range(2)]
        cost = [np.mean([pair[i].cost for pair in pairs]) / 1e3 for i in range(2)]
        windows = np.mean([pair[1].more["windows"] for pair in pairs])
        lines.append(
            f"| {name} | {right[0]:.2f} | {right[1]:.2f} | {cost[0]:,.0f} | {cost[1]:,.0f} | {windows:.2f} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
