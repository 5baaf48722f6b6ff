"""`hybrid validate` against a board: qemu's UART where it is there, and the same program on this machine everywhere."""

import json
import shutil
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from codegen.artifacts import write_code
from hybrid.model_file import Model, save
from hybrid.serial_link import SYNC, crc16
from tests.small_model import small_plan

FIRMWARE = Path(__file__).parents[2] / "firmware"
RATE, SAMPLES = 4000, 900


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model folder; its window is short, so that little goes over the line."""
    folder = tmp_path_factory.mktemp("small")
    plan = small_plan(RATE, SAMPLES)
    about = {"config": {"audio": {"rate": RATE, "window_s": SAMPLES / RATE}}}
    save(Model(plan, about), folder)
    write_code(plan, folder)
    return folder


def build(program, model, out, *options):
    if shutil.which("make") is None:
        pytest.skip("NOT CHECKED: make was not found (Debian: make)")
    target = out / "small" / program
    command = ["make", "-s", "-f", FIRMWARE / "Makefile", target, f"MODEL={model}", f"BUILD={out}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def host_board(model, tmp_path_factory):
    """The validation program for this machine, its line on standard input and output."""
    return build("host/validate", model, tmp_path_factory.mktemp("host"))


@contextmanager
def on_a_line(talk):
    """A serial line as a URL for pyserial; `talk(connection)` is the board's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def program_on_a_line(program, spoil=lambda data: data, spoil_answer=lambda data: data):
    """A board that is a program on this machine; what goes over the line may be spoiled."""

    def talk(connection):
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:

            def answer():
                while data := process.stdout.read(4096):
                    connection.sendall(spoil_answer(data))

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            try:
                while data := connection.recv(4096):
                    process.stdin.write(spoil(data))
            except OSError:
                pass
            process.stdin.close()
            thread.join(10)

    return on_a_line(talk)


def flipped_after(count):
    """Spoils a bit of the CRC of the frame of this number, the first being 1."""
    seen = []

    def spoil(data):
        seen.append(data)
        return data if len(seen) != count else data[:-1] + bytes([data[-1] ^ 4])

    return spoil


def validated(succeeds, model, port, *args):
    return json.loads(succeeds("validate", model, "--port", port, "--json", *args).stdout)


def test_a_board_agrees_in_answers_and_counters(model, host_board, succeeds):
    with program_on_a_line(host_board) as port:
        found = validated(succeeds, model, port)
    assert found["clips"] == 20 and found["board"] == "host" and found["streamed"]
    assert set(found["compared"]) == {"label", "stage", "margin", "cost", "scores", "visits", "computes", "hits"}
    with program_on_a_line(host_board) as port:
        text = succeeds("validate", model, "--port", port, "--clips", 2).stdout
    assert text.startswith("2 windows on host: label, stage, margin") and "cycles per decision" in text


def test_recordings_are_sent_too(model, host_board, tmp_path, make_tone, write_wav, succeeds):
    for label, hz in (("left", 300), ("right ü", 900), ('"stop"', 2000)):
        for take in range(2):
            write_wav(tmp_path / "data" / label / f"{take}.wav", make_tone(hz, take))
    with program_on_a_line(host_board) as port:
        found = validated(succeeds, model, port, tmp_path / "data", "--clips", 6)
    assert found["clips"] == 6 and found["data"] == str(tmp_path / "data")


@pytest.mark.parametrize("options", [["STREAM=0"], ["TRACE=0"]])
def test_whole_windows_and_images_without_counters_are_validated(model, options, tmp_path, succeeds):
    with program_on_a_line(build("host/validate", model, tmp_path, *options)) as port:
        found = validated(succeeds, model, port, "--clips", 4)
    assert found["streamed"] == (options != ["STREAM=0"])
    assert ("computes" in found["compared"]) == (options != ["TRACE=0"]) == found["cycles"]["with_counters"]


