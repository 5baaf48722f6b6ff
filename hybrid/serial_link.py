"""The host's end of the frames that a validation image speaks over a serial line (firmware/PROTOCOL.md)."""

from __future__ import annotations

import binascii
import struct
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hybrid.errors import HybridError

SYNC, PROTOCOL = 0xA5, 1
HEAD = struct.Struct("<BBHIIHHHII")
FLAG_COUNTERS, FLAG_STREAM, FLAG_SAMPLES = 1, 2, 4
LONGEST = 1030
"""Bytes of the longest frame that a board takes: what gets a board out of a frame that another program left open."""
REFUSALS = {
    1: "CRC error in what the board received: check cable, ground and --baud",
    2: "the board refuses the length of a frame: flash the image of this version",
    3: "the board does not know a type of frame: flash the image of this version",
    4: "the board has not received a whole window: flash the image of this version",
}


class BoardError(HybridError):
    """No board, no answer, or a wrong one."""


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE."""
    return binascii.crc_hqx(data, 0xFFFF)


@dataclass(frozen=True)
class Hello:
    """What a board says of itself. block: samples per push; context_bytes: RAM of the model; hz: the counter's rate."""

    counters: bool
    stream: bool
    keeps_samples: bool
    block: int
    window: int
    rate: int
    classes: int
    maps: int
    stages: int
    context_bytes: int
    hz: int
    hash: str
    model: str
    board: str
    counter: str


@dataclass(frozen=True, eq=False)
class Answer:
    """One decision of a board. cycles: of deciding; push_cycles: of taking the samples. Arrays int64."""

    label: int
    stage: int
    margin: int
    cost: int
    cycles: int
    push_cycles: int
    scores: np.ndarray
    visits: int | None = None
    computes: np.ndarray | None = None
    hits: np.ndarray | None = None


class SerialLink:
    """A board at the end of a serial line.

    port: anything that pyserial opens: a device, or a URL such as socket://localhost:5555. timeout: seconds for one
    answer. Raises BoardError.
    """

    def __init__(self, port: str, baud: int = 115200, timeout: float = 10.0) -> None:
        try:
            import serial
        except ImportError:
            raise BoardError("boards are reached with pyserial: pip install 'hybrid[device]'") from None
        self._port, self._timeout, self._failure = port, timeout, (serial.SerialException, OSError)
        try:
            self._serial: Any = serial.serial_for_url(port, baudrate=baud, timeout=timeout)
        except (serial.SerialException, OSError, ValueError) as error:
            raise BoardError(f"port {port} cannot be opened ({error}): check its name and who else uses it") from None

    def __enter__(self) -> SerialLink:
        return self

    def __exit__(self, *_: object) -> None:
        self._serial.close()

    def hello(self) -> Hello:
        """Find the board, whatever a program before left half said, and hear what it is."""
        self._serial.timeout = self._timeout / 3
        for attempt in range(3):
            if attempt:
                self._write(bytes(LONGEST))
            self._send(b"H")
            try:
                kind, payload = self._receive()
                while kind != b"h":
                    kind, payload = self._receive()
                break
            except BoardError:
                if attempt == 2:
                    raise
        self._serial.timeout = self._timeout
        return self._hello(payload)

    def _hello(self, payload: bytes) -> Hello:
        try:
            version, flags, *numbers = HEAD.unpack_from(payload)
            if version != PROTOCOL:
                raise BoardError(f"the board speaks protocol {version}, not {PROTOCOL}: flash this version's image")
            texts = [text.decode("ascii") for text in payload[HEAD.size :].split(b"\0")[:4]]
            counters, stream, samples = (bool(flags & flag) for flag in (FLAG_COUNTERS, FLAG_STREAM, FLAG_SAMPLES))
            return Hello(counters, stream, samples, *numbers, *texts)
        except (struct.error, UnicodeDecodeError, TypeError):
            raise BoardError(f"{self._port} answers, but not as a validation image does: flash it") from None

    def decide(self, hello: Hello, pcm: np.ndarray) -> Answer:
        """Send one window, int16 (window,), and hear the board's decision."""
        self._ask(b"B", b"", b"k")
        for start in range(0, len(pcm), hello.block):
            self._ask(b"P", pcm[start : start + hello.block].astype("<i2").tobytes(), b"k")
        return self._answer(hello, self._ask(b"D", b"", b"r"))

    def _answer(self, hello: Hello, payload: bytes) -> Answer:
        counted = 1 + 2 * hello.maps if hello.counters else 0
        if len(payload) != 4 * (6 + hello.classes + counted):
            raise BoardError(f"the board's answer has {len(payload)} bytes, not what its hello announces: flash it")
        signed = np.frombuffer(payload, "<i4").astype(np.int64)
        unsigned = np.frombuffer(payload, "<u4").astype(np.int64)
        scores, rest = signed[6 : 6 + hello.classes], unsigned[6 + hello.classes :]
        label, stage, margin = signed[:3].tolist()
        cost, cycles, push_cycles = unsigned[3:6].tolist()
        answer = Answer(label, stage, margin, cost, cycles, push_cycles, scores)
        if not hello.counters:
            return answer
        computes, hits = np.split(rest[1:], 2)
        return replace(answer, visits=int(rest[0]), computes=computes, hits=hits)

    def _ask(self, kind: bytes, payload: bytes, wanted: bytes) -> bytes:
        self._send(kind, payload)
        found, answer = self._receive()
        if found == b"e":
            code = answer[0] if answer else 0
            raise BoardError(REFUSALS.get(code, f"the board reports error {code}: flash the image of this version"))
        if found != wanted:
            raise BoardError(f"the board answers {found!r} instead of {wanted!r}: reset it and try again")
        return answer

    def _send(self, kind: bytes, payload: bytes = b"") -> None:
        body = kind + struct.pack("<H", len(payload)) + payload
        self._write(bytes([SYNC]) + body + struct.pack("<H", crc16(body)))

    def _write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except self._failure as error:
            raise BoardError(f"port {self._port} was lost ({error}): check the cable") from None

    def _receive(self) -> tuple[bytes, bytes]:
        """Type and payload of the next frame."""
        limit = time.monotonic() + self._serial.timeout
        while self._read(1) != bytes([SYNC]):
            if time.monotonic() > limit:
                raise self._silent()
        head = self._read(3)
        body = self._read(struct.unpack("<H", head[1:])[0] + 2)
        payload, crc = body[:-2], body[-2:]
        if struct.pack("<H", crc16(head + payload)) != crc:
            raise BoardError("CRC error in what the board sent: check cable, ground and --baud")
        return head[:1], payload

    def _read(self, size: int) -> bytes:
        try:
            data = bytes(self._serial.read(size))
        except self._failure as error:
            raise BoardError(f"port {self._port} was lost ({error}): check the cable") from None
        if len(data) < size:
            raise self._silent()
        return data

    def _silent(self) -> BoardError:
        return BoardError(
            f"no answer from {self._port} within {self._timeout:g} s: flash the validation image, reset the board, "
            f"check --baud, or raise --timeout"
        )
