"""Generated models on every core: answers, counts and their attribution."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from codegen import interpret
from codegen.artifacts import write_code
from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.cross import GCC
from codegen.target.emulator import Emulator
from codegen.target.model import DeviceModel, DeviceResults, footprint, map_functions, stream_footprint
from tests.random_plans import random_plan

SEED = 9
BUILDS = [(core, "zig") for core in CORES] + [("cortex-m0plus", GCC), ("cortex-m4", GCC)]


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    write_code(random_plan(SEED)[0], folder)
    return folder


def device(code: Path, scratch: Path, core: str, compiler: str = "zig", **build: bool) -> DeviceModel:
    if compiler == GCC and shutil.which(GCC) is None:
        pytest.skip(f"NOT CHECKED WITH {GCC}: it is not installed (Debian: gcc-arm-none-eabi)")
    return DeviceModel(random_plan(SEED)[0], code, scratch, find_core(core), compiler, **build)


def assert_same(expected: interpret.Results, got: DeviceResults, fields: tuple[str, ...]) -> None:
    for field in fields:
        assert np.array_equal(getattr(expected, field), getattr(got, field)), field


@pytest.mark.parametrize(("core", "compiler"), BUILDS)
def test_answers_equal_the_interpreters_and_counts_add_up(code, tmp_path, core: str, compiler: str) -> None:
    plan, pcm = random_plan(SEED)
    expected = interpret.run(plan, pcm)
    model = device(code, tmp_path, core, compiler)
    got = model.run(pcm)
    assert_same(expected, got, ("label", "stage", "margin", "cost", "scores"))
    assert len(set(expected.stage)) == len(plan.forest.stages)
    assert (got.instructions == got.by_part.sum(axis=(1, 2))).all() and (got.instructions > 1000).all()
    assert got.instructions.sum() == model.emulator.total == model.emulator.executed.sum()
    again = model.run(pcm)
    assert np.array_equal(got.by_part, again.by_part) and got.stack == again.stack > 50


def test_work_of_a_stage_that_was_not_entered_is_zero(code, tmp_path) -> None:
    plan, pcm = random_plan(SEED)
    model = device(code, tmp_path, "cortex-m4")
    got = model.run(pcm)
    assert model.tells_stages
    for number in range(len(plan.forest.stages)):
        entered = got.stage >= number
        assert (got.by_part[entered, 1 + number].sum(axis=1) > 0).all()
        assert (got.by_part[~entered, 1 + number] == 0).all()


def test_the_tracing_build_counts_computes_hits_and_visits(code, tmp_path) -> None:
    plan, pcm = random_plan(SEED)
    expected = interpret.run(plan, pcm)
    got = device(code, tmp_path, "cortex-m4", trace=True).run(pcm)
    computes, hits = expected.counts()
    assert np.array_equal(got.computes, computes) and np.array_equal(got.hits, hits)
    assert_same(expected, got, ("visits", "scores"))
    assert computes.any() and hits.any()


def test_the_eager_build_answers_alike(code, tmp_path) -> None:
    plan, pcm = random_plan(SEED)
    expected = interpret.run(plan, pcm)
    got = device(code, tmp_path, "cortex-m4", eager=True).run(pcm)
    assert_same(expected, got, ("label", "stage", "margin", "scores"))


def test_a_stream_of_one_window_answers_alike_or_is_refused(code, tmp_path) -> None:
    plan, pcm = random_plan(SEED)
    known = stream_footprint(plan.name, code, tmp_path, find_core("cortex-m4"), "zig")
    if known is None:
        with pytest.raises(TargetError, match="cannot stream"):
            device(code, tmp_path, "cortex-m4", stream=True)
        return
    got = device(code, tmp_path, "cortex-m4", stream=True).run(pcm)
    assert_same(interpret.run(plan, pcm), got, ("label", "stage", "margin", "scores"))


def test_a_map_that_was_not_computed_costs_only_its_requests(code, tmp_path) -> None:
    """Attribution follows the maps: what the interpreter says was not touched took no instruction."""
    plan, pcm = random_plan(SEED)
    expected = interpret.run(plan, pcm)
    model = device(code, tmp_path, "cortex-m4")
    got, shared = model.run(pcm), set().union(*model.joined, set())
    untouched = 0
    for number, item in enumerate(plan.maps):
        idle = ~expected.asked[item.name].any(axis=1)
        if number not in shared:
            assert (got.by_part[idle, :, 1 + number] == 0).all(), item.name
            assert (got.by_part[~idle, :, 1 + number].sum(axis=1) > 0).all(), item.name
            untouched += int(idle.sum())
    assert untouched


def test_functions_go_to_the_map_with_the_longest_fitting_name(code, tmp_path) -> None:
    plan, _ = random_plan(SEED)
    model = device(code, tmp_path, "cortex-m4")
    for item, functions in zip(plan.maps, map_functions(model.image, plan), strict=True):
        assert functions and all(f.startswith(f"{plan.name}_{item.name}_") for f in functions)


def test_a_fault_names_its_clip(code, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, pcm = random_plan(SEED)
    model, call, calls = device(code, tmp_path, "cortex-m4"), Emulator.call, []

    def fails(self, function: str, *arguments: int) -> int:
        calls.append(function)
        if calls.count("hyb_bench_decide") == 2:
            raise TargetError("it broke")
        return call(self, function, *arguments)

    monkeypatch.setattr(Emulator, "call", fails)
    with pytest.raises(TargetError, match=r"clip second\.wav: it broke"):
        model.run(pcm[:3], ["first.wav", "second.wav", "third.wav"])


def test_the_footprint_is_the_models_alone(code, tmp_path) -> None:
    plan, _ = random_plan(SEED)
    found = footprint(plan.name, code, tmp_path, find_core("cortex-m4"), "zig")
    assert found.size.flash == sum(found.size.by_symbol.values())
    assert found.size.code > 1000 < found.size.tables and found.static == 0
    assert not any(name.startswith("hyb_bench") for name in found.size.by_symbol)
    assert found.context > 4 * plan.forest.classes
