"""Small random plans over raw samples: quick to evaluate, and every op, stride, padding and tile size occurs."""

from __future__ import annotations

import numpy as np

from codegen import interpret
from codegen.plan import Plan
from feature_extractors.graph import Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.contrast import Contrast
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.place import placement
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.requant import fixed_point
from feature_extractors.ops.samples import Samples
from tree_backends.build import ForestBuilder
from tree_backends.forest import Feature

SAMPLES = 1000


class Draw:
    """Random parameters from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def one(self, *choices):
        """One of the choices."""
        return choices[self.rng.integers(len(choices))]

    def weights(self, *shape: int) -> np.ndarray:
        """int8, the extremes included."""
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def scaling(self, channels: int, scale: float) -> dict[str, np.ndarray]:
        """bias, multiplier and shift around a scale."""
        pairs = [fixed_point(scale * self.rng.uniform(0.5, 2)) for _ in range(channels)]
        return {
            "bias": self.rng.integers(-5000, 5000, channels).astype(np.int32),
            "multiplier": np.array([m for m, _ in pairs], np.int32),
            "shift": np.array([s for _, s in pairs], np.int32),
        }

    def pcm(self, n: int) -> np.ndarray:
        """int16 windows (n, SAMPLES): noise at several levels, and full-scale squares."""
        level = 10 ** self.rng.uniform(0, 4.5, (n, 1))
        pcm = np.clip(self.rng.normal(size=(n, SAMPLES)) * level, -32768, 32767)
        pcm[0] = np.where(np.arange(SAMPLES) % 50 < 25, 32767, -32768)
        return pcm.astype(np.int16)


def random_graph(draw: Draw) -> Graph:
    """samples -> conv -> depthwise -> pointwise -> pools -> affine, and a 2-D convolution beside them."""
    graph = Graph()
    graph.add("pcm", Samples(16000, SAMPLES))
    c1, c2 = int(draw.rng.integers(3, 9)), int(draw.rng.integers(3, 11))
    common = {"fold_bands": False}
    graph.add(
        "stem",
        Conv(weights=draw.weights(c1, 21, 1, 1), stride=(20, 1), pad=(draw.one(0, 5), 0, 0, 0), dtype="uint8",
             group=draw.one(1, c1), **draw.scaling(c1, 2e-4), **common),
        ["pcm"],
    )  # fmt: skip
    graph.add(
        "dw",
        Depthwise(weights=draw.weights(5, 1, c1), stride=(draw.one(1, 2), 1), pad=(2, 2, 0, 0),
                  dtype=draw.one("int8", "uint8", "int16"), group=int(draw.rng.integers(1, c1 + 1)),
                  **draw.scaling(c1, 5e-3), **common),
        ["stem"],
    )  # fmt: skip
    graph.add(
        "pw",
        Conv(weights=draw.weights(c2, 1, 1, c1), stride=(1, 1), pad=(0, 0, 0, 0), dtype="uint8",
             group=int(draw.rng.integers(1, c2 + 1)), **draw.scaling(c2, 5e-3), **common),
        ["dw"],
    )  # fmt: skip
    plane = Conv(
        weights=draw.weights(5, 7, 1, 1), stride=(25, 1), pad=(0, 0, 0, 0), dtype="int16", group=5,
        **draw.scaling(5, 1e-2), **common,
    )  # fmt: skip
    graph.add("plane", plane, ["pcm"])
    folded = Conv(
        weights=draw.weights(4, 3, 1, 5), stride=(2, 1), pad=(1, 1, 0, 0), dtype="int8", fold_bands=True, group=2,
        **draw.scaling(4, 1e-4),
    )  # fmt: skip
    graph.add("folded", folded, ["plane"])
    graph.add("mean", Pool("mean", 3, 1, int(draw.rng.integers(1, c2 + 1))), ["pw"])
    graph.add("peak", Pool("max", 2, 1, int(draw.rng.integers(1, c2 + 1))), ["pw"])
    heads = Affine(
        weights=(draw.weights(3, 3 * c2), draw.weights(3, 2 * c2)), shifts=(0, 3), group=draw.one(1, 2, 3),
        **draw.scaling(3, 1e-2),
    )  # fmt: skip
    graph.add("head", heads, ["mean", "peak"])
    return graph


def random_plan(seed: int, vector: bool = False) -> tuple[Plan, np.ndarray]:
    """A plan of three stages and windows int16 (n, SAMPLES) of which some leave at each stage."""
    draw = Draw(seed)
    graph, pcm = random_graph(draw), draw.pcm(24)
    read = ("mean", "peak", "pw", "head", "stem", "folded")
    features = [Feature(n, tuple(int(i) for i in at)) for n in read for at in np.ndindex(graph[n].value.shape)]
    maps = interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), list(read))
    builder = ForestBuilder(3, features, 1 / 1024)
    for stage in range(3):
        for tree in range(int(draw.rng.integers(1, 6))):
            root = _grow(builder, draw, maps, features, int(draw.rng.integers(0, 4)), 3 if vector else 1)
            builder.tree(root, *([] if vector else [tree % 3]))
        builder.stage("head" if stage == draw.one(0, 1) else None, draw.one(0, 2))
    plan = Plan("rnd", ("a", "b c", 'ü"?\\'), graph, builder.finish(draw.rng.normal(size=3)))
    margins = np.quantile(interpret.run(plan, pcm).margin, [0.6, 0.4]).astype(int)
    return Plan(plan.name, plan.labels, graph, plan.forest.with_margins([*margins, 0])), pcm


def _grow(builder, draw: Draw, maps, features, depth: int, width: int) -> int:
    if depth == 0:
        return builder.leaf(draw.rng.normal(size=width))
    node, number = builder.node(), int(draw.rng.integers(len(features)))
    feature = features[number]
    values = maps[feature.map][(slice(None), *feature.index)]
    left = _grow(builder, draw, maps, features, depth - 1, width)
    right = _grow(builder, draw, maps, features, int(draw.rng.integers(0, depth)), width)
    builder.set_node(node, number, int(np.quantile(values, draw.rng.uniform(0.1, 0.9))), left, right)
    return node


def _layer(draw: Draw, graph: Graph, name: str, source: str, kernel: int, stride: int, pad: tuple[int, int]) -> None:
    """Depthwise and pointwise convolution over time, `<name>_dw` and `<name>`; bands become channels."""
    (_, bands, channels), wide = graph[source].value.shape, int(draw.rng.integers(2, 7))
    channels, common = bands * channels, {"fold_bands": False}
    depthwise = Depthwise(
        weights=draw.weights(kernel, 1, channels), stride=(stride, 1), pad=(*pad, 0, 0), group=draw.one(1, channels),
        dtype=draw.one("int8", "int16"), fold_bands=bands > 1, **draw.scaling(channels, 4e-3 if bands == 1 else 3e-4),
    )  # fmt: skip
    pointwise = Conv(
        weights=draw.weights(wide, 1, 1, channels), stride=(1, 1), pad=(0, 0, 0, 0), dtype="uint8",
        group=draw.one(1, wide), **draw.scaling(wide, 8e-3), **common,
    )  # fmt: skip
    graph.add(name, pointwise, [graph.add(f"{name}_dw", depthwise, [source])])


def _head(draw: Draw, graph: Graph, name: str, source: str, group: int) -> None:
    """Pools of a map, `<name>_mean` and `<name>_peak`, and three logits from them, `<name>`."""
    channels, times = graph[source].value.shape[2], graph[source].value.shape[0]
    parts = int(draw.rng.integers(1, min(3, times) + 1))
    mean = graph.add(f"{name}_mean", Pool("mean", parts, 1, draw.one(1, channels)), [source])
    peak = graph.add(f"{name}_peak", Pool("max", 1, 1, draw.one(1, channels)), [source])
    affine = Affine(
        weights=(draw.weights(3, parts * channels), draw.weights(3, channels)), shifts=(0, 2), group=group,
        **draw.scaling(3, 1e-2),
    )  # fmt: skip
    graph.add(name, affine, [mean, peak])


def _placed_frames(draw: Draw, graph: Graph) -> str:
    """Log-mel frames around the sound, of half the window or so, and a few pools of the energies that place them."""
    hop, placed, step = draw.one(40, 50), int(draw.rng.integers(8, 13)), draw.one(1, 2, 2)
    loudness, place = placement(SAMPLES, 128, hop, placed, step)
    graph.add("place", place, [graph.add("loudness", loudness, ["pcm"])])
    for kind in ("mean", "max"):
        graph.add(f"{kind}_loudness", Pool(kind, int(draw.rng.integers(1, 4)), 1, 1), ["loudness"])
    return graph.add("frames", log_mel(16000, 128, hop, draw.one(6, 8), 100, 8000, placed=placed), ["pcm", "place"])


def _all_frames(draw: Draw, graph: Graph) -> str:
    """Convolved frames of the whole window, and their energies."""
    hop, channels = draw.one(25, 25, 45), int(draw.rng.integers(2, 6))
    frames = Conv(
        weights=draw.weights(channels, 40, 1, 1), stride=(hop, 1), pad=(0, 0, 0, 0), dtype="uint8",
        fold_bands=False, group=draw.one(1, channels), **draw.scaling(channels, 2e-4),
    )  # fmt: skip
    below = graph.add("frames", frames, ["pcm"])
    graph.add("energy", FrameEnergy(draw.one(25, 30), hop, hop == 45), ["pcm"])
    graph.add("contrast", Contrast(4), ["energy"])
    return below


def deep_graph(draw: Draw, placed: bool = False) -> Graph:
    """Frames of samples -> layers with heads at every depth, and the frames' energies: as real models are."""
    graph = Graph()
    graph.add("pcm", Samples(16000, SAMPLES))
    below = _placed_frames(draw, graph) if placed else _all_frames(draw, graph)
    for depth in range(int(draw.rng.integers(2, 4))):
        kernel = draw.one(1, 3, 4, 5)
        pad = draw.one((0, 0), (kernel // 2, kernel // 2), (kernel - 1, 0))
        _layer(draw, graph, f"d{depth}", below, kernel, draw.one(1, 2), pad)
        below = f"d{depth}"
        _head(draw, graph, f"head{depth}", below, draw.one(1, 3))
    return graph


def deep_plan(seed: int, placed: bool = False) -> tuple[Plan, np.ndarray]:
    """A plan whose stages begin with heads of rising depth, or with none, and windows int16 (n, SAMPLES).

    placed: the frames are those around the sound, and a first stage may ask for their energies alone.
    """
    draw = Draw(seed)
    graph, pcm = deep_graph(draw, placed), draw.pcm(16)
    heads = [m.name for m in graph if m.op.name == "affine"]
    share = {"energy": 0.5, "pcm": 0.0}
    gate = placed and draw.one(True, False)
    read = [*heads, *(m.name for m in graph if draw.rng.random() < share.get(m.name, 0.15))]
    features = sorted({Feature(n, tuple(int(i) for i in at)) for n in read for at in np.ndindex(graph[n].value.shape)})
    maps = interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), sorted(set(read)))
    if gate:
        loud = [Feature(f"{kind}_loudness", (0, 0, 0)) for kind in ("mean", "max")]
        features = sorted({*features, *loud})
        maps |= interpret.evaluate_maps(graph, interpret.source_map(graph, pcm), [f.map for f in loud])
    builder = ForestBuilder(3, features, 1 / 1024)
    if gate:
        for cls, feature in enumerate(loud):
            node, values = builder.node(), maps[feature.map][:, 0, 0, 0]
            leaves = builder.leaf(draw.rng.normal()), builder.leaf(draw.rng.normal())
            builder.set_node(node, features.index(feature), int(np.median(values)), *leaves)
            builder.tree(node, cls)
        builder.stage()
    for head in heads:
        for tree in range(int(draw.rng.integers(1, 4))):
            builder.tree(_grow(builder, draw, maps, features, int(draw.rng.integers(1, 4)), 1), tree % 3)
        builder.stage(draw.one(head, head, None), 1)
    plan = Plan("deep", ("a", "b", "c"), graph, builder.finish(draw.rng.normal(size=3)))
    left = np.linspace(0.7, 0.4, len(heads) + gate - 1)
    margins = [*np.quantile(interpret.run(plan, pcm).margin, left).astype(int), 0]
    return Plan(plan.name, plan.labels, graph, plan.forest.with_margins(margins)), pcm


