"""Price tables: whole, exact, above what cores execute, and part of what a model is."""

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.calibration.shapes import Shapes
from codegen.artifacts import write_code
from codegen.header import header
from codegen.plan import PlanError
from codegen.prices import CORES, DEFAULT_CORE, PriceError, Table, find_table
from codegen.prices.prices import VISIT, shared_spectra
from codegen.target.cores import CORES as TARGETS
from codegen.target.cores import find_core
from codegen.target.cross import FLAGS
from codegen.target.model import DeviceModel
from feature_extractors.graph import Graph
from feature_extractors.tiles import whole
from hybrid.model_file import Model, load, save
from tests.random_plans import deep_plan, random_plan


def on_core(plan, core):
    return dataclasses.replace(plan, core=core)


def test_every_core_that_there_is_has_a_table_made_for_it():
    assert set(CORES) == set(TARGETS) and DEFAULT_CORE in CORES
    for core in CORES:
        table = find_table(core)
        assert table.core == core and table.version >= 1 and table.compiler.startswith("zig ")
        assert table.flags == " ".join(FLAGS)
        assert all(isinstance(price, int) and price >= 0 for price in table.prices.values())


@pytest.mark.parametrize("core", CORES)
def test_every_table_prices_every_part_of_a_plan(core):
    for seed in range(8):
        for make in (random_plan, deep_plan):
            plan = on_core(make(seed)[0], core)
            assert 0 < plan.cost_min < plan.cost_max < 2**32
            assert min(plan.prices.tiles.values()) > 0


def drawn_parts():
    """The parts that kernels of usual and of random shapes run: tiles and whole maps, spectra alone and shared."""
    shapes, found = Shapes(77), set()
    for unit in [*shapes.usual(), [*shapes.unusual(8)], [*shapes.spectra()]]:
        graph = Graph()
        for number, case in enumerate(unit):
            inputs = [graph.add(f"in{given.number}", given) for given in case.inputs]
            item = graph[graph.add(f"k{number}", case.op, inputs)]
            for box in (whole(item.value.shape), item.grid.box(0), item.grid.box(item.grid.size // 2)):
                work = item.op.work([graph[i].value for i in inputs], box)
                found |= {part for each in (work, shared_spectra(work)) for part, runs in each.items() if runs}
    return found


def test_every_table_prices_whatever_a_kernel_may_run():
    parts = drawn_parts()
    assert len(parts) > 150
    for core in CORES:
        assert parts <= set(find_table(core).prices), core


def test_prices_are_exact_sums_rounded_up():
    table = Table("some", 1, "", "", {"k.a": 1, "k.b": 333, "k.c": 2000})
    assert table.price({}) == 0
    assert table.price({"k.a": 1}) == 1
    assert table.price({"k.a": 1, "k.b": 3}) == 1
    assert table.price({"k.a": 2, "k.b": 3}) == 2
    assert table.price({"k.c": 10**15}) == 2 * 10**15


def test_work_without_a_price_is_told_by_name():
    with pytest.raises(PriceError, match=r"cortex-m3 has no price of 'k\.new': run benchmarks/calibrate\.py"):
        Table("cortex-m3", 1, "", "", {}).price({"k.new": 1})
    assert Table("cortex-m3", 1, "", "", {}).price({"k.new": 0}) == 0


def test_an_unknown_core_is_refused_by_name():
    with pytest.raises(PriceError, match="core 'z80' is unknown: choose from cortex-m0plus"):
        find_table("z80")
    with pytest.raises(PlanError, match="core 'z80' is unknown"):
        on_core(random_plan(0)[0], "z80")


def test_a_table_names_compiler_flags_and_version_in_its_file():
    from importlib.resources import files

    entry = json.loads((files("codegen.prices") / "cortex-m4.json").read_text("utf-8"))
    assert {"core", "version", "compiler", "flags", "prices"} == set(entry)
    assert set(VISIT) <= set(entry["prices"])


def test_the_core_is_kept_with_the_model_and_told_in_the_header(tmp_path):
    plan = on_core(random_plan(1)[0], "cortex-m0plus")
    save(Model(plan, {}), tmp_path)
    stored = json.loads((tmp_path / "model.json").read_text("utf-8"))["prices"]
    assert stored == {"core": "cortex-m0plus", "version": find_table("cortex-m0plus").version}
    again = load(tmp_path).plan
    assert again.core == "cortex-m0plus" and again.cost_max == plan.cost_max
    text = header(again)
    assert "instructions of a cortex-m0plus" in text and header(plan) == text
    assert header(on_core(plan, "cortex-m4")) != text


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
@pytest.mark.parametrize("make", [random_plan, deep_plan])
def test_a_core_executes_no_more_instructions_than_the_counter_says(core, make, tmp_path):
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    plan, pcm = make(31)
    plan = on_core(plan, core)
    write_code(plan, tmp_path)
    found = DeviceModel(plan, tmp_path, tmp_path, find_core(core), "zig").run(pcm[:6])
    over = found.cost.astype(np.int64) / found.instructions
    assert over.min() >= 1 and over.mean() < 1.35
    assert found.instructions.max() <= plan.cost_max
