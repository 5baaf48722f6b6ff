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
    """The first frame of each map as `run_<map>()`, from `pcm` (with an odd offset in words) to `out`."""
    try:
        find_cross()
    except TargetError as error:
        pytest.skip(str(error))
    lines = [source(frame), "int16_t pcm[4001], out[128];"]
    for name in MAPS:
        head = f'__attribute__((section(".entry_{name}"))) void run_{name}(void)'
        lines += [f"{head};", f"{head} {{ {name}(pcm + 1, 0, 1, out); }}"]
    path, core = folder / "m.c", find_core(core_name)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    link([path], folder / "m.elf", core, includes=[INCLUDE])
    return Emulator(read_image(folder / "m.elf"), core)


def counts(emulated: Emulator, frame: int, name: str) -> np.ndarray:
    """Instructions of the map's first frame for each input, int64 (n,); its values are held to the reference."""
    found = []
    for row, wanted in zip(inputs(), expected(frame)[name][:, 0], strict=True):
        emulated.write("pcm", np.concatenate([[7], row]).astype("<i2"))
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
    for name in ("energy", "crossings", "centred"):
        assert np.ptp(counts(emulated, frame, name)) <= 4, "no more than what the logarithm of a small sum saves"
    found, kinds = counts(emulated, frame, "mel"), coarse_passes(frame, monkeypatch)
    assert len(np.unique(kinds, axis=0)) > 2, "the inputs force both kinds of pass"
    assert np.ptp(found) <= 0.03 * found.min(), "coarse passes may cost what their compiled loops differ by"
    for kind in np.unique(kinds, axis=0):
        assert np.ptp(found[(kinds == kind).all(axis=1)]) <= 2 * graph(frame)["mel"].value.shape[1]


@pytest.mark.parametrize("frame", MELS)
def test_a_frame_stays_within_its_instructions(frame, tmp_path):
    assert counts(emulator(frame, "cortex-m4", tmp_path), frame, "mel").max() <= MOST[frame]
