"""Instructions of the trunk's kernels: python benchmarks/kernels.py [--cpu CORE] [--compiler NAME] [--json FILE]

Per multiply-accumulate, all taps counted, padding too, as CMSIS-NN's figures are; per input element for pools. `eager`
computes the whole map in one call, `by tile` every tile by itself, as a lazy decision asks. The DS-CNN is MLPerf
Tiny's keyword spotter (input 49x10; conv 10x4, 64 channels, stride 2; four separable blocks; average pool; dense 12)
with random weights, its dense head an affine map; its front end is told apart. Flash: the program minus an empty one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.calibration.shapes import Given
from benchmarks.kernel_program import Case, OnCore
from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.target.cores import CORES, find_core
from codegen.target.cross import COMPILERS, link, version
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from codegen.target.size import size_of
from feature_extractors.graph import Graph
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.convolution import Conv, Depthwise
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.requant import fixed_point
from feature_extractors.ops.samples import Samples
from feature_extractors.tiles import Shape, whole
from tree_backends.build import ForestBuilder

FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections")
RANGES = {"uint8": (0, 255), "int8": (-128, 127), "int16": (0, 6000)}
GROUP = 8


class Draw:
    """Ops with random parameters whose outputs spread over their range."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def given(self, shape: Shape, dtype: str) -> Given:
        """An input map."""
        self.count += 1
        return Given(self.count, shape, dtype, *RANGES[dtype])

    def weights(self, *shape: int) -> np.ndarray:
        """int8 weights."""
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def scaling(self, channels: int, fan_in: int, dtype: str) -> dict[str, np.ndarray]:
        """bias, multiplier and shift that bring sums of `fan_in` products into 8 bits."""
        spread = 74 * max(map(abs, RANGES[dtype])) / 2 * fan_in**0.5
        pairs = [fixed_point(float(self.rng.uniform(40, 80)) / spread) for _ in range(channels)]
        return {
            "bias": self.rng.integers(-5000, 5000, channels).astype(np.int32),
            "multiplier": np.array([m for m, _ in pairs], np.int32),
            "shift": np.array([s for _, s in pairs], np.int32),
        }

    def conv(self, channels: int, kernel: tuple[int, int], inputs: int, source: str, dtype: str, **more: Any) -> Conv:
        """A standard convolution."""
        scaling = self.scaling(channels, kernel[0] * kernel[1] * inputs, source)
        geometry = {"stride": (1, 1), "pad": (0, 0, 0, 0), "fold_bands": False, "group": min(GROUP, channels), **more}
        return Conv(weights=self.weights(channels, *kernel, inputs), dtype=dtype, **scaling, **geometry)

    def depthwise(self, channels: int, kernel: tuple[int, int], source: str, dtype: str, **more: Any) -> Depthwise:
        """A depthwise convolution."""
        scaling = self.scaling(channels, kernel[0] * kernel[1], source)
        geometry = {"stride": (1, 1), "pad": (0, 0, 0, 0), "fold_bands": False, "group": GROUP, **more}
        return Depthwise(weights=self.weights(*kernel, channels), dtype=dtype, **scaling, **geometry)

    def affine(self, rows: int, sizes: Sequence[int]) -> Affine:
        """A dense head on int16 maps, row by row."""
        weights = tuple(self.weights(rows, n) for n in sizes)
        scaling = self.scaling(rows, sum(sizes), "int16")
        return Affine(weights=weights, shifts=(0,) * len(sizes), group=1, **scaling)


