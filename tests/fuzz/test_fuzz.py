"""Short runs of the fuzzers; `python -m tests.fuzz --minutes 10` runs them long."""

import numpy as np
import pytest

from codegen.artifacts import write_code
from tests.fuzz.__main__ import EXECUTORS
from tests.fuzz.finding import Finding, repeat
from tests.fuzz.push import fuzz_push
from tests.random_plans import deep_plan

RUNS = {"model-file": 60, "lightgbm-text": 300, "ensemble-file": 300}


@pytest.mark.parametrize("target", sorted(EXECUTORS))
def test_damaged_input_is_refused_or_used(target):
    outcome = repeat(target, EXECUTORS[target](), 0, 600, RUNS[target])
    assert outcome.findings == []
    assert outcome.ended["refused"] > 20 and outcome.ended["accepted"] > 5


def test_streams_keep_their_promises():
    outcome = fuzz_push(0, 4, 2000, plans=1)
    assert outcome.findings == []
    assert outcome.ended["streams in C and Python"] > 2 and outcome.ended.total() > 20


def test_a_broken_stream_is_found(tmp_path, monkeypatch):
    """What is kept is off by a frame: the fuzzer must see that windows are not decided as fresh ones."""
    plan, _ = deep_plan(0)
    write_code(plan, tmp_path)
    runtime = tmp_path / "hyb_runtime.h"
    sound = runtime.read_text()
    broken = sound.replace("(size_t)gap.first * row", "(size_t)(gap.first + 1) * row")
    assert broken != sound
    runtime.write_text(broken)
    monkeypatch.setattr("tests.fuzz.push.write_code", lambda *_: None)
    monkeypatch.setattr("tests.fuzz.push.plan_of", lambda _: plan)
    monkeypatch.setattr("tests.fuzz.push.tempfile.TemporaryDirectory", lambda **_: _Folder(tmp_path))
    outcome = fuzz_push(0, 4, 20_000, plans=1)
    assert any("as a fresh run" in text or "C" in text for text in outcome.findings)


class _Folder:
    """A temporary folder that is there already."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return str(self.path)

    def __exit__(self, *_):
        return None


def test_what_is_raised_is_a_finding_that_says_how_to_repeat_it():
    def execute(rng):
        if rng.random() < 0.3:
            raise Finding("wrong")
        return "fine"

    outcome = repeat("some", execute, 5, 60, 30)
    assert outcome.ended["fine"] + outcome.ended["failed"] == 30
    assert outcome.ended["failed"] == len(outcome.findings) > 0
    number = int(outcome.findings[0].split("--first ")[1].split()[0])
    again = repeat("some", execute, 5, 60, 1, number)
    assert again.findings == outcome.findings[:1]
    assert np.random.default_rng([5, number]).random() < 0.3
