"""The C front end equals the numpy reference bit for bit: real sound, drawn sound, and the worst inputs there are."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codegen.cwriter import CWriter
from codegen.emit.base import EMITTERS
from feature_extractors.fixed_fft import power_spectrum
from feature_extractors.fixed_log2 import log2_q15
from feature_extractors.graph import Graph
from feature_extractors.ops.contrast import Contrast
from feature_extractors.ops.dct import dct
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.log_mel import log_mel
from feature_extractors.ops.requant import requantise
from feature_extractors.ops.samples import Samples
from feature_extractors.ops.zero_crossings import ZeroCrossings
from feature_extractors.tiles import whole
from tests import recordings
from tests.c_helpers import C99, CPP11, compile_shared, compile_to, compilers, run_program

COUNT = 4000
SMALL = ("-D__ARM_ARCH_6M__=1",)
HEADERS = "\n".join(f'#include "hyb_{name}.h"' for name in ("core", "frame", "fft", "log_mel"))
MELS = {
    128: log_mel(16000, 128, 80, 12, 60, 7600),
    256: log_mel(8000, 256, 160, 40, 20, 4000),
    512: log_mel(16000, 512, 320, 40, 20, 8000),
    1024: log_mel(44100, 1024, 441, 64, 0, 22050),
}
GAPS = log_mel(16000, 512, 320, 40, 20, 8000, kept=(0, 1, 2, 5, 7, *range(20, 33), 39))
"""Five runs of bands: one of a single band beside another, and both ends of the spectrum."""


@functools.cache
def graph(frame: int) -> Graph:
    """Every front-end op over 4,000 samples."""
    result = Graph()
    result.add("pcm", Samples(MELS[frame].rate, COUNT))
    result.add("mel", MELS[frame], ["pcm"])
    result.add("cepstrum", dct(MELS[frame].bands, 10), ["mel"])
    result.add("energy", FrameEnergy(frame - 1, 50), ["pcm"])
    result.add("crossings", ZeroCrossings(frame + 1, 70), ["pcm"])
    result.add("centred", FrameEnergy(frame - 1, 50, centred=True), ["pcm"])
    result.add("contrast", Contrast(5), ["centred"])
    return result


@functools.cache
def source(frame: int, linkage: str = "") -> str:
    """The emitters' tables, and one function per map: void mel(in0, t0, t1, out)."""
    out = CWriter()
    out.lines([*HEADERS.splitlines(), "static uint64_t memory[(4 * 513 + 7) / 8];"])
    for item in list(graph(frame))[1:]:
        sources = [graph(frame)[name] for name in item.inputs]
        emitter = EMITTERS[item.op.name]
        assert emitter.scratch_bytes(item, sources) <= 4 * 513
        emitter.tables(item, sources, item.name, out)
        head = f"void {item.name}(const int16_t *in0, int32_t t0, int32_t t1, int16_t *out)"
        out.line(f"{linkage}{head};")
        with out.block(f"{linkage}{head}"):
            lines = emitter.call(item, sources, item.name)
            out.lines(["void *scratch = memory;"] if any("scratch" in line for line in lines) else [])
            out.lines([] if any("t0" in line for line in lines) else ["(void)t0, (void)t1;"])
            out.lines(lines)
    return out.text()


MAIN = """
#include <stdio.h>
int main(void) {
  static int16_t pcm[4000], a[10240], b[10240];
  while (fread(pcm, sizeof pcm, 1, stdin) == 1) {
    mel(pcm, 0, MEL, a);
    fwrite(a, 2, MEL * BANDS, stdout);
    cepstrum(a, 0, MEL, b);
    fwrite(b, 2, MEL * 10, stdout);
    energy(pcm, 0, ENERGY, b);
    fwrite(b, 2, ENERGY, stdout);
    crossings(pcm, 0, CROSSINGS, b);
    fwrite(b, 2, CROSSINGS, stdout);
    centred(pcm, 0, ENERGY, a);
    fwrite(a, 2, ENERGY, stdout);
    contrast(a, 0, 1, b);
    fwrite(b, 2, 2, stdout);
  }
  return 0;
}
"""