def test_qemus_board_agrees_and_its_counter_runs(model, tmp_path, succeeds):
    for tool, package in (("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("qemu-system-arm", "qemu-system-arm")):
        if shutil.which(tool) is None:
            pytest.skip(f"NOT CHECKED: {tool} was not found (Debian: {package})")
    image = build("mps2_an386/validate.elf", model, tmp_path)
    with in_qemu("mps2-an386", image) as port:
        found = validated(succeeds, model, port)
    assert found["clips"] >= 20 and found["board"] == "mps2_an386"
    cycles = found["cycles"]
    assert (cycles["counter"], cycles["hz"]) == ("SysTick", 25_000_000)
    assert cycles["max"] >= cycles["p95"] >= cycles["p50"] > 0
    # qemu's clock runs 40 instructions to a tick, and the model's costs are instructions of a core, as calibrated.
    assert 0.1 < 40 * cycles["per_cost"] < 10, cycles


@contextmanager
def in_qemu(machine, image):
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    command = ["qemu-system-arm", "-M", machine, "-nographic", "-monitor", "none", "-icount", "shift=0", "-kernel",
               image, "-serial", f"tcp:127.0.0.1:{number},server=on,wait=on,nodelay=on"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            process.stdout.readline()  # "... waiting for connection on ..."
            yield f"socket://127.0.0.1:{number}"
        finally:
            process.kill()


def test_a_changed_model_is_the_wrong_model(model, host_board, tmp_path, refused):
    other = tmp_path / "other"
    other.mkdir()
    plan = small_plan(RATE, SAMPLES, name="other")
    save(Model(plan, {}), other)
    write_code(plan, other)
    with program_on_a_line(host_board) as port:
        line = refused("validate", other, "--port", port)
    assert "wrong model: the board" in line and "runs 'small'" in line and "make firmware MODEL=" in line


def test_a_board_that_answers_otherwise_is_told_by_field_and_clip(model, host_board, refused):
    def another_label(data):
        if data[1:2] != b"r":
            return data
        body = data[1:4] + bytes([data[4] ^ 1]) + data[5:-2]
        return data[:1] + body + struct.pack("<H", crc16(body))

    with program_on_a_line(host_board, spoil_answer=joined(another_label)) as port:
        line = refused("validate", model, "--port", port, "--clips", 2, "--quiet")
    assert "validation failed: label of 2 of 2 windows differs" in line and "made-up window 1" in line


def joined(change):
    """Calls `change` with whole frames, however the line has cut them."""
    kept = bytearray()

    def spoil(data):
        kept.extend(data)
        out = b""
        while len(kept) >= 4 and len(kept) >= (size := 6 + kept[2] + 256 * kept[3]):
            out += change(bytes(kept[:size]))
            del kept[:size]
        return out

    return spoil


def test_a_crc_error_is_told_at_either_end(model, host_board, refused):
    with program_on_a_line(host_board, spoil=flipped_after(3)) as port:
        assert "CRC error in what the board received" in refused("validate", model, "--port", port, "--quiet")
    sent = flipped_after(4)
    with program_on_a_line(host_board, spoil_answer=joined(sent)) as port:
        assert "CRC error in what the board sent" in refused("validate", model, "--port", port, "--quiet")


def test_no_answer_is_told_within_the_time_given(model, refused):
    def silent(connection):
        while connection.recv(4096):
            pass

    with on_a_line(silent) as port:
        start = time.monotonic()
        line = refused("validate", model, "--port", port, "--timeout", 0.6)
    assert f"no answer from {port} within 0.6 s" in line and time.monotonic() - start < 5


def test_another_device_is_no_board(model, refused):
    def chatter(connection):
        body = b"h" + struct.pack("<H", 3) + b"\x01\x00\x00"
        connection.recv(100)
        connection.sendall(b"boot ok\r\n" + bytes([SYNC]) + body + struct.pack("<H", crc16(body)))
        while connection.recv(4096):
            pass

    with on_a_line(chatter) as port:
        assert "not as a validation image does" in refused("validate", model, "--port", port, "--timeout", 1)


def test_a_frame_that_was_left_open_does_not_hide_the_board(model, host_board, succeeds):
    """Another program left the board in the middle of a frame of 1000 bytes: the first hello is swallowed by it."""
    left_open = [bytes([SYNC]) + b"P" + struct.pack("<H", 1000)]

    def spoil(data):
        return left_open.pop() + data if left_open else data

    with program_on_a_line(host_board, spoil=spoil) as port:
        assert validated(succeeds, model, port, "--clips", 1, "--timeout", 1.5)["clips"] == 1


@pytest.mark.parametrize("port", ["/no/such/port", "socket://127.0.0.1:1", "gopher://x"])
def test_a_port_that_cannot_be_opened_is_named(model, port, refused):
    assert f"port {port} cannot be opened" in refused("validate", model, "--port", port)
