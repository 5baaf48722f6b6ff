"""On emulated cores a decision inside a budget never executes more instructions than the budget says."""

import numpy as np
import pytest

pytest.importorskip("unicorn")

from codegen import interpret
from codegen.anytime import Anytime
from codegen.artifacts import write_code
from codegen.target.cores import find_core
from codegen.target.emulator import Emulator
from codegen.target.model import build
from tests.codegen.test_stream import bursts
from tests.front_end_plan import front_end_plan
from tests.random_plans import deep_plan, with_class_margins

HARNESS = """\
{defines}
#include "{p}.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void begin(void);
ENTRY void decide(void);
ENTRY void copy(void);
int16_t pcm[{P}_WINDOW];
volatile uint32_t budget;
int32_t row[3];
{p}_context context;
static {p}_result result;
void begin(void) {{ {p}_init(&context); }}
void decide(void) {{ result = {p}_decide_within(&context, pcm, budget); }}
void copy(void) {{
  row[0] = result.label;
  row[1] = result.stage;
  row[2] = (int32_t)result.cost;
}}
"""


class Device:
    """A plan's `decide_within` on a core."""

    def __init__(self, plan, folder, core):
        write_code(plan, folder)
        defines = [f"{plan.name.upper()}_WITHIN"]
        target = find_core(core)
        self.emulator = Emulator(build(plan.name, folder, folder, target, "zig", HARNESS, defines), target)
        self.emulator.call("begin")

    def run(self, pcm, budget):
        """(instructions, label, stage, cost)"""
        self.emulator.write("pcm", pcm.astype("<i2"))
        self.emulator.write("budget", np.array([budget], "<u4"))
        before = self.emulator.total
        self.emulator.call("decide")
        spent = self.emulator.total - before
        self.emulator.call("copy")
        label, stage, cost = np.frombuffer(self.emulator.read("row", 12), "<i4").tolist()
        return spent, label, stage, cost % 2**32


def held(plan, pcm, folder, core, count):
    """Highest share of a budget that was executed, over budgets from the least to the most."""
    device, how, worst, stages = Device(plan, folder, core), Anytime(plan), 0.0, set()
    for number, budget in enumerate(np.linspace(how.answer, how.most, count).astype(int).tolist()):
        window = pcm[number % len(pcm)]
        spent, *found = device.run(window, budget)
        expected = interpret.run_within(plan, window[None], budget)
        assert found == [int(expected.label[0]), int(expected.stage[0]), int(expected.cost[0])]
        assert spent <= budget, f"{spent} instructions with a budget of {budget}"
        worst = max(worst, spent / budget)
        stages.add(found[1])
    return worst, stages


def test_fifty_budgets_are_kept_on_a_model_with_a_front_end(tmp_path):
    pcm = bursts(2).reshape(-1, 16000)
    plan = front_end_plan(pcm)
    worst, stages = held(with_class_margins(plan, pcm), pcm, tmp_path, "cortex-m4", 50)
    assert stages >= {-1, 0} and worst > 0.5


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33"])
@pytest.mark.parametrize("seed", [2, 5])
def test_small_plans_keep_budgets_where_every_instruction_counts(core, seed, tmp_path):
    from codegen.plan import Plan

    plan, pcm = deep_plan(seed)
    plan = Plan(plan.name, plan.labels, plan.graph, plan.forest, core)
    held(plan, pcm, tmp_path, core, 60)