def staged_plan() -> Plan:
    """Three stages: a head, a tree on a map of its own, and a deeper head."""
    draw, graph = Draw(0), Graph()
    graph.add("pcm", Samples(16000, 40))
    common = {"stride": (1, 1), "pad": (1, 1, 0, 0), "dtype": "int16", "fold_bands": False, "group": 1}
    cut = {**common, "stride": (10, 1), "pad": (0, 0, 0, 0)}
    graph.add("frames", Conv(weights=draw.weights(2, 10, 1, 1), **draw.scaling(2, 1e-3), **cut), ["pcm"])
    graph.add("side", Conv(weights=draw.weights(1, 10, 1, 1), **draw.scaling(1, 1e-3), **cut), ["pcm"])
    for name, below in (("one", "frames"), ("two", "one")):
        graph.add(name, Conv(weights=draw.weights(2, 3, 1, 2), **draw.scaling(2, 1e-3), **common), [below])
        graph.add(f"pool_{name}", Pool("max", 1, 1, 1), [name])
        head = Affine(weights=(draw.weights(2, 2),), shifts=(0,), group=1, **draw.scaling(2, 1e-2))
        graph.add(f"head_{name}", head, [f"pool_{name}"])
    builder = ForestBuilder(2, [Feature("head_one", (0, 0, 0)), Feature("side", (2, 0, 0))], 0.01)
    for number, base in ((0, "head_one"), (1, None), (1, "head_two")):
        node = builder.node()
        builder.set_node(node, number, 0, builder.leaf(-1.0), builder.leaf(1.0))
        builder.tree(node, 0)
        builder.stage(base)
    return Plan("staged", ("a", "b"), graph, builder.finish())


def with_class_margins(plan: Plan, pcm: np.ndarray) -> Plan:
    """The plan with exit margins of every class in all stages but the last, around those that it has."""
    forest, rng = plan.forest, np.random.default_rng(len(pcm))
    shares = rng.uniform(0.5, 1.5, (len(forest.stages), forest.classes))
    each = [np.minimum(shares[s] * stage.margin, 2**31 - 1).astype(int) for s, stage in enumerate(forest.stages[:-1])]
    return Plan(plan.name, plan.labels, plan.graph, forest.with_margins([*(e.tolist() for e in each), 0]), plan.core)
