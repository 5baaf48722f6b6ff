"""Validation on a board: the same windows through the board's firmware and the interpreter, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.plan import Plan
from codegen.stream import Stream
from codegen.streaming import stream_plan
from hybrid.config import Config
from hybrid.errors import HybridError
from hybrid.evaluate import load_model
from hybrid.model_file import Model
from hybrid.parity import compare, rows
from hybrid.recordings import read_windows
from hybrid.serial_link import Answer, BoardError, Hello, SerialLink

ANSWERS = ("label", "stage", "margin", "cost", "scores")
COUNTERS = ("visits", "computes", "hits")


def validate(
    folder: Path,
    port: str,
    data: Path | None = None,
    *,
    clips: int = 20,
    baud: int = 115200,
    timeout: float = 10.0,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Send windows to the board at `port` and compare every answer and counter with the interpreter's.

    data: recordings in a known layout, of which `clips` spread over the folder are taken; None: made-up windows.
    Returns the board, the number of windows, and its cycles. Raises BoardError or HybridError.
    """
    model, config = load_model(folder)
    plan = model.plan
    pcm, names = _made_up(plan, clips) if data is None else _recorded(data, model, config, clips)
    with SerialLink(port, baud, timeout) as link:
        hello = link.hello()
        _check_model(hello, plan, folder, port)
        say(f"{hello.board}: {hello.model}, counter {hello.counter} at {hello.hz / 1e6:g} MHz")
        answers = []
        for number, window in enumerate(pcm):
            answers.append(link.decide(hello, window))
            progress("validating", number + 1, len(pcm))
    compared = ANSWERS + (COUNTERS if hello.counters else ())
    expected = _of_stream(plan, pcm, hello) if hello.stream else rows(interpret.run(plan, pcm))
    got = {field: np.array([getattr(answer, field) for answer in answers]) for field in compared}
    compare(expected, got, compared, names, "board", "validation", "check the board's compiler and its options")
    return {
        "model": str(folder),
        "port": port,
        "board": hello.board,
        "clips": len(pcm),
        "data": str(data) if data else "made up",
        "compared": list(compared),
        "streamed": hello.stream,
        "different": 0,
        "ram": {"context": hello.context_bytes},
        "cycles": _cycles(hello, answers),
    }


def _made_up(plan: Plan, clips: int) -> tuple[np.ndarray, Sequence[str]]:
    """Windows that exercise the arithmetic: silence, full scale, and noise and tones at many levels."""
    rng, samples = np.random.default_rng(0), plan.source.value.shape[0]
    time = np.arange(samples)
    level = 10 ** rng.uniform(0.5, 4.4, (clips, 1))
    tones = np.sin(2 * np.pi * rng.uniform(0.005, 0.4, (clips, 1)) * time)
    mixed = level * (rng.uniform(0, 1, (clips, 1)) * tones + 0.3 * rng.standard_normal((clips, samples)))
    pcm = np.clip(mixed, -32768, 32767).astype(np.int16)
    pcm[0] = 0
    if clips > 1:
        pcm[1] = np.where(time % 50 < 25, 32767, -32768)
    return pcm, [f"made-up window {i + 1}" for i in range(clips)]


def _recorded(data: Path, model: Model, config: Config, clips: int) -> tuple[np.ndarray, Sequence[str]]:
    windows = read_windows(model, config, data, split=None, clips=clips, layout=config.data.layout).windows
    return windows.pcm[:clips], windows.names[:clips]


def _check_model(hello: Hello, plan: Plan, folder: Path, port: str) -> None:
    header = folder / f"{plan.name}.h"
    try:
        own = hashlib.sha256(header.read_bytes()).hexdigest()
    except OSError as error:
        raise HybridError(f"{header} cannot be read ({error.strerror}): fit again") from None
    if hello.hash != own:
        raise BoardError(
            f"wrong model: the board at {port} runs {hello.model!r} of hash {hello.hash[:12]}, {header} has "
            f"{own[:12]}: build the image with make firmware MODEL={folder} and flash it"
        )


def _of_stream(plan: Plan, pcm: np.ndarray, hello: Hello) -> dict[str, np.ndarray]:
    """What the interpreter says of windows that are pushed as a board is sent them, each into a new stream."""
    how, decisions = stream_plan(plan), []
    for window in pcm:
        stream = Stream(plan, how.keeping_samples if hello.keeps_samples else how)
        for start in range(0, len(window), hello.block):
            stream.push(window[start : start + hello.block])
        decisions.append(stream.decide())
    return {name: np.array([getattr(d, name) for d in decisions]) for name in (*ANSWERS, *COUNTERS)}


def _cycles(hello: Hello, answers: Sequence[Answer]) -> dict[str, Any]:
    """Of taking the samples of a window and deciding it."""
    total = np.array([answer.cycles + answer.push_cycles for answer in answers], dtype=np.int64)
    return {
        "counter": hello.counter,
        "hz": hello.hz,
        "with_counters": hello.counters,
        "mean": float(total.mean()),
        "p50": float(np.percentile(total, 50)),
        "p95": float(np.percentile(total, 95)),
        "max": int(total.max()),
        "mean_ms": float(total.mean() / hello.hz * 1000),
        "per_cost": float(total.sum() / max(sum(answer.cost for answer in answers), 1)),
    }


def text(found: dict[str, Any]) -> str:
    """The result in a few lines."""
    cycles = found["cycles"]
    counted = ", counting included" if cycles["with_counters"] else ""
    return (
        f"{found['clips']} windows on {found['board']}: {', '.join(found['compared'])} equal the interpreter's\n"
        f"{cycles['counter']} cycles per decision at {cycles['hz'] / 1e6:g} MHz{counted}: mean {cycles['mean']:.0f}, "
        f"p95 {cycles['p95']:.0f}, max {cycles['max']} ({cycles['mean_ms']:.2f} ms on average), "
        f"{cycles['per_cost']:.3f} per unit of cost\n"
        f"RAM of the model on the board: {found['ram']['context'] / 1000:.1f} kB"
    )
