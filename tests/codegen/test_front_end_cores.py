"""The front end on emulated cores: the bits of numpy on every path, and instruction counts that no sample changes."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from codegen.target.cores import TargetError, find_core
from codegen.target.cross import find_cross, link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from feature_extractors import fixed_fft
from feature_extractors.ops.place import Place
from tests.c_helpers import INCLUDE
from tests.codegen.test_front_end_c import COUNT, MELS, drawn_windows, graph, reference, source, worst_inputs

pytest.importorskip("unicorn", reason="emulated cores need unicorn: pip install 'hybrid[device]'")
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4")
MAPS = ("mel", "energy", "crossings", "centred")
MOST = {128: 5_500, 256: 11_000, 512: 22_000, 1024: 48_000}
"""Instructions of one log-mel frame on a Cortex-M4 with 12, 40, 40 and 64 bands."""


@functools.cache
def inputs() -> np.ndarray:
    """Full-scale waves, extremes, noise, silence, and one sample alone in places that the FFT treats differently."""
    lone = np.zeros((24, COUNT), np.int16)
    for row, place in zip(lone, (0, 1, 2, 3, 31, 32, 63, 64, 65, 127, 128, 255), strict=False):
        row[place] = 32767
    for row, place in zip(lone[12:], (0, 1, 2, 5, 33, 64, 96, 120, 126, 127, 254, 511), strict=True):
        row[place] = -1
    return np.concatenate([worst_inputs(), drawn_windows(), lone])


@functools.cache
def expected(frame: int) -> dict[str, np.ndarray]:
    return reference(frame, inputs())


def emulator(frame: int, core_name: str, folder: Path) -> Emulator:
    """The first frame of each map as `run_<map>()`, from `pcm`, `first` samples behind a word, to `out`."""
    lines = [source(frame), "int16_t out[128]; int32_t first; union { uint32_t words[2001]; int16_t x[4002]; } pcm;"]
    return linked([*lines, *(entry(name, f"{name}(pcm.x + first, 0, 1, out)") for name in MAPS)], core_name, folder)


def entry(name: str, call: str) -> str:
    """`run_<name>()`, which calls what it says."""
    head = f'__attribute__((section(".entry_{name}"))) void run_{name}(void)'
    return f"{head};\n{head} {{ {call}; }}"


def linked(lines: list[str], core_name: str, folder: Path) -> Emulator:
    """The C of these lines on a core."""
    try:
        find_cross()
    except TargetError as error:
        pytest.skip(str(error))
    path, core = folder / "m.c", find_core(core_name)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    link([path], folder / "m.elf", core, includes=[INCLUDE])
    return Emulator(read_image(folder / "m.elf"), core)


def counts(emulated: Emulator, frame: int, name: str, first: int = 1) -> np.ndarray:
    """Instructions of the map's first frame for each input, int64 (n,); its values are held to the reference."""
    found = []
    emulated.write("first", np.array([first], "<i4"))
    for row, wanted in zip(inputs(), expected(frame)[name][:, 0], strict=True):
        emulated.write("pcm", np.concatenate([[7] * first, row]).astype("<i2"))
        emulated.reset()
        emulated.call(f"run_{name}")
        np.testing.assert_array_equal(np.frombuffer(emulated.read("out", 2 * wanted.size), "<i2"), wanted.ravel())
        found.append(emulated.total)
    return np.array(found)


def coarse_passes(frame: int, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Which passes of each input's first frame are coarse: bool (n, passes)."""
    seen, inner = [], fixed_fft._needs_coarse

    def watched(re: np.ndarray, im: np.ndarray) -> np.ndarray:
        seen.append(inner(re, im))
        return seen[-1]

    monkeypatch.setattr(fixed_fft, "_needs_coarse", watched)
    fixed_fft.power_spectrum(inputs()[:, :frame].astype(np.int32))
    return np.stack(seen, axis=1).astype(bool)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("frame", MELS)
def test_every_core_has_the_bits_of_the_reference_at_a_cost_that_no_sample_changes(frame, core, tmp_path, monkeypatch):
    emulated = emulator(frame, core, tmp_path)
    for first in (0, 1):
        for name in ("energy", "crossings", "centred"):
            found = counts(emulated, frame, name, first)
            assert np.ptp(found) <= 4, "no more than what the logarithm of a small sum saves"
    found, kinds = counts(emulated, frame, "mel"), coarse_passes(frame, monkeypatch)
    assert len(np.unique(kinds, axis=0)) > 2, "the inputs force both kinds of pass"
    assert np.ptp(found) <= 0.03 * found.min(), "coarse passes may cost what their compiled loops differ by"
    for kind in np.unique(kinds, axis=0):
        assert np.ptp(found[(kinds == kind).all(axis=1)]) <= 2 * graph(frame)["mel"].value.shape[1]


@pytest.mark.parametrize("frame", MELS)
def test_a_frame_stays_within_its_instructions(frame, tmp_path):
    emulated = emulator(frame, "cortex-m4", tmp_path)
    for first in (0, 1):
        assert counts(emulated, frame, "mel", first).max() <= MOST[frame]


@pytest.mark.parametrize("core", CORES)
def test_energies_say_the_same_place_and_contrast_on_every_core(core, tmp_path):
    lines = ['#include "hyb_frame.h"', "int16_t x[512], out[2]; int32_t n, frames, places, step, deep, width;"]
    place = entry("place", "out[0] = hyb_place(x, n, frames, places, step, deep)")
    emulated = linked([*lines, place, entry("contrast", "hyb_contrast(x, n, width, 5, 0, out)")], core, tmp_path)
    rng = np.random.default_rng(0)
    for number in range(300):
        n = int(rng.choice([1, 2, 3, 49, 50, 512])) if number % 2 else int(rng.integers(1, 100))
        width, frames, step = (int(rng.integers(1, n + 1)) for _ in range(3))
        energies = rng.integers(0, int(rng.choice([2, 300, 9000])), n) + int(rng.choice([0, 6000]))
        op = Place(frames, n, step, int(rng.choice([1, 2, 10, 40])))
        given = {"n": n, "frames": frames, "places": op.places, "step": step, "deep": 256 * op.octaves, "width": width}
        for name, value in given.items():
            emulated.write(name, np.array([value], "<i4"))
        emulated.write("x", energies.astype("<i2"))
        emulated.call("run_place")
        assert np.frombuffer(emulated.read("out", 2), "<i2")[0] == op.first(energies[None])[0]
        sums = np.convolve(energies, np.ones(width, int), "valid")
        if (len(sums) * sums.max() - sums.sum() + 16) >> 5 < 2**15 and np.ptp(sums) < 2**15:
            emulated.call("run_contrast")
            wanted = [(len(sums) * sums.max() - sums.sum() + 16) >> 5, np.ptp(sums)]
            np.testing.assert_array_equal(np.frombuffer(emulated.read("out", 4), "<i2"), wanted)