def cases(draw: Draw) -> dict[str, Case]:
    """The kernels that are measured: shapes of the DS-CNN and of the presets' trunk over time."""
    plane, line = (25, 5, 64), (13, 1, 72)
    same = {"pad": (1, 1, 1, 1)}
    found = {
        "pointwise 64 to 64, 25x5, int8": (draw.conv(64, (1, 1), 64, "int8", "uint8"), plane, "int8"),
        "pointwise 72 to 72, 13 times, int8": (draw.conv(72, (1, 1), 72, "int8", "uint8"), line, "int8"),
        "pointwise 32 to 72, 25 times, int8": (draw.conv(72, (1, 1), 32, "int8", "uint8"), (25, 1, 32), "int8"),
        "pointwise 64 to 64, 25x5, uint8": (draw.conv(64, (1, 1), 64, "uint8", "int8"), plane, "uint8"),
        "standard 10x4, 1 to 64, stride 2, int8": (
            draw.conv(64, (10, 4), 1, "int8", "uint8", stride=(2, 2), pad=(4, 5, 1, 1)), (49, 10, 1), "int8"),
        "standard 10x4, 1 to 64, stride 2, int16": (
            draw.conv(64, (10, 4), 1, "int16", "uint8", stride=(2, 2), pad=(4, 5, 1, 1)), (49, 10, 1), "int16"),
        "standard 3x3, 16 to 32, uint8": (draw.conv(32, (3, 3), 16, "uint8", "uint8", **same), (25, 5, 16), "uint8"),
        "standard 3, 32 bands to 48, int16": (
            draw.conv(48, (3, 1), 32, "int16", "uint8", pad=(1, 1, 0, 0), fold_bands=True), (49, 32, 1), "int16"),
        "depthwise 3x3, 64, 25x5, uint8": (draw.depthwise(64, (3, 3), "uint8", "int8", **same), plane, "uint8"),
        "depthwise 9 in time, 72, uint8": (
            draw.depthwise(72, (9, 1), "uint8", "int8", pad=(4, 4, 0, 0)), line, "uint8"),
        "depthwise 9 in time, 72 at once, uint8": (
            draw.depthwise(72, (9, 1), "uint8", "int8", pad=(4, 4, 0, 0), group=72), line, "uint8"),
        "depthwise 9 in time, 32 bands, stride 2, int16": (
            draw.depthwise(32, (9, 1), "int16", "int8", pad=(4, 4, 0, 0), stride=(2, 1), fold_bands=True, group=32),
            (49, 32, 1), "int16"),
        "mean of 13 times, 72, uint8": (Pool("mean", 1, 1, GROUP), line, "uint8"),
        "max of 13 times, 72, uint8": (Pool("max", 1, 1, GROUP), line, "uint8"),
        "mean of 25x5, 64, uint8": (Pool("mean", 1, 1, GROUP), plane, "uint8"),
        "affine 12 x 72, int16": (draw.affine(12, [72]), (1, 1, 72), "int16"),
    }  # fmt: skip
    return {name: Case(op, (draw.given(shape, dtype),)) for name, (op, shape, dtype) in found.items()}


def kernel_rows(cpu: str, compiler: str) -> list[dict[str, Any]]:
    """Instructions per multiply-accumulate (per element of a pool's input) of every case."""
    draw = Draw()
    named = cases(draw)
    bench = OnCore(list(named.values()), cpu, compiler, FLAGS)
    rows = []
    for number, (name, (item, sources)) in enumerate(zip(named, bench.maps, strict=True)):
        value = sources[0].value
        bench.fill(number, [draw.rng.integers(value.lo, value.hi + 1, value.shape)])
        elements = int(np.prod(value.shape))
        outputs, tile = int(np.prod(item.value.shape)), int(np.prod(item.grid.tile))
        work = item.cost.macs * outputs // tile or elements
        eager, tiles = bench.box(number, whole(item.value.shape)), bench.tiles(number)
        rows.append({"kernel": name, "work": work, "eager": eager, "by tile": tiles})
    return rows


def ds_cnn(draw: Draw) -> Plan:
    """MLPerf Tiny's keyword spotter as a dense-head plan: one stage, a base map, no trees."""
    graph = Graph()
    graph.add("pcm", Samples(16000, 16000))
    graph.add("input", log_mel(16000, 512, 317, 10, 20, 8000), ["pcm"])
    graph.add("conv1", draw.conv(64, (10, 4), 1, "int16", "uint8", stride=(2, 2), pad=(4, 5, 1, 1)), ["input"])
    last = "conv1"
    for block in range(2, 6):
        graph.add(f"dw{block}", draw.depthwise(64, (3, 3), "uint8", "int8", pad=(1, 1, 1, 1), group=64), [last])
        graph.add(f"pw{block}", draw.conv(64, (1, 1), 64, "int8", "uint8"), [f"dw{block}"])
        last = f"pw{block}"
    graph.add("mean", Pool("mean", 1, 1, 64), [last])
    graph.add("head", draw.affine(12, [64]), ["mean"])
    builder = ForestBuilder(12, [], 1 / 256)
    builder.stage("head", 0)
    return Plan("ds", tuple(f"word {i}" for i in range(12)), graph, builder.finish(np.zeros(12)))


