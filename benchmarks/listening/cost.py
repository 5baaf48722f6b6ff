"""What listening costs an emulated core: a stream from end to end, or decisions on windows taken evenly from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.listening.detect import Decisions
from codegen.plan import Plan
from codegen.streaming import StreamPlan, stream_plan
from codegen.target.cores import Core, TargetError
from codegen.target.emulator import Emulator
from codegen.target.model import DeviceModel, build

HARNESS = """\
{defines}
#include "{p}.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void hyb_bench_begin(void);
ENTRY void hyb_bench_push(int32_t n);
ENTRY void hyb_bench_decide(int32_t clear);
ENTRY void hyb_bench_copy(void);
int16_t hyb_bench_pcm[{P}_WINDOW];
int32_t hyb_bench_scores[1 + {P}_CLASSES];
{p}_context hyb_bench_context;
static {p}_result result;
void hyb_bench_begin(void) {{ {p}_init(&hyb_bench_context); }}
void hyb_bench_push(int32_t n) {{ {p}_push(&hyb_bench_context, hyb_bench_pcm, (size_t)n); }}
void hyb_bench_decide(int32_t clear) {{
  if (!clear || {p}_centred(&hyb_bench_context, clear)) result = {p}_decide(&hyb_bench_context);
  else result.label = -1;
}}
void hyb_bench_copy(void) {{
  hyb_bench_scores[0] = result.label;
  for (int32_t i = 0; i < {P}_CLASSES; i++) hyb_bench_scores[1 + i] = hyb_bench_context.scores[i];
}}
"""


@dataclass(frozen=True)
class Cost:
    """Instructions of a second of sound: of frames as they come, and of decisions. ram: bytes: context, stack, and the
    window's samples where they must be kept. counted: how many of the decisions were run; spread: standard deviation
    of a decision's instructions."""

    frames: float
    decisions: float
    ram: int
    counted: int
    of: int
    spread: float

    @property
    def instructions(self) -> float:
        """Of a second of sound."""
        return self.frames + self.decisions


def stream_cost(
    plan: Plan, folder: Path, scratch: Path, core: Core, compiler: str, pcm: np.ndarray, hop: int, told: Decisions,
    count: int, keep_samples: bool = False, clear: int = 0,
) -> Cost:  # fmt: skip
    """Push a stream, int16 (n,), and take its first `count` decisions on the core.

    keep_samples: frames that cost much are computed when a decision asks for them; clear: no decision where a sound is
    not centred by so many frames, 0: all. Raises TargetError if it decides otherwise than this machine did (`told`).
    """
    defines = [f"{plan.name.upper()}_{d}" for d in ("STREAM", *(["KEEP_SAMPLES"] * keep_samples))]
    image = build(plan.name, folder, scratch, core, compiler, HARNESS, defines)
    emulator, spent = Emulator(image, core), np.zeros((min(count, len(told.label)), 2), np.int64)
    window = plan.source.value.shape[0]
    emulator.call("hyb_bench_begin")
    emulator.reset()
    for i in range(len(spent)):
        before = emulator.total
        for part in np.split(pcm[i * hop : (i + 1) * hop], range(window, hop, window)):
            emulator.write("hyb_bench_pcm", part.astype("<i2"))
            emulator.call("hyb_bench_push", len(part))
        pushed = emulator.total
        emulator.call("hyb_bench_decide", clear)
        spent[i] = pushed - before, emulator.total - pushed
        emulator.pause()
        emulator.call("hyb_bench_copy")
        emulator.resume()
        said = np.frombuffer(emulator.read("hyb_bench_scores", 4 * (1 + told.scores.shape[1])), "<i4")
        _compare(told, i, int(said[0]), said[1:])
    seconds = len(spent) * hop / _rate(plan)
    frames, decisions = (spent.sum(axis=0) / seconds).tolist()
    ram = image.symbols["hyb_bench_context"].size + emulator.stack_used
    decided = spent[told.label[: len(spent)] >= 0, 1]
    spread = float(decided.std()) if len(decided) else 0.0
    return Cost(frames, decisions, ram, len(spent), len(told.label), spread)


def window_cost(
    plan: Plan, folder: Path, scratch: Path, core: Core, compiler: str, pcm: np.ndarray, hop: int, told: Decisions,
    count: int,
) -> Cost:  # fmt: skip
    """Decide `count` of the stream's windows, spread evenly, with every map computed whole, frames included. Raises
    TargetError if one is decided otherwise than on this machine."""
    device = DeviceModel(plan, folder, scratch, core, compiler, eager=True)
    how, window = stream_plan(plan), plan.source.value.shape[0]
    ready = np.flatnonzero(told.label >= 0)
    chosen = ready[np.unique(np.linspace(0, len(ready) - 1, count).round().astype(int))]
    padded = np.pad(pcm, (0, window))  # samples behind the last frame, which nothing reads
    starts = [first_sample(how, (int(i) + 1) * hop) for i in chosen]
    found = device.run(np.stack([padded[s : s + window] for s in starts]))
    for row, i in enumerate(chosen.tolist()):
        _compare(told, i, int(found.label[row]), found.scores[row])
    a_second = _rate(plan) / hop * len(ready) / len(told.label)
    ram = device.context + found.stack + 2 * window
    mean, spread = float(found.instructions.mean()), float(found.instructions.std())
    return Cost(0.0, mean * a_second, ram, len(chosen), len(told.label), spread)


def first_sample(how: StreamPlan, pushed: int) -> int:
    """Where the last whole window begins after so many samples."""
    return ((pushed - how.frame) // how.hop + 1 - how.window) * how.hop


def _rate(plan: Plan) -> int:
    return int(getattr(plan.source.op, "rate", 16000))


def _compare(told: Decisions, i: int, label: int, scores: np.ndarray) -> None:
    if label != told.label[i] or (label >= 0 and not np.array_equal(scores, told.scores[i])):
        raise TargetError(f"decision {i} on the core differs from that on this machine: this is a defect, report it")
