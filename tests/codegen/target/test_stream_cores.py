"""On emulated cores a stream executes no more than its counter says, copies included, and keeps budgets."""

import numpy as np
import pytest

pytest.importorskip("unicorn")

from codegen.anytime import Anytime
from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.streaming import stream_plan
from codegen.target.cores import find_core
from codegen.target.emulator import Emulator
from codegen.target.model import build
from tests.random_plans import deep_plan

HARNESS = """\
{defines}
#include "{p}.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void begin(void);
ENTRY void push(void);
ENTRY void decide(void);
int16_t pcm[2000];
volatile int32_t count;
volatile uint32_t budget;
{p}_result result;
{p}_context context;
void begin(void) {{ {p}_init(&context); }}
void push(void) {{ {p}_push(&context, pcm, (size_t)count); }}
void decide(void) {{ result = budget ? {p}_decide_within(&context, budget) : {p}_decide(&context); }}
"""


class Device:
    """A stream on a core."""

    def __init__(self, plan, folder, keep):
        defines = [f"{plan.name.upper()}_{d}" for d in ("STREAM", "WITHIN", *(["KEEP_SAMPLES"] if keep else []))]
        core = find_core(plan.core)
        self.emulator = Emulator(build(plan.name, folder, folder, core, "zig", HARNESS, defines), core)
        self.emulator.call("begin")

    def push(self, pcm):
        """Instructions of one push."""
        self.emulator.write("pcm", pcm.astype("<i2"))
        self.emulator.write("count", np.array([len(pcm)], "<i4"))
        return self._call("push")

    def decide(self, budget=0):
        """(instructions, label, cost) of one decision."""
        self.emulator.write("budget", np.array([budget], "<u4"))
        spent = self._call("decide")
        row = np.frombuffer(self.emulator.read("result", 16), "<i4")
        return spent, int(row[0]), int(row[3])

    def _call(self, entry):
        before = self.emulator.total
        self.emulator.call(entry)
        return self.emulator.total - before


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_nothing_executes_more_than_it_costs(core, placed, keep, tmp_path):
    worst = 0.0
    for seed in (0, 5):
        plan, pcm = deep_plan(seed, placed)
        plan = Plan(plan.name, plan.labels, plan.graph, plan.forest, core)
        write_code(plan, tmp_path)
        how = stream_plan(plan)
        how = how.keeping_samples if keep else how
        device, anytime, rng = Device(plan, tmp_path, keep), Anytime(plan, how), np.random.default_rng(seed)
        sound, at, pushed, held = pcm.reshape(-1)[:8000], 0, 0, 0
        while at < len(sound):
            size = int(rng.choice([1, how.hop, 3 * how.hop, rng.integers(1, 1500)]))
            pushed += device.push(sound[at : at + size])
            at += size
            budget = int(rng.integers(anytime.answer, anytime.most)) >> int(rng.integers(0, 3)) if at > 4000 else 0
            spent, label, cost = device.decide(budget)
            if label < 0:
                continue
            if budget:
                assert spent <= max(budget, anytime.answer), (seed, at, budget)
                held += 1
            else:
                assert pushed + spent <= cost, (seed, at)
                worst = max(worst, (pushed + spent) / cost)
            pushed = 0
        assert held > 5
    assert worst > 0.5