PROGRAM = """\
#define DS_IMPLEMENTATION
#include "ds.h"
ds_context ctx;
int16_t pcm[DS_WINDOW];
const uint32_t ctx_bytes = sizeof ctx;
__attribute__((section(".entry"))) uint32_t ctx_size(void) { return ctx_bytes; }
__attribute__((section(".entry"))) int32_t decide(void) { return ds_classify(&ctx, pcm).label; }
"""
EMPTY = """\
#include <stdint.h>
int16_t pcm[16000];
__attribute__((section(".entry"))) uint32_t ctx_size(void) { return 0; }
__attribute__((section(".entry"))) int32_t decide(void) { return pcm[0]; }
"""


def network(cpu: str, compiler: str) -> dict[str, Any]:
    """The DS-CNN's instructions by map, flash and RAM, front end told apart."""
    draw = Draw(1)
    plan, core = ds_cnn(draw), find_core(cpu)
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        folder = Path(scratch)
        write_code(plan, folder)
        images = []
        for name, text in (("program", PROGRAM), ("empty", EMPTY)):
            (folder / f"{name}.c").write_text(text, encoding="utf-8")
            link([folder / f"{name}.c"], folder / f"{name}.elf", core, compiler, FLAGS, [folder])
            images.append(read_image(folder / f"{name}.elf"))
    columns = [f"ds_{item.name}_compute" for item in plan.maps]
    emulator = Emulator(images[0], core, columns=columns)
    emulator.write("pcm", (draw.rng.normal(size=16000) * 3000).astype("<i2"))
    emulator.call("decide")
    by_map = dict(zip(["other", *(m.name for m in plan.maps)], emulator.table[0].tolist(), strict=True))
    front = by_map.pop("input")
    macs = sum(m.grid.size * m.cost.macs for m in plan.maps if m.op.family != "front end")
    stack = emulator.stack_used
    size = size_of(*images)
    front_parts = ("input", "fft", "mel", "log2")
    front_flash = sum(n for symbol, n in size.by_symbol.items() if any(part in symbol for part in front_parts))
    return {
        "macs": macs, "instructions": sum(by_map.values()), "by map": by_map, "front end": front, "flash": size.flash,
        "flash of the front end": front_flash, "context": emulator.call("ctx_size"), "stack": stack,
        "by symbol": size.by_symbol,
    }  # fmt: skip


def lines_of(rows: Sequence[dict[str, Any]], net: dict[str, Any]) -> list[str]:
    """The tables."""
    lines = [f"{'kernel':48} {'work':>9} {'eager':>7} {'by tile':>8}"]
    for row in rows:
        ratios = f"{row['eager'] / row['work']:7.2f} {row['by tile'] / row['work']:8.2f}"
        lines.append(f"{row['kernel']:48} {row['work']:9,} {ratios}")
    total, macs = net["instructions"], net["macs"]
    ratio, front = total / macs, net["front end"]
    lines.append(f"\nDS-CNN: {macs:,} MAC, {total:,} instructions ({ratio:.2f} a MAC); front end {front:,}")
    lines.append("  by map: " + ", ".join(f"{name} {count:,}" for name, count in net["by map"].items()))
    lines.append(
        f"  flash {net['flash']:,} bytes, of which the front end {net['flash of the front end']:,}; "
        f"context {net['context']:,}, stack {net['stack']:,} bytes"
    )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", choices=CORES, default="cortex-m4")
    parser.add_argument("--compiler", choices=COMPILERS, default="arm-none-eabi-gcc")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    rows, net = kernel_rows(options.cpu, options.compiler), network(options.cpu, options.compiler)
    head = f"{options.cpu}, {version(options.compiler)}, {' '.join(FLAGS)}"
    print("\n".join([head, *lines_of(rows, net)]))
    if options.json:
        document = {"cpu": options.cpu, "compiler": version(options.compiler), "kernels": rows, "ds-cnn": net}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