def program(frame: int) -> str:
    """`source` with a main that prints every map of every window that it reads."""
    shapes = {item.name: item.value.shape for item in graph(frame)}
    numbers = {"MEL": shapes["mel"][0], "BANDS": shapes["mel"][1]}
    numbers |= {"ENERGY": shapes["energy"][0], "CROSSINGS": shapes["crossings"][0]}
    return source(frame) + "".join(f"#define {k} {v}\n" for k, v in numbers.items()) + MAIN


def reference(frame: int, pcm: np.ndarray) -> dict[str, np.ndarray]:
    """What numpy says: int16 (n, *shape) by map."""
    maps = {"pcm": pcm[:, :, None, None]}
    for item in list(graph(frame))[1:]:
        values = [graph(frame)[name].value for name in item.inputs]
        maps[item.name] = item.op.evaluate([maps[i] for i in item.inputs], whole(item.value.shape), values)
        assert item.value.lo <= maps[item.name].min() and maps[item.name].max() <= item.value.hi
    return {name: found.astype(np.int16) for name, found in maps.items()}


def call(library: ctypes.CDLL, name: str, data: np.ndarray, span: tuple[int, int], out: np.ndarray) -> None:
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (data, out)]
    getattr(library, name)(pointers[0], *span, pointers[1])


def check(frame: int, pcm: np.ndarray, flags: Sequence[str] = ()) -> None:
    """Compare every map of int16 windows (n, 4000), C against numpy."""
    library = compile_shared(source(frame), flags)
    pcm = np.ascontiguousarray(pcm, dtype=np.int16)
    expected = reference(frame, pcm)
    for item in list(graph(frame))[1:]:
        inputs = np.ascontiguousarray(expected[item.inputs[0]])
        for row, wanted in zip(inputs, expected[item.name], strict=True):
            out = np.full(item.value.shape, -7, np.int16)
            call(library, item.name, row, (0, item.value.shape[0]), out)
            np.testing.assert_array_equal(out, wanted, err_msg=item.name)


def worst_inputs() -> np.ndarray:
    """Full-scale square and sine waves, DC, impulses, silence and the extremes: int16 (n, 4000)."""
    n = np.arange(COUNT)
    periods = (2, 3, 4, 5, 8, 16, 31.3, 64, 100.1, 128, 256, 512, 1024)
    waves = [f(2 * np.pi * n / p + 0.1) for p in periods for f in (np.sin, np.cos)]
    squares = [np.where(w >= 0, 32767, -32768) for w in waves]
    sines = [np.rint(32767 * w) for w in waves]
    flat = [np.full(COUNT, level) for level in (0, 1, -1, 32767, -32768)]
    impulses = [height * (n % gap == 7) for height in (32767, -32768, 1) for gap in (97, 640, 5000)]
    edges = [np.where(n < cut, -32768, 0) for cut in (1, 100, 2000)]
    return np.stack([*squares, *sines, *flat, *impulses, *edges]).astype(np.int16)


