"""Accuracy against budget: from the prior's share to what decisions without a budget reach, and saved margins."""

import json

import numpy as np
import pytest

from codegen import interpret
from hybrid import anytime
from hybrid.model_file import Model, load, save
from tests.random_plans import deep_plan, with_class_margins


def steps_of(plan, pcm):
    return anytime.run(plan, interpret.named_maps(plan, pcm))


def test_the_curve_begins_at_the_prior_and_ends_at_the_whole_decision():
    plan, pcm = deep_plan(4)
    whole, truth = interpret.run(plan, pcm), np.arange(len(pcm)) % 3
    found = anytime.curve({"test": (steps_of(plan, pcm), truth)})
    curve = found["splits"]["test"]
    assert curve["accuracy"][0] == curve["prior"] == (truth == plan.forest.prior).mean()
    assert curve["accuracy"][-1] == (whole.label == truth).mean()
    assert found["budgets"] == sorted(set(found["budgets"])) and found["budgets"][-1] == found["most"]
    assert all(cost <= budget for cost, budget in zip(curve["mean_cost"], found["budgets"], strict=True))


def test_margins_by_class_and_the_prior_are_saved(tmp_path):
    plan, pcm = deep_plan(2)
    plan = with_class_margins(plan, pcm)
    save(Model(plan, {}), tmp_path)
    again = load(tmp_path).plan
    assert again.forest.stages == plan.forest.stages and again.forest.stages[0].class_margins
    assert again.forest.prior == plan.forest.prior


def test_a_model_of_format_1_loads_with_the_prior_of_its_bias(tmp_path):
    from hybrid import model_file

    plan, _ = deep_plan(2)
    save(Model(plan, {}), tmp_path)
    path = tmp_path / "model.json"
    document = json.loads(path.read_text())
    document["format"] = 1
    del document["forest"]["prior"]
    document["digest"] = model_file._digest(document)
    path.write_text(json.dumps(document))
    assert load(tmp_path).plan.forest.prior == int(plan.forest.bias.argmax())


@pytest.mark.parametrize("margins", [[1, 2], [5, 6, 7, 8]])
def test_margins_for_other_classes_are_refused(margins):
    plan, _ = deep_plan(2)
    rest = [0] * (len(plan.forest.stages) - 1)
    with pytest.raises(ValueError, match="margins of its classes"):
        plan.forest.with_margins([margins, *rest])
