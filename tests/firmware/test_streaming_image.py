"""The streaming program: the log of a Cortex-M4 in qemu equals that of this machine, byte for byte."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codegen import interpret
from codegen.artifacts import write_code
from tests.c_helpers import compilers
from tests.recordings import clips
from tests.small_model import small_plan

FIRMWARE = Path(__file__).parents[2] / "firmware"
RECORDINGS = 208
LINE = re.compile(r"(?P<file>.+)\t(?P<number>\d+)\t(?P<label>.+)\tmargin \d+\tstage (?P<stage>\d)\tcost \d+")


def needs(*tools):
    """Skip, loudly, where a tool is missing."""
    packages = {"arm-none-eabi-gcc": "gcc-arm-none-eabi, libnewlib-arm-none-eabi", "qemu-system-arm": "qemu-system-arm",
                "make": "make", "cmake": "cmake"}  # fmt: skip
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"NOT CHECKED: {tool} was not found (Debian: {packages[tool]})")


def make(*args):
    command = ["make", "-s", "-f", FIRMWARE / "Makefile", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def plan():
    return small_plan()


@pytest.fixture(scope="session")
def model(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_code(plan, folder)
    return folder


@pytest.fixture(scope="session")
def programs(model, tmp_path_factory):
    """Where make puts the programs for this machine."""
    needs("make")
    out = tmp_path_factory.mktemp("make")
    done = make("host", f"MODEL={model}", f"BUILD={out}")
    assert done.returncode == 0, done.stderr
    return out / "small"


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """WAV files of real speech, some of them shorter than the window, and noise of several windows; their list."""
    folder = tmp_path_factory.mktemp("clips")
    speech, noise = clips("speech", RECORDINGS - 1), clips("noise", 4)
    rows = [*speech, noise.reshape(-1)]
    for number, row in enumerate(rows):
        own = row[: len(row) - (number % 7) * 700] if number < RECORDINGS - 1 else row
        soundfile.write(folder / f"{number:03} a clip.wav", own, 16000, subtype="PCM_16")
    paths = sorted(folder.glob("*.wav"))
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in paths))
    return folder / "list.txt"


@pytest.fixture(scope="session")
def host_log(programs, recordings):
    done = subprocess.run([programs / "host" / "stream", f"@{recordings}"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]
    return done.stdout


def in_qemu(image, *arguments, machine="mps2-an386"):
    given = "".join(f",arg={a}" for a in ("stream", *arguments))
    command = ["qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none", "-serial", "none",
               "-semihosting-config", f"enable=on,target=native{given}", "-kernel", image]  # fmt: skip
    return subprocess.run(command, capture_output=True, timeout=300, check=False)


def test_the_log_of_this_machine_equals_the_interpreter(plan, recordings, host_log):
    found = [LINE.fullmatch(line) for line in host_log.decode().splitlines()]
    assert all(found)
    first = {m["file"]: m for m in found if m["number"] == "1"}
    paths = recordings.read_text().splitlines()
    assert list(first) == paths and len(paths) >= 200
    assert sum(m["file"] == paths[-1] for m in found) >= 4  # the long one is decided again and again
    pcm = np.zeros((len(paths), 16000), np.int16)
    for row, path in zip(pcm, paths, strict=True):
        samples = soundfile.read(path, dtype="int16")[0][:16000]
        row[: len(samples)] = samples
    expected = interpret.run(plan, pcm)
    assert [m["label"] for m in first.values()] == [plan.labels[i] for i in expected.label]
    assert [int(m["stage"]) - 1 for m in first.values()] == expected.stage.tolist()
    assert len(set(expected.stage.tolist())) > 1 and len(set(expected.label.tolist())) > 1


@pytest.mark.parametrize("builder", ["make", "cmake"])
def test_the_log_of_a_cortex_m4_is_the_same(builder, model, recordings, host_log, tmp_path):
    needs(builder, "arm-none-eabi-gcc", "qemu-system-arm")
    if builder == "make":
        done = make(tmp_path / "small" / "mps2_an386" / "stream.elf", f"MODEL={model}", f"BUILD={tmp_path}")
        image = tmp_path / "small" / "mps2_an386" / "stream.elf"
    else:
        toolchain = FIRMWARE / "arm-none-eabi.cmake"
        command = ["cmake", "-S", FIRMWARE, "-B", tmp_path, f"-DMODEL={model}", "--toolchain", toolchain]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        done = subprocess.run(["cmake", "--build", tmp_path], capture_output=True, text=True, check=False)
        image = tmp_path / "stream.elf"
    assert done.returncode == 0, done.stderr
    run = in_qemu(image, f"@{recordings}")
    assert run.returncode == 0 and run.stdout == host_log


def test_the_log_of_a_cortex_m0_with_16_kb_is_the_same(model, recordings, host_log, tmp_path):
    needs("make", "arm-none-eabi-gcc", "qemu-system-arm")
    image = tmp_path / "small" / "microbit" / "stream.elf"
    done = make(image, f"MODEL={model}", f"BUILD={tmp_path}", "BOARD=microbit")
    assert done.returncode == 0, done.stderr
    run = in_qemu(image, f"@{recordings}", machine="microbit")
    assert run.returncode == 0 and run.stdout == host_log


def test_bad_recordings_are_told_and_the_good_ones_decided(programs, tmp_path):
    good = tmp_path / "good.wav"
    soundfile.write(good, np.zeros(100, np.int16), 16000, subtype="PCM_16")
    soundfile.write(tmp_path / "rate.wav", np.zeros(100, np.int16), 8000, subtype="PCM_16")
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2), np.int16), 16000, subtype="PCM_16")
    soundfile.write(tmp_path / "float.wav", np.zeros(100), 16000, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("words")
    (tmp_path / "cut.wav").write_bytes(good.read_bytes()[:30])
    (tmp_path / "empty.wav").write_bytes(b"")
    reasons = {
        "absent.wav": "cannot be opened", "rate.wav": "not at the model's sample rate",
        "stereo.wav": "not 16-bit mono PCM", "float.wav": "not 16-bit mono PCM", "text.wav": "not a WAV file",
        "cut.wav": "no samples in it", "empty.wav": "not a WAV file",
    }  # fmt: skip
    files = [tmp_path / name for name in reasons]
    done = subprocess.run([programs / "host" / "stream", *files, good], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and len(lines) == len(files) + 1
    assert lines[:-1] == [f"{path}: {reasons[path.name]}" for path in files]
    assert LINE.fullmatch(lines[-1])["file"] == str(good)
    assert subprocess.run([programs / "host" / "stream"], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name a model: make firmware MODEL=DIR"),
        (["MODEL={empty}"], "holds 0 model headers"),
        (["MODEL={model}", "CROSS=no-such-gcc"], "no-such-gcc was not found: install it (Debian: gcc-arm-none-eabi)"),
        (["MODEL={model}", "CROSS=false"], "has no C library: install newlib (Debian: libnewlib-arm-none-eabi)"),
        (["MODEL={model}", "BOARD=toaster"], "no board toaster: choose from microbit mps2_an386 nucleo_l476rg"),
        (["run", "MODEL={model}", "QEMU=no-qemu"], "no-qemu was not found: install it (Debian: qemu-system-arm)"),
    ],
)
def test_what_is_missing_is_named_with_its_package(arguments, told, model, tmp_path):
    needs("make")
    if arguments[:1] == ["run"]:
        needs("arm-none-eabi-gcc")
    given = [a.format(model=model, empty=tmp_path) for a in arguments]
    done = make(*given, f"BUILD={tmp_path / 'build'}")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("make firmware: ")]
    assert len(lines) == 1 and told in lines[0], done.stderr


@pytest.mark.parametrize("board", sorted(p.parent.name for p in (FIRMWARE / "boards").glob("*/board.ld")))
def test_every_board_builds_without_a_warning(board, model, tmp_path):
    needs("make", "arm-none-eabi-gcc")
    done = make(tmp_path / "small" / board / "validate.elf", f"MODEL={model}", f"BUILD={tmp_path}", f"BOARD={board}")
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("compiler", sorted(compilers()))
def test_the_programs_for_this_machine_build_without_a_warning(compiler, model, tmp_path):
    needs("make")
    done = make("host", f"MODEL={model}", f"BUILD={tmp_path}", f"HOSTCC={shlex.join(compilers()[compiler])}")
    assert done.returncode == 0 and done.stderr == ""


def test_a_model_that_does_not_fit_a_board_is_refused_by_the_linker(model, tmp_path):
    """A whole window of 32 kB in the 16 kB of a micro:bit."""
    needs("make", "arm-none-eabi-gcc")
    image = tmp_path / "small" / "microbit" / "validate.elf"
    done = make(image, f"MODEL={model}", f"BUILD={tmp_path}", "BOARD=microbit", "STREAM=0")
    assert done.returncode == 2 and not image.exists()
    assert "RAM is too small" in done.stderr or "will not fit in region" in done.stderr