def drawn_windows() -> np.ndarray:
    """Noise of every amplitude from 1 LSB to full scale, uniform and with rare peaks."""
    rng = np.random.default_rng(11)
    scale = 2.0 ** rng.uniform(0, 15, (24, 1))
    uniform = rng.uniform(-1, 1, (24, COUNT)) * scale
    peaky = rng.standard_normal((24, COUNT)) ** 5 * scale / 100
    return np.clip(np.rint(np.concatenate([uniform, peaky])), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("frame", MELS)
def test_worst_inputs(frame):
    check(frame, worst_inputs())


@pytest.mark.parametrize("frame", MELS)
def test_noise_of_every_amplitude(frame):
    check(frame, drawn_windows())


def gaps() -> tuple[Graph, str]:
    """A log-mel with bands left out in between, and its C: void mel(in0, t0, t1, out)."""
    result, out = Graph(), CWriter()
    result.add("pcm", Samples(16000, COUNT))
    result.add("mel", GAPS, ["pcm"])
    item, sources = result["mel"], [result["pcm"]]
    out.lines([*HEADERS.splitlines(), "static uint64_t memory[(4 * 513 + 7) / 8];"])
    EMITTERS["log_mel"].tables(item, sources, "mel", out)
    head = "void mel(const int16_t *in0, int32_t t0, int32_t t1, int16_t *out)"
    out.lines([f"{head};"])
    with out.block(head):
        out.lines(["void *scratch = memory;", *EMITTERS["log_mel"].call(item, sources, "mel")])
    return result, out.text()


@pytest.mark.parametrize("flags", [(), SMALL])
def test_bands_left_out_leave_the_others_as_they_are(flags):
    """C with gaps against the columns of the whole reference map, all frames and a box of them."""
    graph_of, text = gaps()
    library, item = compile_shared(text, flags), graph_of["mel"]
    pcm = np.concatenate([worst_inputs()[::4], drawn_windows()[::3]])
    for row, wanted in zip(np.ascontiguousarray(pcm), reference(512, pcm)["mel"], strict=True):
        found = np.full(item.value.shape, -7, np.int16)
        call(library, "mel", row, (2, 5), found)
        assert (found[:2] == -7).all() and (found[5:] == -7).all()
        call(library, "mel", row, (0, 2), found)
        call(library, "mel", row, (5, item.value.shape[0]), found)
        np.testing.assert_array_equal(found, wanted[:, list(GAPS.kept)])


@pytest.mark.parametrize("compiler", compilers())
def test_every_compiler_accepts_gaps_without_a_warning(compiler):
    compile_to("o", gaps()[1], (*C99, "-O2"), compiler)


@pytest.mark.parametrize("kind", ["speech", "digits", "sounds", "noise"])
def test_real_recordings(kind):
    pcm = recordings.clips(kind, 6)
    check(512, pcm[:, 2000:6000])
    check(1024, pcm[:, 1000:5000])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(MELS)), st.integers(0, 15), st.data())
def test_drawn_samples(frame, bits, data):
    elements = st.integers(-(2**bits), 2**bits - 1)
    part = data.draw(hnp.arrays(np.int16, 64, elements=elements))
    period = data.draw(st.integers(1, 64))
    check(frame, np.resize(part[:period], (1, COUNT)))


def test_a_box_of_frames_is_the_same_frames_of_the_whole_map():
    pcm = drawn_windows()[5]
    library, item = compile_shared(source(512)), graph(512)["mel"]
    eager, lazy = np.zeros(item.value.shape, np.int16), np.full(item.value.shape, -7, np.int16)
    call(library, "mel", pcm, (0, item.value.shape[0]), eager)
    call(library, "mel", pcm, (4, 6), lazy)
    assert (lazy[4:6] == eager[4:6]).all() and (lazy[:4] == -7).all() and (lazy[6:] == -7).all()


def test_power_and_exponent_equal_the_reference():
    """Not only what the logarithm shows of them."""
    head = "int32_t power(const int16_t *x, uint32_t *z)"
    body = f"{head};\n{head} {{ return hyb_fft_power(&mel_mel.fft, 512, x, z); }}\n"
    library = compile_shared(source(512) + body)
    frames = np.ascontiguousarray(np.concatenate([worst_inputs(), drawn_windows()])[:, 1000:1512])
    expected, exponents = power_spectrum(frames.astype(np.int32))
    for frame, powers, exponent in zip(frames, expected, exponents, strict=True):
        found = np.zeros(257, np.uint32)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (frame, found)]
        assert library.power(*pointers) == exponent
        np.testing.assert_array_equal(found, powers)


