"""On emulated cores a decision inside a budget never executes more instructions than the budget says."""

import numpy as np
import pytest

pytest.importorskip("unicorn")

from codegen import interpret
from codegen.anytime import Anytime
from codegen.plan import Plan
from codegen.target.device_within import DeviceWithin
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
