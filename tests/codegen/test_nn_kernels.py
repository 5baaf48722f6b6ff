"""Kernels of the trunk on random shapes: interpreter = host C = emulated cores, bit for bit, SIMD or not."""

import ctypes
import functools
import shutil

import numpy as np
import pytest

from benchmarks.calibration.shapes import Given
from benchmarks.kernel_program import Case, OnCore, maps_of, program
from codegen.target.cores import find_core
from codegen.target.cross import FLAGS, GCC, link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from feature_extractors.ops.affine import Affine
from feature_extractors.ops.base import DTYPES
from feature_extractors.ops.convolution import HIGH_WORD, Conv, Depthwise
from feature_extractors.ops.pool import Pool
from feature_extractors.ops.requant import requantise
from feature_extractors.tiles import whole
from tests.c_helpers import C99, CPP11, INCLUDE, compile_shared, compile_to, compilers

SEEDS = range(2)
CASES = 24
needs_gcc = pytest.mark.skipif(shutil.which(GCC) is None, reason=f"{GCC} is not installed")
CROSS = [pytest.param(GCC, marks=needs_gcc), "zig"]
CORES = ("cortex-m4", "cortex-m0plus", "cortex-m3")


class Draw:
    """Random cases from one seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def given(self, shape, dtype):
        self.count += 1
        return Given(self.count, shape, dtype, *DTYPES[dtype])

    def weights(self, *shape):
        """All values, the extremes often."""
        values = self.rng.integers(-128, 128, shape)
        ends = self.rng.choice([-128, 127, 0], shape)
        return np.where(self.rng.random(shape) < 0.2, ends, values).astype(np.int8)

    def scaling(self, channels, reach):
        """Shifts around the one that brings `reach` to 8 bits; all above 32, or of any size."""
        shift = np.log2(reach) + 31 - 8 + self.rng.uniform(-3, 3, channels)
        shift = np.clip(shift, 33 if self.rng.random() < 0.8 else 1, 62).astype(np.int32)
        shift[self.rng.random(channels) < 0.05] = 62
        multiplier = self.rng.integers(2**30, 2**31, channels).astype(np.int32)
        multiplier[self.rng.random(channels) < 0.1] = self.one(0, 1, 2**31 - 1)
        return {"bias": self.rng.integers(-(10**6), 10**6, channels).astype(np.int32), "multiplier": multiplier,
                "shift": shift}  # fmt: skip

    def case(self):
        return self.one(self.conv, self.pointwise, self.point, self.depthwise, self.depthwise, self.pool, self.affine)()

    def _window(self, kernel):
        pad = tuple(self.int(0, k - 1) if self.int(0, 1) else 0 for k in (kernel[0], kernel[0], kernel[1], kernel[1]))
        return {"stride": (self.int(1, 3), self.int(1, 2)), "pad": pad, "dtype": self.one(*DTYPES)}

    def conv(self):
        kernel, inputs, channels = (self.int(1, 5), self.int(1, 4)), self.int(1, 9), self.int(1, 11)
        fold = self.int(0, 3) == 0
        shape = (self.int(kernel[0], 12), self.int(kernel[1], 7), inputs)
        if fold:
            kernel, inputs = (kernel[0], 1), shape[1] * inputs
        return self._conv(kernel, inputs, channels, shape, fold)

    def pointwise(self):
        shape = (self.int(1, 9), self.int(1, 6), self.int(1, 40))
        return self._conv((1, 1), shape[2], self.int(1, 20), shape, False)

    def point(self):
        """Fours of bytes, a position at a time."""
        inputs, channels, dtype = 4 * self.int(1, 10), 4 * self.int(1, 5), self.one("uint8", "int8")
        op = Conv(weights=self.weights(channels, 1, 1, inputs), fold_bands=False, group=4 * self.int(1, channels // 4),
                  stride=(self.int(1, 3), self.int(1, 2)), pad=(0, 0, 0, 0), dtype=self.one(*DTYPES),
                  **self.scaling(channels, inputs**0.5 * 9000))  # fmt: skip
        return Case(op, (self.given((self.int(1, 9), self.int(1, 6), inputs), dtype),))

    def _conv(self, kernel, inputs, channels, shape, fold):
        dtype = self.one(*DTYPES)
        weights = self.weights(channels, *kernel, inputs)
        op = Conv(weights=weights, fold_bands=fold, group=self.int(1, channels), **self._window(kernel),
                  **self.scaling(channels, weights[0].size**0.5 * 70 * DTYPES[dtype][1]))  # fmt: skip
        return Case(op, (self.given(shape, dtype),))

    def depthwise(self):
        dtype, fold = self.one(*DTYPES), self.int(0, 3) == 0
        kernel = self.one((3, 3), (9, 1), (1, 4), (self.int(1, 10), self.int(1, 5)))
        channels = self.int(1, 21)
        shape = (self.int(kernel[0], 13), self.int(kernel[1], 7), channels)
        if fold:
            kernel, shape = (kernel[0], 1), (shape[0], channels, 1)
        op = Depthwise(weights=self.weights(*kernel, channels), fold_bands=fold, group=self.int(1, channels),
                       **self._window(kernel),
                       **self.scaling(channels, (kernel[0] * kernel[1]) ** 0.5 * 70 * DTYPES[dtype][1]))  # fmt: skip
        return Case(op, (self.given(shape, dtype),))

    def pool(self):
        shape = (self.one(self.int(1, 9), 300), self.int(1, 4), self.int(1, 13))
        op = Pool(self.one("mean", "max"), self.int(1, shape[0]) if shape[0] < 10 else 1, self.int(1, shape[1]),
                  self.int(1, shape[2]))  # fmt: skip
        return Case(op, (self.given(shape, self.one(*DTYPES)),))

    def affine(self):
        inputs = [self.given((self.int(1, 3), 1, self.int(1, 30)), self.one(*DTYPES)) for _ in range(self.int(1, 2))]
        rows = self.int(1, 7)
        op = Affine(weights=tuple(self.weights(rows, int(np.prod(g.shape))) for g in inputs),
                    shifts=tuple(self.int(0, 2) for _ in inputs), group=self.int(1, rows),
                    **self.scaling(rows, 10**6))  # fmt: skip
        return Case(op, tuple(inputs))

    def content(self, source):
        """Random values, the ends of the range often, or nothing but them."""
        lo, hi, shape = source.value.lo, source.value.hi, source.value.shape
        ends = self.rng.choice([lo, hi, 0], shape)
        return np.where(self.rng.random(shape) < self.one(0.1, 0.1, 1.0), ends, self.rng.integers(lo, hi + 1, shape))

    def boxes(self, item):
        """The whole map, its first, last and another tile, and boxes that are no tiles."""
        last = item.grid.size - 1
        found = [whole(item.value.shape), *(item.grid.box(t) for t in {0, last, self.int(0, last)})]
        for _ in range(2):
            cuts = [sorted(self.rng.choice(n + 1, 2, replace=False).tolist()) for n in item.value.shape]
            found.append(tuple(map(tuple, cuts)))
        return found


@functools.cache
def cases(seed):
    draw = Draw(seed)
    return tuple(draw.case() for _ in range(CASES))


class OnHost:
    """Cases compiled for this machine; the same calls as `OnCore`."""

    def __init__(self, seed, flags=(), compiler=None):
        self.maps = maps_of(cases(seed))
        target = compile_to("so", program(self.maps), ("-O2", *C99, *flags), compiler)
        self.library = ctypes.CDLL(str(target))

    def fill(self, number, inputs):
        for i, (values, source) in enumerate(zip(inputs, self.maps[number][1], strict=True)):
            self._write(f"k{number}_in{i}", values.astype(source.value.dtype))

    def box(self, number, box):
        self._write("wanted", np.array(box, np.int32))
        getattr(self.library, f"k{number}_box")()

    def erase(self, number, values):
        self._write(f"k{number}_out", values.astype(self.maps[number][0].value.dtype))

    def output(self, number):
        value = self.maps[number][0].value
        dtype = np.dtype(value.dtype)
        data = (ctypes.c_char * (int(np.prod(value.shape)) * dtype.itemsize)).in_dll(self.library, f"k{number}_out")
        return np.frombuffer(bytes(data), dtype).reshape(value.shape).astype(np.int64)

    def _write(self, symbol, values):
        ctypes.memmove((ctypes.c_char * values.nbytes).in_dll(self.library, symbol), values.tobytes(), values.nbytes)


class OnEmulator(OnCore):
    def erase(self, number, values):
        self.emulator.write(f"k{number}_out", values.astype(np.dtype(self.maps[number][0].value.dtype)))


def check(bench, seed):
    """Every case and box equals the op's reference, and nothing outside the box is written."""
    draw = Draw(seed + 1000)
    for number, (item, sources) in enumerate(bench.maps):
        inputs = [draw.content(s) for s in sources]
        bench.fill(number, inputs)
        for box in draw.boxes(item):
            expected = draw.rng.integers(0, 100, item.value.shape)
            bench.erase(number, expected)
            bench.box(number, box)
            values = [s.value for s in sources]
            inside = tuple(slice(first, last) for first, last in box)
            expected[inside] = item.op.evaluate([x[None].astype(np.int64) for x in inputs], box, values)[0]
            told = f"{item.op.name} {values[0].dtype}->{item.value.dtype} {values[0].shape}->{item.value.shape} {box}"
            np.testing.assert_array_equal(bench.output(number), expected, told)