@pytest.mark.parametrize("frame", MELS)
def test_sanitizers_find_nothing_and_change_nothing(frame):
    if "gcc" not in compilers():
        pytest.skip("gcc is not here: its sanitizers were not run")
    pcm = np.concatenate([worst_inputs()[::3], drawn_windows()[::4]])
    flags = ("-std=c99", "-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
    printed = run_program(program(frame), pcm.tobytes(), flags, "gcc")
    maps = reference(frame, pcm)
    names = [item.name for item in graph(frame)][1:]
    rows = zip(*(maps[name] for name in names), strict=True)
    assert printed == b"".join(part.tobytes() for row in rows for part in row)


@pytest.mark.parametrize("compiler", compilers())
def test_every_compiler_accepts_it_without_a_warning(compiler):
    for frame in (128, 512):
        compile_to("o", source(frame), (*C99, "-O2"), compiler)
    compile_to("o", source(512, 'extern "C" '), (*CPP11, "-O2"), compiler)


@pytest.mark.parametrize("compiler", compilers())
def test_every_compiler_computes_the_same(compiler):
    pcm = np.concatenate([worst_inputs()[::5], drawn_windows()[::5]])
    expected = run_program(program(512), pcm.tobytes(), ("-std=c99", "-O0"))
    assert run_program(program(512), pcm.tobytes(), ("-std=c99", "-O3"), compiler) == expected


@pytest.mark.parametrize("core", ["cortex_m0plus", "cortex_m4", "cortex_m33"])
def test_every_core_compiles_it_without_floating_point(core):
    """An object for the core refers to nothing but memory and integer helpers of the compiler."""
    if "zig" not in compilers():
        pytest.skip("the ziglang wheel is not here: Cortex-M was not tried")
    flags = ("-target", "thumb-freestanding-eabi", f"-mcpu={core}", "-O2", *C99)
    text = compile_to("o", source(512), flags, "zig").read_bytes()
    for helper in (b"__aeabi_f", b"__aeabi_d", b"malloc", b"printf", b"log2", b"__aeabi_uldivmod", b"__aeabi_ldivmod"):
        assert helper not in text.replace(b"hyb_log2", b""), helper


@pytest.mark.parametrize("frame", MELS)
def test_the_paths_of_the_smallest_cores_compute_the_same(frame):
    """Short products and no count of leading zeros, compiled for this machine."""
    check(frame, np.concatenate([worst_inputs(), drawn_windows()]), SMALL)


@pytest.mark.parametrize("flags", [(), SMALL])
def test_logarithms_equal_the_reference_at_every_power_of_two(flags):
    head = "int32_t log2_of(uint64_t x)"
    library = compile_shared(f"{HEADERS}\n{head};\n{head} {{ return hyb_log2_q15(x); }}\n", (*C99, *flags))
    rng = np.random.default_rng(6)
    near = (1 << np.arange(62, dtype=np.int64))[:, None] + np.arange(-2, 3)
    drawn = np.int64(1) << rng.integers(0, 62, 500)
    values = np.concatenate([near[near > 0], drawn + rng.integers(0, drawn, endpoint=True)])
    values = values[values < 1 << 62]
    for x, wanted in zip(values.tolist(), log2_q15(values).tolist(), strict=True):
        assert library.log2_of(ctypes.c_uint64(x)) == wanted


def test_short_products_equal_the_long_one():
    """The path of cores without a long multiply, compiled for this machine."""
    call_it = "return hyb_mac_u32_u16(sum, a, b); }\n"
    head = "uint64_t mac(uint64_t sum, uint32_t a, uint16_t b)"
    library = compile_shared(f"{HEADERS}\n{head};\n{head} {{ {call_it}", (*SMALL, *C99))
    library.mac.restype = ctypes.c_uint64
    rng = np.random.default_rng(2)
    drawn = np.stack([rng.integers(0, 2**32, 200), rng.integers(0, 2**16, 200)], axis=1)
    for a, b in [(2**32 - 1, 65535), (65536, 1), *drawn.tolist()]:
        total = (2**64 - 5 + a * b) % 2**64
        assert library.mac(ctypes.c_uint64(2**64 - 5), ctypes.c_uint32(a), ctypes.c_uint16(b)) == total


def test_requantisation_equals_the_formula_at_its_limits():
    head = "int32_t requant(int32_t acc, int32_t multiplier, int32_t shift, int32_t lo, int32_t hi)"
    library = compile_shared(f"{HEADERS}\n{head};\n{head} {{ return hyb_requant(acc, multiplier, shift, lo, hi); }}\n")
    rng = np.random.default_rng(4)
    accs = np.concatenate([[-(2**31), 2**31 - 1, 0, -1, 1], rng.integers(-(2**31), 2**31, 300)])
    multipliers = np.concatenate([[2**31 - 1, 2**31 - 1, 1, 2**30, 0], rng.integers(0, 2**31, 300)])
    shifts = np.concatenate([[62, 1, 31, 31, 5], rng.integers(1, 63, 300)])
    for acc, multiplier, shift in zip(accs.tolist(), multipliers.tolist(), shifts.tolist(), strict=True):
        wanted = requantise(np.array(acc), np.array(multiplier), np.array(shift), -32768, 32767)
        assert library.requant(acc, multiplier, shift, -32768, 32767) == int(wanted)
