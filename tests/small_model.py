"""A small audio model that no one trained: log-mel, three layers, staged trees. Deterministic, made in a second.

`python -m tests.small_model DIR` writes its code and some sounds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from codegen import interpret
from codegen.artifacts import write_code
from codegen.plan import Plan
from feature_extractors.graph import Graph
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.samples import Samples
from tests.random_plans import Draw
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature

BANDS = 20


def sounds(rate: int, samples: int, n: int = 48) -> np.ndarray:
    """int16 (n, samples): chirps and noise at many levels, the first at full scale."""
    rng = np.random.default_rng(0)
    time = np.arange(samples) / rate
    start, rise = rng.uniform(100, rate / 3, (n, 1)), rng.uniform(-rate / 8, rate / 8, (n, 1))
    chirps = np.sin(2 * np.pi * (start * time + rise * time**2 / 2))
    level = 10 ** rng.uniform(1, 4.4, (n, 1))
    pcm = level * (chirps * rng.uniform(0, 1, (n, 1)) + 0.2 * rng.standard_normal((n, samples)))
    pcm[0] = np.where(np.arange(samples) % 50 < 25, 32767, -32768)
    return np.clip(pcm, -32768, 32767).astype(np.int16)


def small_plan(rate: int = 16000, samples: int = 16000, name: str = "small") -> Plan:
    """Three classes, three stages that are all left at."""
    draw, graph = Draw(3), Graph()
    graph.add("pcm", Samples(rate, samples))
    graph.add("log_mel", log_mel(rate, 256, 320, BANDS, 50, rate // 2), ["pcm"])
    stem = Conv(
        weights=draw.weights(8, 5, 1, BANDS), stride=(2, 1), pad=(2, 2, 0, 0), dtype="uint8", fold_bands=True, group=4,
        **draw.scaling(8, 3e-4),
    )  # fmt: skip
    graph.add("stem", stem, ["log_mel"])
    depthwise = Depthwise(
        weights=draw.weights(5, 1, 8), stride=(1, 1), pad=(2, 2, 0, 0), dtype="int8", fold_bands=False, group=8,
        **draw.scaling(8, 5e-3),
    )  # fmt: skip
    graph.add("depthwise", depthwise, ["stem"])
    pointwise = Conv(
        weights=draw.weights(12, 1, 1, 8), stride=(1, 1), pad=(0, 0, 0, 0), dtype="uint8", fold_bands=False, group=4,
        **draw.scaling(12, 5e-3),
    )  # fmt: skip
    graph.add("pointwise", pointwise, ["depthwise"])
    for kind in ("mean", "max"):
        graph.add(f"stem_{kind}", Pool(kind, 1, 1, 4), ["stem"])
        graph.add(kind, Pool(kind, 1, 1, 4), ["pointwise"])
    return _with_trees(graph, draw, sounds(rate, samples), name)


def _with_trees(graph: Graph, draw: Draw, pcm: np.ndarray, name: str) -> Plan:
    read = (("stem_mean", "stem_max"), ("mean", "max"))
    names = [name for maps in read for name in maps]
    features = [Feature(m, tuple(map(int, at))) for m in names for at in np.ndindex(graph[m].value.shape)]
    values = interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), names)
    builder = ForestBuilder(3, features, 1 / 1024)
    for stage in range(3):
        own = [i for i, f in enumerate(features) if f.map in read[min(stage, 1)]]
        for tree in range(6):
            number = int(draw.one(*own))
            column = values[features[number].map][(slice(None), *features[number].index)]
            node = builder.node()
            left, right = (builder.leaf(draw.rng.normal(size=1)) for _ in range(2))
            builder.set_node(node, number, int(np.median(column)), left, right)
            builder.tree(node, tree % 3)
        builder.stage(None, 0)
    plan = Plan(name, ("left", "right ü", '"stop"'), graph, builder.finish(np.zeros(3)))
    margins = np.quantile(interpret.run(plan, pcm).margin, [0.6, 0.5]).astype(int)
    return Plan(plan.name, plan.labels, graph, plan.forest.with_margins([*margins, 0]))


def main(folder: Path) -> None:
    """Write the model's code into a new folder, sounds as WAV files beside it, and their list."""
    folder.mkdir(parents=True)
    write_code(small_plan(), folder)
    for number, pcm in enumerate(sounds(16000, 24000)):
        soundfile.write(folder / f"{number:02}.wav", pcm, 16000, subtype="PCM_16")
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in sorted(folder.glob("*.wav"))), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