@pytest.mark.parametrize("seed", SEEDS)
def test_host_c_equals_the_ops(seed):
    check(OnHost(seed), seed)


@pytest.mark.parametrize("compiler", CROSS)
@pytest.mark.parametrize("cpu", CORES)
@pytest.mark.parametrize("seed", SEEDS)
def test_emulated_cores_equal_the_ops(cpu, compiler, seed):
    check(OnEmulator(cases(seed), cpu, compiler, FLAGS), seed)


@pytest.mark.parametrize("compiler", CROSS)
def test_unoptimised_code_has_the_same_bits(compiler):
    """The SIMD path's assembly must not need more registers than an unoptimised build has."""
    check(OnEmulator(cases(0), "cortex-m4", compiler, ("-std=c99", "-O0", "-ffunction-sections")), 0)


@pytest.mark.parametrize("compiler", CROSS)
def test_the_simd_path_is_what_a_core_with_the_dsp_extension_runs(compiler):
    """The multiply-accumulate of a pointwise convolution: two products at once on a Cortex-M4, none on a Cortex-M0+."""
    with_dsp, without = (OnEmulator(cases(0), cpu, compiler, FLAGS) for cpu in ("cortex-m4", "cortex-m0plus"))
    assert "hyb_conv_sums_at_4" in {s.partition(".")[0] for s in with_dsp.image.symbols}
    assert "hyb_conv_sums_at_4" not in {s.partition(".")[0] for s in without.image.symbols}


