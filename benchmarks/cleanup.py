"""What each clean-up of a forest is worth: python benchmarks/cleanup.py MODEL DATA [--seed 0]

MODEL: a folder written by `hybrid fit`; DATA: the recordings that it was fitted on. Thresholds are judged close by the
training windows; accuracy and cost are told on validation and test windows, with the model's own exits. Flash is that
of the tables of the forest in the generated C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codegen import interpret
from codegen.header.compact import compact, leaf_scores
from codegen.plan import Plan
from hybrid.data import load_corpus, open_corpus
from hybrid.evaluate import load_model
from hybrid.training import window_maps
from hybrid.windows import Windows, cut
from tree_backends.cleanup import cut_leaves, drop_dead, merge_thresholds, share_subtrees
from tree_backends.exits import order_by_gain, split_stages
from tree_backends.forest import Forest

Maps = dict[str, np.ndarray]


def flash(forest: Forest) -> int:
    """Bytes of nodes, thresholds and leaves."""
    nodes = compact(forest)
    scores = leaf_scores(forest, nodes.leaves)
    tables = (nodes.words, nodes.thresholds, nodes.first, scores.values, scores.low, scores.high)
    return sum(table.nbytes for table in tables if table is not None)


def ways(values: np.ndarray) -> dict[str, Callable[[Forest], Forest]]:
    """The clean-ups by name."""
    found: dict[str, Callable[[Forest], Forest]] = {
        "as it is": lambda f: f,
        "dead nodes": drop_dead,
        "equal subtrees shared": share_subtrees,
    }
    for share in (0.0, 0.001, 0.003, 0.01, 0.03):
        found[f"thresholds within {share:.1%} of rows"] = lambda f, s=share: merge_thresholds(f, values, s)
    for step in (4, 16, 64):
        found[f"leaves in steps of {step}"] = lambda f, s=step: cut_leaves(f, s)
    found["thresholds 0.3%, leaves 16"] = lambda f: cut_leaves(merge_thresholds(f, values, 0.003), 16)
    found["trees skipped where they change nothing"] = lambda f: split_stages(f, 0)
    found["the same after every round"] = lambda f: split_stages(order_by_gain(f), 1)
    both = found["thresholds 0.3%, leaves 16"]
    found["all of these"] = lambda f: split_stages(both(f), 0)
    return found


def windows_of(folder: Path, data: Path, seed: int) -> tuple[Plan, dict[str, Windows]]:
    """The model and the windows of each split."""
    model, config = load_model(folder)
    chosen = config.data
    corpus = open_corpus(
        data, classes=chosen.classes, layout=chosen.layout, subset=chosen.subset, test_fold=chosen.test_fold,
        validation_fold=chosen.validation_fold, leave_out=chosen.leave_out, test_takes=chosen.test_takes,
        silence_clips=chosen.silence_clips, silence_fraction=chosen.silence_fraction,
        silence_seconds=config.audio.window_s, seed=seed,
    )  # fmt: skip
    loaded = load_corpus(corpus, config.audio.rate, False)
    splits = ("train", "validation", "test")
    return model.plan, {s: cut(*loaded.select(s), model.plan.labels, config) for s in splits}


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the corpus's noise")
    options = parser.parse_args()
    plan, windows = windows_of(options.model, options.data, options.seed)
    maps = {s: window_maps(plan.graph, w.pcm, plan.named) for s, w in windows.items()}
    columns = ("nodes", "leaves", "thresholds", "node bits", "bytes", "instructions", "validation", "test")
    print(f"| {options.model.name} | {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, way in ways(interpret.values_of(maps["train"], plan.forest.features)).items():
        changed = replace(plan, forest=way(plan.forest))
        print(f"| {name} | {told(changed, maps, windows)} |", flush=True)


def told(plan: Plan, maps: dict[str, Maps], windows: dict[str, Windows]) -> str:
    """A row of the table."""
    nodes = compact(plan.forest)
    cells = [f"{plan.forest.nodes}", f"{len(plan.forest.leaf_scores)}", f"{len(nodes.thresholds)}"]
    cells += [f"{8 * nodes.words.itemsize}", f"{flash(plan.forest)}"]
    results = {s: interpret.decide_on(plan, maps[s]) for s in ("validation", "test")}
    cells.append(f"{results['test'].cost.mean():.0f}")
    return " | ".join([*cells, *(f"{100 * (r.label == windows[s].truth).mean():.2f}" for s, r in results.items())])


if __name__ == "__main__":
    main()
