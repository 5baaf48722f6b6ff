"""On emulated cores a decision inside a budget never executes more instructions than the budget says."""

import numpy as np
import pytest

pytest.importorskip("unicorn")

from codegen import interpret
from codegen.anytime import Anytime
from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.streaming import stream_plan
from codegen.target.cores import find_core
from codegen.target.device_within import DeviceWithin
from codegen.target.emulator import Emulator
from codegen.target.model import build
from tests.codegen.test_stream import bursts
from tests.front_end_plan import front_end_plan
from tests.random_plans import deep_plan, with_class_margins


def held(plan, pcm, folder, count):
    """Highest share of a budget that was executed, over budgets from the least to the most."""
    device, how, worst, stages = DeviceWithin(plan, folder), Anytime(plan), 0.0, set()
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
    worst, stages = held(with_class_margins(plan, pcm), pcm, tmp_path, 50)
    assert stages >= {-1, 0} and worst > 0.5


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33"])
@pytest.mark.parametrize("seed", [2, 5])
def test_small_plans_keep_budgets_where_every_instruction_counts(core, seed, tmp_path):
    plan, pcm = deep_plan(seed)
    plan = Plan(plan.name, plan.labels, plan.graph, plan.forest, core)
    held(plan, pcm, tmp_path, 60)


STREAM = """\
{defines}
#include "{p}.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void begin(void);
ENTRY void push(void);
ENTRY void decide(void);
int16_t pcm[320];
volatile uint32_t budget;
volatile int32_t stage;
{p}_context context;
void begin(void) {{ {p}_init(&context); }}
void push(void) {{ {p}_push(&context, pcm, 320); }}
void decide(void) {{ stage = {p}_decide_within(&context, budget).stage; }}
"""


def test_a_stream_executes_no_more_than_its_budget_beside_its_frames(tmp_path):
    pcm, core = bursts(4), find_core("cortex-m4")
    plan = front_end_plan(pcm.reshape(-1, 16000))
    how = Anytime(plan, stream_plan(plan))
    write_code(plan, tmp_path)
    defines = ["FRAMES_WITHIN", "FRAMES_STREAM"]
    device = Emulator(build(plan.name, tmp_path, tmp_path, core, "zig", STREAM, defines), core)
    device.call("begin")
    rng, stages = np.random.default_rng(0), set()
    for number, part in enumerate(pcm.reshape(-1, 320)):
        device.write("pcm", part.astype("<i2"))
        device.call("push")
        if number < 50 or rng.random() < 0.5:
            continue
        budget = int(rng.integers(how.answer, how.most)) >> int(rng.integers(0, 4))
        device.write("budget", np.array([budget], "<u4"))
        before = device.total
        device.call("decide")
        assert device.total - before <= max(budget, how.answer), (number, budget)
        stages.add(int(np.frombuffer(device.read("stage", 4), "<i4")[0]))
    assert stages >= {-1, 0, 1}