def test_a_single_position_of_bytes_needs_no_window():
    draw = Draw(5)
    while (case := draw.point()).op.shift.min() < HIGH_WORD or case.op.dtype != "uint8":
        pass
    bench, kind = OnEmulator([case], "cortex-m4", None, FLAGS), {"int8": "s8", "uint8": "u8"}[case.inputs[0].dtype]
    bench.tiles(0)
    code, executed = bench.emulator.image, bench.emulator.executed
    ran = {name: any(executed[(s.address - code.code_base) // 2] for s in code.variants(name))
           for name in (f"hyb_conv_point_{kind}_u8", f"hyb_conv_gather_{kind}")}  # fmt: skip
    assert list(ran.values()) == [True, False]
    assert all(set(case.op.work([bench.maps[0][1][0].value], bench.maps[0][0].grid.box(t))) == {
        "conv_point.calls", "conv_point.fours", "conv_point.four_taps"} for t in range(bench.maps[0][0].grid.size))


@pytest.mark.parametrize("cpu", ["cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"])
def test_what_a_box_takes_does_not_depend_on_the_data(cpu):
    draw, bench = Draw(7), OnEmulator(cases(0), cpu, None, FLAGS)
    for number, (item, sources) in enumerate(bench.maps):
        box, taken = whole(item.value.shape), set()
        for fill in ("lo", "hi", None):
            values = [np.full(s.value.shape, getattr(s.value, fill)) if fill else draw.content(s) for s in sources]
            bench.fill(number, values)
            taken.add(bench.box(number, box))
        assert len(taken) == 1, (item.op.name, item.value)


@pytest.mark.parametrize("compiler", sorted(compilers()))
@pytest.mark.parametrize("language", [C99, CPP11])
def test_the_kernels_are_clean_under_warnings_as_errors(language, compiler):
    compile_to("o", program(maps_of(cases(1))).replace("section", "used, section"), ("-O2", *language), compiler)


@pytest.mark.parametrize("compiler", CROSS)
@pytest.mark.parametrize("language", [C99, CPP11])
def test_the_simd_path_is_clean_under_warnings_as_errors(language, compiler, tmp_path):
    source, core = tmp_path / "kernels.c", find_core("cortex-m4")
    source.write_text(program(maps_of(cases(1))))
    link([source], tmp_path / "kernels.elf", core, compiler, ("-O2", *language), [INCLUDE])


REQUANT = """\
#include "hyb_runtime.h"
int32_t acc[256], multiplier[256], shift[256], result[256];
void run(void);
__attribute__((section(".entry"))) void run(void) {
  for (int32_t i = 0; i < 256; i++) result[i] = hyb_requant(acc[i], multiplier[i], shift[i], -32768, 32767);
}
"""


def requant_vectors():
    rng = np.random.default_rng(3)
    acc = rng.integers(-(2**31), 2**31, 256) >> rng.integers(0, 31, 256)
    acc[:6] = [-(2**31), 2**31 - 1, -1, 0, 1, -65536]
    multiplier = rng.integers(0, 2**31, 256) >> rng.integers(0, 3, 256)
    multiplier[6:10] = [0, 1, 2**31 - 1, 65535]
    shift = rng.integers(1, 63, 256)
    shift[128:] = rng.integers(30, 36, 128)
    return [a.astype(np.int32) for a in (acc, multiplier, shift)]


@pytest.mark.parametrize("compiler", CROSS)
@pytest.mark.parametrize("cpu", CORES)
def test_requantisation_equals_the_formula_on_every_core(cpu, compiler, tmp_path):
    (tmp_path / "requant.c").write_text(REQUANT)
    link([tmp_path / "requant.c"], tmp_path / "requant.elf", find_core(cpu), compiler, FLAGS, [INCLUDE])
    emulator, vectors = Emulator(read_image(tmp_path / "requant.elf"), find_core(cpu)), requant_vectors()
    for name, values in zip(("acc", "multiplier", "shift"), vectors, strict=True):
        emulator.write(name, values)
    emulator.call("run")
    found = np.frombuffer(emulator.read("result", 1024), "<i4")
    np.testing.assert_array_equal(found, requantise(*vectors, -32768, 32767))


def test_high_words_on_this_machine_too():
    head = "int32_t high(int32_t a, int32_t b)"
    library = compile_shared(f'#include "hyb_core.h"\n{head};\n{head} {{ return hyb_mul_high(a, b); }}\n')
    for a, b, _ in zip(*requant_vectors(), strict=True):
        assert library.high(int(a), int(b)) == int(a) * int(b) >> 32
