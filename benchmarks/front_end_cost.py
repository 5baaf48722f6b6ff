"""Instructions of one log-mel frame on emulated cores, by part: python benchmarks/front_end_cost.py [options].

The costliest of noise, tones and silence is shown; samples only choose between the two kinds of FFT pass. Energy and
zero crossings of a frame, which gate it, stand beside. Flash: code and tables of the log-mel map alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from codegen.cwriter import CWriter
from codegen.emit.base import EMITTERS
from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.cross import COMPILERS, link, version
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from feature_extractors.graph import Graph
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.samples import Samples
from feature_extractors.ops.zero_crossings import ZeroCrossings

PARTS = {
    "peak": ("hyb_peak_bits",),
    "window, first pass": ("hyb_fft_first4", "hyb_fft_first2"),
    "passes": ("hyb_fft_pass", *(f"hyb_fft_pass{quarter}" for quarter in (2, 4, 8, 16, 32))),
    "last, split": ("hyb_fft_last",),
    "mel": ("hyb_mel_bands",),
    "log2": ("hyb_log2_q15",),
}
HEADERS = "".join(f'#include "hyb_{name}.h"\n' for name in ("core", "frame", "fft", "log_mel"))


def front_end(frame: int, bands: int) -> Graph:
    """Log-mel, energy and zero crossings of one frame. 16 kHz up to 512 samples, else 44.1 kHz."""
    rate = 16000 if frame <= 512 else 44100
    graph = Graph()
    graph.add("pcm", Samples(rate, frame))
    graph.add("mel", log_mel(rate, frame, frame, bands, 20, rate // 2), ["pcm"])
    graph.add("energy", FrameEnergy(frame, frame), ["pcm"])
    graph.add("crossings", ZeroCrossings(frame, frame), ["pcm"])
    return graph


def source(graph: Graph, names: Sequence[str]) -> str:
    """C with `void <map>(void)` for each map named, which computes it from `pcm` into `out`."""
    out = CWriter()
    out.lines([*HEADERS.splitlines(), "int16_t pcm[1024], out[128];", "static uint64_t memory[257];"])
    out.lines(["const int16_t *volatile in_at = pcm;", "int16_t *volatile out_at = out;"])
    out.line("void *volatile scratch_at = memory;")
    for name in names:
        item, sources = graph[name], [graph["pcm"]]
        emitter = EMITTERS[item.op.name]
        emitter.tables(item, sources, name, out)
        head = f"void {name}(const int16_t *in0, int32_t t0, int32_t t1, int16_t *out, void *scratch)"
        with out.block(f"HYB_SHARED {head}"):
            out.lines([*emitter.call(item, sources, name), "(void)scratch;"])
        with out.block(f'__attribute__((section(".entry_{name}"))) void run_{name}(void)'):
            out.line(f"{name}(in_at, 0, 1, out_at, scratch_at);")
    return out.text()


def signals(frame: int) -> np.ndarray:
    """int16 (n, frame): noise of every loudness, tones, square waves, silence."""
    rng, n = np.random.default_rng(0), np.arange(frame)
    noise = rng.standard_normal((12, frame)) * 2.0 ** np.arange(12)[:, None]
    tones = [32767 * np.sin(2 * np.pi * n / period) for period in (3, 7.7, 16, 50.3, 200)]
    squares = [np.where(tone >= 0, 32767, -32768) for tone in tones]
    rows = np.concatenate([noise, tones, squares, np.zeros((1, frame))])
    return np.clip(np.rint(rows), -32768, 32767).astype("<i2")


def build(text: str, core: str, compiler: str | None, folder: Path) -> Emulator:
    """The C text on an emulated core."""
    path = folder / "front_end.c"
    path.write_text(text, encoding="utf-8")
    headers = Path(str(files("firmware"))) / "include"
    link([path], folder / "front_end.elf", find_core(core), compiler, includes=[headers])
    return Emulator(read_image(folder / "front_end.elf"), find_core(core))


def worst(emulated: Emulator, name: str, rows: np.ndarray) -> tuple[int, dict[str, int]]:
    """The most instructions that map `name` took for one of the rows, and that row's by function."""
    found: tuple[int, dict[str, int]] = (0, {})
    for row in rows:
        emulated.write("pcm", row)
        emulated.reset()
        emulated.call(f"run_{name}")
        if emulated.total > found[0]:
            found = (emulated.total, emulated.by_function())
    return found


def by_part(total: int, functions: dict[str, int]) -> list[int]:
    """Instructions of each of PARTS, and of what is left. A compiler's copies (`name.constprop.0`) count as `name`."""
    parts = [sum(n for f, n in functions.items() if f.split(".")[0] in names) for names in PARTS.values()]
    return [*parts, total - sum(parts)]


def measure(frame: int, bands: int, core: str, compiler: str | None) -> list[int]:
    """Total, parts and rest of the log-mel frame; energy; crossings; flash in bytes."""
    graph, rows = front_end(frame, bands), signals(frame)
    with tempfile.TemporaryDirectory(prefix="hybrid-") as folder:
        emulated = build(source(graph, ["mel", "energy", "crossings"]), core, compiler, Path(folder))
        total, functions = worst(emulated, "mel", rows)
        gates = [worst(emulated, name, rows)[0] for name in ("energy", "crossings")]
        flash = build(source(graph, ["mel"]), core, compiler, Path(folder)).image.flash
    return [total, *by_part(total, functions), *gates, flash]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", nargs="+", choices=sorted(CORES), default=["cortex-m0plus", "cortex-m3", "cortex-m4"])
    parser.add_argument("--compiler", nargs="+", choices=COMPILERS, help="default: the first that is found")
    parser.add_argument("--frame", nargs="+", type=int, choices=(128, 256, 512, 1024), default=[256, 512, 1024])
    parser.add_argument("--bands", type=int, default=40)
    args = parser.parse_args(arguments)
    columns = ["total", *PARTS, "rest", "energy", "crossings", "flash"]
    try:
        for compiler in args.compiler or [None]:
            print(f"{version(compiler)}, -O2, {args.bands} bands")
            print(f"{'core':>14} {'frame':>5} " + " ".join(f"{c:>{max(6, len(c))}}" for c in columns))
            for core in args.cpu:
                for frame in args.frame:
                    figures = zip(columns, measure(frame, args.bands, core, compiler), strict=True)
                    print(f"{core:>14} {frame:5} " + " ".join(f"{n:{max(6, len(c))}}" for c, n in figures))
    except (TargetError, ValueError) as error:
        print(f"front_end_cost: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
