"""A generated stream under libFuzzer with sanitizers, or random inputs without clang; and C against Python."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from codegen.artifacts import write_code
from codegen.host import CompilerError, NativeStream, compile_c
from codegen.plan import Plan
from codegen.stream import Stream
from codegen.streaming import StreamPlan, stream_plan
from tests.compilers import COMPILERS, SANITIZE, sanitizers_work
from tests.fuzz.finding import Finding, Outcome, repeat
from tests.random_plans import deep_plan
from tests.small_model import small_plan

WORDS = """\
#define {P}_STREAM
#define {P}_IMPLEMENTATION
#include "{p}.h"
#define CONTEXT {p}_context
#define RESULT {p}_result
#define INIT {p}_init
#define PUSH {p}_push
#define READY {p}_ready
#define DECIDE {p}_decide
enum {{ FRAME = {frame}, HOP = {P}_HOP, FRAMES = {P}_FRAMES, CLASSES = {P}_CLASSES, STAGES = {P}_STAGES }};
static const uint32_t COST_FRAME = {P}_COST_FRAME, COST_PUSH = {P}_COST_PUSH, COST_DECIDE_MAX = {P}_COST_DECIDE_MAX;
"""
GUIDED = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", "-g")
LONGEST = 4096
SHARE_IN_C = 0.7


def plan_of(seed: int) -> Plan:
    """Plans with every way of keeping work, small and large: each fourth one is over log-mel frames."""
    return small_plan() if seed % 4 == 3 else deep_plan(seed)[0]


def fuzz_push(seed: int, seconds: float, runs: int | None = None, plans: int = 8) -> Outcome:
    """Fuzz the streams of several plans, drawn from the seed, for `seconds` in all; runs: at most, of each."""
    outcome, begun, each = Outcome("push"), time.monotonic(), seconds / plans
    for number in range(plans):
        own = seed * plans + number
        plan = plan_of(own)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
            folder = Path(name)
            write_code(plan, folder)
            _in_c(outcome, plan, folder, own, each * SHARE_IN_C, runs)
            _against_python(outcome, plan, folder, own, each * (1 - SHARE_IN_C), runs)
    outcome.seconds = time.monotonic() - begun
    return outcome


def build(plan: Plan, folder: Path) -> tuple[Path, bool]:
    """The fuzzer of a plan whose code is in `folder`, and whether libFuzzer guides it."""
    words = WORDS.format(p=plan.name, P=plan.name.upper(), frame=stream_plan(plan).frame)
    (folder / "fuzz_model.h").write_text(words, encoding="utf-8")
    source, program, common = Path(__file__).with_name("push.c"), folder / "fuzz", ["-O1", f"-I{folder}"]
    try:
        compile_c([source], program, [*common, *GUIDED], "clang")
        return program, True
    except CompilerError:
        sanitize = SANITIZE if sanitizers_work() else ("-fsanitize=undefined", "-fno-sanitize-recover=all")
        compile_c([source], program, [*common, *sanitize, "-DFUZZ_ALONE"], COMPILERS[0])
        return program, False


def _in_c(outcome: Outcome, plan: Plan, folder: Path, seed: int, seconds: float, runs: int | None) -> None:
    program, guided = build(plan, folder)
    limit = -1 if runs is None else runs
    length = max(1, round(seconds))
    command = [str(program), str(seed + 1), str(length), str(limit)]
    if guided:
        options = {"seed": seed + 1, "max_total_time": length, "runs": limit, "max_len": LONGEST, "timeout": 60}
        command = [str(program), *(f"-{k}={v}" for k, v in options.items()), f"-artifact_prefix={folder}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    found = re.search(r"Done (\d+) runs", told)
    outcome.ended["guided by libFuzzer" if guided else "random under sanitizers"] += int(found[1]) if found else 0
    if done.returncode:
        lines = [x for x in told.splitlines() if "broken promise" in x or "ERROR" in x or "runtime error" in x]
        crash = next(folder.glob("crash-*"), None)
        data = f", input {crash.read_bytes().hex()}" if crash and crash.stat().st_size < 400 else ""
        reason = lines[0] if lines else told[-300:]
        outcome.findings.append(f"plan {seed} ({plan.name}): {reason}{data} (repeat: {' '.join(command[1:])})")


def _against_python(outcome: Outcome, plan: Plan, folder: Path, seed: int, seconds: float, runs: int | None) -> None:
    """Random streams on which C and Python must say, cost and count the same."""
    keep = seed % 2 == 1
    native = NativeStream(folder, plan.name, flags=("-std=c99", "-O1"), keep_samples=keep)
    execute = _Compared(plan, native, keep)
    found = repeat("push", execute, seed, seconds, None if runs is None else max(1, runs // 100))
    outcome.ended.update(found.ended)
    outcome.findings += [f"plan {seed}: {text}" for text in found.findings]


class Spent:
    """The most that the decision after some pushes may cost."""

    def __init__(self, how: StreamPlan) -> None:
        self.how, self.samples, self.most = how, 0, how.frame_max + how.decide_max

    def push(self, samples: int) -> None:
        """One call of push."""
        hops = (self.samples + samples) // self.how.hop - self.samples // self.how.hop
        self.samples += samples
        self.most += hops * self.how.frame_max + self.how.push_max

    def centred(self) -> None:
        """One question whether the sound is in the middle."""
        self.most += self.how.centring_price


class _Compared:
    """One random stream through C and Python."""

    def __init__(self, plan: Plan, native: NativeStream, keep: bool) -> None:
        how = stream_plan(plan)
        self.plan, self.native, self.how = plan, native, how.keeping_samples if keep else how

    def __call__(self, rng: np.random.Generator) -> str:
        stream, native = Stream(self.plan, self.how), self.native
        spent = Spent(self.how)
        native.reset()
        often = rng.choice([0.1, 0.5, 0.95])
        window = (self.how.window - 1) * self.how.hop + self.how.frame
        for _ in range(int(rng.integers(1, 25))):
            pcm = self._samples(rng, window)
            stream.push(pcm)
            native.push(pcm)
            spent.push(len(pcm))
            if rng.random() < 0.05:
                native.push_nothing(int(rng.integers(10)))
            if rng.random() < 0.02:
                native.reset()
                stream, spent = Stream(self.plan, self.how), Spent(self.how)
            if rng.random() < 0.3:
                spent.centred()
                if stream.centred() != native.centred():
                    raise Finding("Python and C differ in whether the sound is in the middle")
            if rng.random() < often:
                said, told = stream.decide(), native.decide()
                self._same(said, told)
                if said.cost > spent.most:
                    raise Finding(f"a cost of {said.cost} passes its bound")
                spent = Spent(self.how) if stream.ready else spent
        return "streams in C and Python"

    def _samples(self, rng: np.random.Generator, window: int) -> np.ndarray:
        hop = self.how.hop
        whole, few, many = (int(rng.integers(1, end)) for end in (9, 2 * hop, 2 * window))
        n = int(rng.choice([0, 1, hop, hop * whole, few, many]))
        level = 10 ** rng.uniform(0, 5)
        return np.clip(rng.normal(size=n) * level, -32768, 32767).astype(np.int16)

    @staticmethod
    def _same(said: object, told: object) -> None:
        for name in ("label", "stage", "margin", "cost", "visits"):
            if getattr(said, name) != getattr(told, name):
                raise Finding(f"{name} is {getattr(said, name)} in Python and {getattr(told, name)} in C")
        for name in ("computes", "hits", *(["scores"] if said.label >= 0 else [])):  # type: ignore[attr-defined]
            if not np.array_equal(getattr(said, name), getattr(told, name)):
                raise Finding(f"{name} differ between Python and C")
