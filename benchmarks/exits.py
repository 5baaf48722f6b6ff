"""What exits cost and save: python benchmarks/exits.py MODEL... --data DATA [--copies 0 4] [--losses 0 0.5] [options]

MODEL: folders written by `hybrid fit`, several seeds or folds; DATA: what they were fitted on. Exits are chosen anew on
the validation clips and on so many augmented copies of them (--copies), for so many points that they may lose there
(--losses), in each of the ways named (--ways). Beside them stand the exits of the fit, one stage for all windows, no
exits at all, and the dense head eager. Nothing is trained.

Accuracies are of whole clips, means over the models; instructions those of a clip by the prices of the C (`.cost`), of
all windows that it is decided by. "Unseen" are validation clips, and beside them the most copies of --copies, by exits
that were chosen on other clips: in each of --folds parts, on the clips of all other parts and their copies. It is what
choices are made by: the exits of a fit harm next to no clip that they were chosen on, whatever they do to others. The
test columns only tell what a choice does.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Told:
    """What a way to leave does to validation and to test clips, and to validation clips by exits chosen on others:
    shares that are right, of the clips and of these and copies of them."""

    validation: Row
    test: Row
    unseen: tuple[float, float]


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
    parser.add_argument("--folds", type=int, default=10, help="parts of the validation clips, each once unseen")
    parser.add_argument("--ways", nargs="+", choices=("best", *WAYS), default=["one", "shared"])
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Everything but errors."""
    if min(options.copies) < 0 or not all(0 <= loss <= 100 for loss in options.losses):
        raise HybridError("--copies must not be negative, --losses between 0 and 100 points")
    if options.folds < 2:
        raise HybridError("--folds must be at least 2")
    found: dict[str, list[Told]] = {}
    for folder in options.models:
        print(f"{folder}", file=sys.stderr, flush=True)
        for name, one in tried(load_case(folder, options.data), options):
            found.setdefault(name, []).append(one)
    print("\n".join(table(found)))
    return 0


def tried(case: Case, options: argparse.Namespace) -> Iterator[tuple[str, Told]]:
    """Every way to leave, and what it does."""
    own = whole_stages(case.plan.forest)
    maps = judged(case, options.data, max(options.copies))

    def plain(forest: Forest, eager: bool = False) -> Told:
        return on_both(case, forest, decided(case, maps, forest), eager)

    yield "as fitted", on_both(case, case.plan.forest, (math.nan, math.nan))
    for copies in options.copies:
        for loss in options.losses:
            for way in options.ways:
                choice = Choice(copies, loss / 100, way)
                name = f"{way}: {loss:g} points, {copies} copies"
                others = unseen(case, own, maps, choice, options.folds)
                yield name, on_both(case, choice.of(case, own, maps), others)
    for number in range(len(own.stages) - 1):
        yield f"all windows leave after stage {number}", plain(all_after(own, number))
    yield "no exits", plain(never(own))
    yield "dense head, eager", plain(dense_end(case), eager=True)


def judged(case: Case, data: Path, copies: int) -> Maps:
    """Maps of the validation windows, and of copies of them behind."""
    pcm, own = case.windows["validation"].pcm, case.maps["validation"]
    _, noise = read_splits(data, case.config, case.plan.labels)
    changed = spoken_copies(pcm, noise, mel_settings(case.config), case.config.augment, case.seed, copies)
    parts = [own, *(window_maps(case.plan.graph, each, sorted(own)) for each in changed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in own}


@dataclass(frozen=True)
class Choice:
    """How exits are chosen: on so many copies beside the clips, for a share of them harmed, in a way."""

    copies: int
    loss: float
    way: str

    def of(self, case: Case, own: Forest, maps: Maps) -> Forest:
        """Exits as the fit would choose them on the validation clips of the case. maps: of these, and of copies."""
        held = case.windows["validation"]
        some = {name: values[: (1 + self.copies) * len(held.truth)] for name, values in maps.items()}
        forest = replace(case.config.forest, exit_loss=self.loss, exit_margins=self.way)
        found = choose_margins(plan_of(case, own), some, held, replace(case.config, forest=forest))
        return with_sure_exits(found.on(own), held)


def unseen(case: Case, own: Forest, maps: Maps, choice: Choice, folds: int) -> tuple[float, float]:
    """Shares of validation clips, and of these and all copies, that are right by exits which were chosen without them.
    maps: of the clips, and of copies behind."""
    held = case.windows["validation"]
    fold = np.random.default_rng(case.seed).permutation(len(held.clip_truth)) % folds
    right = np.zeros(2)
    for number in np.unique(fold):
        rest = part(case, maps, fold != number)
        forest = choice.of(rest, own, rest.maps["validation"])
        left = part(case, maps, fold == number)
        right += np.array(decided(left, left.maps["validation"], forest)) * (fold == number).sum()
    both = right / len(fold)
    return float(both[0]), float(both[1])


def decided(case: Case, maps: Maps, forest: Forest) -> tuple[float, float]:
    """Shares of validation clips, and of these and all copies, that a forest gets right."""
    held = case.windows["validation"]
    every = held.repeated(len(next(iter(maps.values()))) // len(held.truth))
    row = told(replace(case, windows={"all": every}, maps={"all": maps}), "", plan_of(case, forest), split="all")
    return float(row.right[: len(held.clip_truth)].mean()), row.accuracy


def part(case: Case, maps: Maps, clips: np.ndarray) -> Case:
    """The case with some of its validation clips, bool (clips,). maps: of all of them, and of copies behind if any."""
    held = case.windows["validation"]
    kept = clips[held.clip]
    some = {name: values[np.resize(kept, len(values))] for name, values in maps.items()}
    return replace(case, windows={"validation": held.of_clips(clips)}, maps={"validation": some})


def all_after(own: Forest, number: int) -> Forest:
    """Every window leaves after the same stage."""
    margins = [0 if i in (number, len(own.stages) - 1) else NEVER for i in range(len(own.stages))]
    return replace(own.with_margins(margins), clip_margin=NEVER)


def on_both(case: Case, forest: Forest, unseen: tuple[float, float], eager: bool = False) -> Told:
    """A forest on validation and on test clips."""
    plan = plan_of(case, forest)
    first, second = (told(case, split, plan, eager=eager, split=split) for split in SPLITS)
    return Told(first, second, unseen)


def table(found: dict[str, list[Told]]) -> list[str]:
    """A row for each way, means over models."""
    lines = [
        "| exits | validation, % | unseen, % | and copies, % | test, % "
        "| k instructions a clip, validation | test | windows a clip |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, all_told in found.items():
        right = [[t.validation.accuracy, *t.unseen, t.test.accuracy] for t in all_told]
        cost = [[t.validation.cost, t.test.cost] for t in all_told]
        windows = np.mean([t.test.more["windows"] for t in all_told])
        cells = ["" if math.isnan(x) else f"{100 * x:.2f}" for x in np.mean(right, axis=0)]
        cells += [f"{x / 1e3:,.0f}" for x in np.mean(cost, axis=0)]
        lines.append(f"| {name} | {' | '.join(cells)} | {windows:.2f} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
