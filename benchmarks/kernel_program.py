"""One C program of generated kernels, for the host or an emulated core: any box of any map, one call each."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import codegen.emit  # noqa: F401  registers every emitter
from benchmarks.calibration.shapes import Given
from codegen.cwriter import C_TYPES, CWriter
from codegen.emit.base import EMITTERS
from codegen.runtime import runtime_header
from codegen.target.cores import find_core
from codegen.target.cross import link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from feature_extractors.graph import FeatureMap, Graph
from feature_extractors.ops.base import Op
from feature_extractors.tiles import Box

AXES = [f"{axis}{end}" for axis in "tbc" for end in (0, 1)]


@dataclass(frozen=True)
class Case:
    """An op and the maps that it reads."""

    op: Op
    inputs: tuple[Given, ...]


def maps_of(cases: Sequence[Case]) -> list[tuple[FeatureMap, list[FeatureMap]]]:
    """Each case as a map k0, k1, ... with its sources."""
    graph = Graph()
    result = []
    for number, case in enumerate(cases):
        names = [graph.add(f"in{g.number}", g) for g in case.inputs]
        item = graph[graph.add(f"k{number}", case.op, names)]
        result.append((item, [graph[n] for n in names]))
    return result


def program(maps: Sequence[tuple[FeatureMap, Sequence[FeatureMap]]]) -> str:
    """C with `k<n>_box()`, which computes the box in `wanted`, and `k<n>_tiles()`, which computes tile after tile."""
    out = CWriter()
    out.lines(['#include "hyb_runtime.h"', "volatile int32_t wanted[6];"])
    for item, sources in maps:
        emitter, name = EMITTERS[item.op.name], item.name
        emitter.tables(item, sources, name, out)
        out.line(f"uint64_t {name}_out[{_words(item)}];")
        out.lines(f"uint64_t {name}_in{i}[{_words(s)}];" for i, s in enumerate(sources))
        out.line(f"uint64_t {name}_scratch[{-(-max(8, emitter.scratch_bytes(item, sources)) // 8)}];")
        head = f"__attribute__((noinline)) void {name}_compute({', '.join(f'int32_t {a}' for a in AXES)})"
        out.line(f"{head};")
        with out.block(head):
            kind = C_TYPES[item.value.dtype]
            out.line(f"{kind} *out = ({kind} *){name}_out;")
            for i, source in enumerate(sources):
                kind = f"const {C_TYPES[source.value.dtype]} *"
                out.line(f"{kind}in{i} = ({kind}){name}_in{i};")
            out.line(f"void *scratch = {name}_scratch;")
            out.lines(emitter.call(item, sources, name))
            out.line(" ".join(f"(void){a};" for a in [*AXES, "scratch"]))
        _entries(out, item)
    return out.text()


def _entries(out: CWriter, item: FeatureMap) -> None:
    name = item.name
    for entry, text in (("box", [f"{name}_compute({', '.join(f'wanted[{i}]' for i in range(6))});"]),
                        ("tiles", _tile_loops(item))):  # fmt: skip
        out.line(f"void {name}_{entry}(void);")
        with out.block(f'__attribute__((section(".entry.{name}.{entry}"))) void {name}_{entry}(void)'):
            out.lines(text)


def _tile_loops(item: FeatureMap) -> list[str]:
    lines, bounds = [], []
    for axis, size, tile in zip("tbc", item.value.shape, item.grid.tile, strict=True):
        lines.append(f"for (int32_t {axis} = 0; {axis} < {size}; {axis} += {tile})")
        bounds += [axis, f"hyb_min({axis} + {tile}, {size})"]
    return [*lines, f"  {item.name}_compute({', '.join(bounds)});"]


def _words(item: FeatureMap) -> int:
    size = int(np.prod(item.value.shape)) * np.dtype(item.value.dtype).itemsize
    return -(-size // 8)


class OnCore:
    """Cases compiled for an emulated core."""

    def __init__(self, cases: Sequence[Case], cpu: str, compiler: str | None, flags: Sequence[str]) -> None:
        self.maps, core = maps_of(cases), find_core(cpu)
        with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
            folder = Path(scratch)
            (folder / "hyb_runtime.h").write_text(runtime_header(), encoding="utf-8")
            (folder / "kernels.c").write_text(program(self.maps), encoding="utf-8")
            link([folder / "kernels.c"], folder / "kernels.elf", core, compiler, flags, [folder])
            self.image = read_image(folder / "kernels.elf")
        self.emulator = Emulator(self.image, core, columns=[f"{m.name}_compute" for m, _ in self.maps])

    def fill(self, number: int, inputs: Sequence[np.ndarray]) -> None:
        """Write the case's input maps."""
        for i, (values, source) in enumerate(zip(inputs, self.maps[number][1], strict=True)):
            self.emulator.write(f"k{number}_in{i}", values.astype(np.dtype(source.value.dtype).newbyteorder("<")))

    def box(self, number: int, box: Box) -> int:
        """Compute one box; the instructions it took."""
        self.emulator.write("wanted", np.array(box, dtype="<i4"))
        return self._run(number, "box")

    def tiles(self, number: int) -> int:
        """Compute the whole map, every tile by itself; the instructions it took."""
        return self._run(number, "tiles")

    def _run(self, number: int, entry: str) -> int:
        self.emulator.reset()
        self.emulator.call(f"k{number}_{entry}")
        return int(self.emulator.table[0, number + 1])

    def output(self, number: int) -> np.ndarray:
        """The case's output map, int64."""
        item = self.maps[number][0]
        dtype = np.dtype(item.value.dtype).newbyteorder("<")
        data = self.emulator.read(f"k{number}_out", int(np.prod(item.value.shape)) * dtype.itemsize)
        return np.frombuffer(data, dtype=dtype).reshape(item.value.shape).astype(np.int64)
