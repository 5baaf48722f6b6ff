"""Instructions of the kernels themselves: each op's generated call on boxes of many shapes, on an emulated core."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import codegen.emit  # noqa: F401  registers every emitter
from benchmarks.calibration.envelope import Sample
from benchmarks.calibration.shapes import Case
from codegen.cwriter import C_TYPES, CWriter
from codegen.emit.base import EMITTERS
from codegen.prices.prices import shared_spectra
from codegen.runtime import runtime_header
from codegen.target.cores import Core
from codegen.target.cross import FLAGS, link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.ops.log_mel import LogMel
from feature_extractors.tiles import Box, whole

RUNTIME = "hyb_runtime.h"
UNUSUAL_WEIGHT = 0.05
"""What a random shape's slack counts beside that of a preset's."""
BOXES = 6
KINDS = ("tile", "whole")


class Bench:
    """Cases of one translation unit, compiled for one core."""

    def __init__(self, cases: Sequence[Case], core: Core, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.maps: list[tuple[FeatureMap, list[FeatureMap], bool]] = []
        graph = Graph()
        for number, case in enumerate(cases):
            inputs = [graph.add(f"in{g.number}", g) for g in case.inputs]
            item = graph[graph.add(f"k{number}", case.op, inputs)]
            self.maps.append((item, [graph[i] for i in inputs], case.usual))
        with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
            folder = Path(scratch)
            (folder / RUNTIME).write_text(runtime_header(), encoding="utf-8")
            (folder / "bench.c").write_text(self._text(), encoding="utf-8")
            link([folder / "bench.c"], folder / "bench.elf", core, "zig", FLAGS, [folder])
            image = read_image(folder / "bench.elf")
        self.emulator = Emulator(image, core, columns=[f"{m.name}_{kind}" for m, _, _ in self.maps for kind in KINDS])

    def _text(self) -> str:
        out = CWriter()
        out.line(f'#include "{RUNTIME}"')
        out.line("int32_t box[6];")
        scratch = 8
        for item, sources, _ in self.maps:
            scratch = max(scratch, EMITTERS[item.op.name].scratch_bytes(item, sources))
        out.line(f"uint64_t scratch_words[{-(-scratch // 8)}];")
        for name, item in {m.name: m for _, sources, _ in self.maps for m in sources}.items():
            out.line(f"uint64_t buffer_{name}[{_words(item)}];")
        for item, sources, _ in self.maps:
            self._print(out, item, sources)
        return out.text()

    def _print(self, out: CWriter, item: FeatureMap, sources: list[FeatureMap]) -> None:
        """As the header does: a function of the context and the box, not inlined; and an entry that calls it."""
        emitter, name = EMITTERS[item.op.name], item.name
        emitter.tables(item, sources, name, out)
        out.line(f"typedef struct {{ void *out, *scratch, *in[{len(sources)}]; }} {name}_context;")
        out.line(f"uint64_t buffer_{name}[{_words(item)}];")
        loose = [axis for axis, count in zip("tbc", item.grid.counts, strict=True) if count > 1]
        self._function(out, item, sources, "tile", loose)
        self._function(out, item, sources, "whole", [])

    def _function(self, out: CWriter, item: FeatureMap, sources: list[FeatureMap], kind: str, loose: list[str]) -> None:
        """A kernel's call on the box given for the `loose` axes, all of the others."""
        name = item.name
        names = "".join(f", int32_t {a}{e}" for a in loose for e in (0, 1))
        with out.block(f"HYB_SHARED void {name}_{kind}({name}_context *ctx{names})"):
            out.line(f"{C_TYPES[item.value.dtype]} *out = ({C_TYPES[item.value.dtype]} *)ctx->out;")
            for i, source in enumerate(sources):
                out.line(f"const {C_TYPES[source.value.dtype]} *in{i} = ctx->in[{i}];")
            out.line("void *scratch = ctx->scratch;")
            for axis, size in zip("tbc", item.value.shape, strict=True):
                out.lines([] if axis in loose else [f"const int32_t {axis}0 = 0, {axis}1 = {size};"])
            out.lines(EMITTERS[item.op.name].call(item, sources, name))
            out.line("(void)scratch;")
        with out.block(f'__attribute__((section(".entry.{name}.{kind}"))) void {name}_{kind}_entry(void)'):
            out.line(f"{name}_context ctx;")
            out.line(f"ctx.out = buffer_{name};")
            out.line("ctx.scratch = scratch_words;")
            out.lines(f"ctx.in[{i}] = buffer_{source.name};" for i, source in enumerate(sources))
            given = "".join(f", box[{2 * 'tbc'.index(a) + e}]" for a in loose for e in (0, 1))
            out.line(f"{name}_{kind}(&ctx{given});")

    def samples(self) -> Iterator[Sample]:
        """The most that each box took over several contents of the inputs."""
        for number, (item, sources, usual) in enumerate(self.maps):
            found: dict[Box, int] = dict.fromkeys(self._boxes(item), 0)
            for fill in range(4):
                for source in sources:
                    self.emulator.write(f"buffer_{source.name}", self._content(source, fill))
                for box in found:
                    found[box] = max(found[box], self._run(number, box))
            values = [s.value for s in sources]
            for box, instructions in found.items():
                what = f"{item.op.name} {values[0].dtype} {[v.shape for v in values]} -> {item.value.shape} {box}"
                work = item.op.work(values, box)
                work = shared_spectra(work) if self._frame_lengths > 1 else work
                yield Sample(what, work, instructions, 1.0 if usual else UNUSUAL_WEIGHT)

    @property
    def _frame_lengths(self) -> int:
        return len({m.op.frame for m, _, _ in self.maps if isinstance(m.op, LogMel)})

    def _run(self, number: int, box: Box) -> int:
        item = self.maps[number][0]
        kind = int(box == whole(item.value.shape))
        if kind == 0:
            self.emulator.write("box", np.array(box, dtype="<i4"))
        self.emulator.reset()
        self.emulator.call(f"{item.name}_{KINDS[kind]}_entry")
        return int(self.emulator.table[0, 1 + 2 * number + kind])

    def _boxes(self, item: FeatureMap) -> list[Box]:
        """The whole map, and tiles: first, last, random ones."""
        last = item.grid.size - 1
        tiles = dict.fromkeys([0, last, last // 2, *self.rng.integers(0, last + 1, BOXES - 3).tolist()])
        return list(dict.fromkeys([whole(item.value.shape), *(item.grid.box(t) for t in tiles)]))

    def _content(self, source: FeatureMap, fill: int) -> np.ndarray:
        """Random, all at the lowest, all at the highest, or swinging between both ends."""
        lo, hi, shape = source.value.lo, source.value.hi, source.value.shape
        if fill == 0:
            values = self.rng.integers(lo, hi + 1, shape)
        elif fill == 3:
            values = np.where(self.rng.random(shape) < 0.5, lo, hi)
        else:
            values = np.full(shape, lo if fill == 1 and source.op.shape[1:] != (1, 1) else hi if fill == 2 else 0)
        return values.astype(np.dtype(source.value.dtype).newbyteorder("<"))


def _words(item: FeatureMap) -> int:
    size = int(np.prod(item.value.shape)) * np.dtype(item.value.dtype).itemsize
    return -(-size // 8)
