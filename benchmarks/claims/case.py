"""A saved model with the clips that it is judged on and the whole maps of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.plan import Plan
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.pool import Pool
from hybrid.config import Config
from hybrid.evaluate import load_model
from hybrid.recordings import read_windows
from hybrid.training import window_maps
from hybrid.windows import Windows

Maps = dict[str, np.ndarray]
PARTS = ("energies", "frames", "scout", "trunk", "heads", "forest")
"""Map families: energies, placing and contrasts; log-mel frames; convolutions of the scout and of the trunk; pools and
rows of logits; and what is no map: nodes, stages and the call."""


@dataclass(frozen=True, eq=False)
class Case:
    """A model as `hybrid fit` left it. clips: name of each test clip; maps: split -> whole maps of its windows."""

    folder: Path
    plan: Plan
    config: Config
    seed: int
    windows: dict[str, Windows]
    clips: tuple[str, ...]
    maps: dict[str, Maps]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


def heads_of(graph: Graph) -> list[str]:
    """Maps of logits, from the shallowest to the deepest."""
    return [m.name for m in graph if isinstance(m.op, Affine)]


def part_of(item: FeatureMap) -> str:
    """The family, one of PARTS, that the work of a map counts as."""
    if item.op.family == "front end":
        return "frames" if item.op.name in ("log_mel", "dct") else "energies"
    if isinstance(item.op, (Affine, Pool)):
        return "heads"
    return "scout" if item.name.startswith("scout_") else "trunk"


def load_case(folder: Path, data: Path) -> Case:
    """Read a model and its validation and test clips, split as the fit did. Raises HybridError."""
    model, config = load_model(folder)
    plan = model.plan
    windows = {s: read_windows(model, config, data, split=s).windows for s in ("validation", "test")}
    pools = [p for head in heads_of(plan.graph) for p in plan.graph[head].inputs]
    wanted = sorted({*plan.named, *heads_of(plan.graph), *pools})
    maps = {s: window_maps(plan.graph, w.pcm, wanted) for s, w in windows.items()}
    test = windows["test"]
    first = [int(np.flatnonzero(test.clip == c)[0]) for c in range(len(test.clip_truth))]
    clips = tuple(test.names[i].split(" (window")[0] for i in first)
    return Case(folder, plan, config, int(model.about["seed"]), windows, clips, maps)
