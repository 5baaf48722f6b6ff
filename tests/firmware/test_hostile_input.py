"""Damaged recordings and a noisy serial line, under address and undefined-behaviour sanitizers."""

import random
import struct
import subprocess
from pathlib import Path

import pytest
import soundfile

from codegen.artifacts import write_code
from hybrid.serial_link import SYNC, crc16
from tests.compilers import COMPILERS, SANITIZE, sanitizers_work
from tests.small_model import small_plan, sounds

FIRMWARE = Path(__file__).parents[2] / "firmware"
RATE, SAMPLES = 4000, 900

pytestmark = pytest.mark.skipif(not sanitizers_work(), reason="no compiler with a working address sanitizer was found")


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Folder of `stream` and `validate` for this machine, sanitized."""
    out, model = tmp_path_factory.mktemp("make"), tmp_path_factory.mktemp("model")
    write_code(small_plan(RATE, SAMPLES), model)
    compiler = f"HOSTCC={COMPILERS[0]} {' '.join(SANITIZE)}"
    command = ["make", "-s", "-f", FIRMWARE / "Makefile", "host", f"MODEL={model}", f"BUILD={out}", compiler]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "small" / "host"


def test_no_damaged_recording_harms_the_program(programs, tmp_path):
    soundfile.write(tmp_path / "good.wav", sounds(RATE, 1400)[1], RATE, subtype="PCM_16")
    good, draw, names = (tmp_path / "good.wav").read_bytes(), random.Random(0), []
    for number in range(300):
        data = bytearray(good[: draw.choice([len(good), draw.randrange(len(good)), draw.randrange(60)])])
        for _ in range(draw.randrange(4)):
            if data:
                data[draw.randrange(min(len(data), 48))] = draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])
        names.append(tmp_path / f"{number}.wav")
        names[-1].write_bytes(data)
    lines = "\r\n".join(map(str, names)) + "\n" + "x" * 5000 + "\n\n" + str(tmp_path / "good.wav")
    (tmp_path / "list.txt").write_text(lines)
    command = [programs / "stream", f"@{tmp_path / 'list.txt'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == "", done.stderr[-2000:]
    told = done.stdout.splitlines()
    assert told[-1].startswith(f"{tmp_path / 'good.wav'}\t") and sum("\t" in line for line in told) > 20


def frame(kind, payload):
    body = kind + struct.pack("<H", len(payload)) + payload
    return bytes([SYNC]) + body + struct.pack("<H", crc16(body))


def test_no_bytes_on_the_line_harm_the_program_or_keep_it_from_answering(programs):
    draw, sent = random.Random(1), b""
    for _ in range(400):
        payload = draw.randbytes(draw.choice([0, 1, 2, 7, 512, 1024, 1025, 3000]))
        data = bytearray(frame(draw.choice([b"H", b"B", b"P", b"D", b"?", b"h"]), payload))
        if draw.random() < 0.3:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        sent += bytes(data) + draw.randbytes(draw.choice([0, 0, 0, 5]))
    sent += bytes(1030) + frame(b"H", b"")
    done = subprocess.run([programs / "validate"], input=sent, capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr[-2000:]
    last = done.stdout[done.stdout.rindex(bytes([SYNC]) + b"h") :]
    assert b"small\0host\0" in last and last[-2:] == struct.pack("<H", crc16(last[1:-2]))
