"""The counters of HYB_STATS: exact, and nothing at all when off."""

import re
import shutil
import zlib

import numpy as np
import pytest

from codegen import interpret
from codegen.artifacts import write_code
from codegen.header.stats import counter_sizes, dump_head, model_hash
from codegen.host import CompilerError, compile_c
from codegen.plan import Plan
from codegen.streaming import can_stream
from codegen.target.cores import find_core
from codegen.target.cross import link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from hybrid.stats.counts import count
from hybrid.stats.dump import DumpError, read_dump
from tests.codegen.test_laziness import chain
from tests.compilers import COMPILERS
from tests.device_dump import Device
from tests.random_plans import deep_plan, random_plan, staged_plan

FIELDS = ("decisions", "cost_sum", "cost_max")
ARRAYS = ("left", "decided", "computes", "hits", "node_visits")


def assert_same(own, other):
    assert [getattr(own, f) for f in FIELDS] == [getattr(other, f) for f in FIELDS]
    for field in ARRAYS:
        np.testing.assert_array_equal(getattr(own, field), getattr(other, field), field)


@pytest.mark.parametrize("make", [random_plan, deep_plan, lambda seed: random_plan(seed, vector=True)])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_device_counts_what_the_interpreter_counts(make, seed, tmp_path):
    plan, pcm = make(seed)
    device = Device(plan, tmp_path)
    device.run(pcm)
    (tmp_path / "dump").write_text(device.dump())
    expected = count(interpret.run(plan, pcm))
    assert expected.node_visits.sum() > 0
    assert_same(read_dump(tmp_path / "dump", plan), expected)


def test_counts_add_up_over_calls_and_init_clears_them(tmp_path):
    plan, pcm = deep_plan(3)
    device = Device(plan, tmp_path)
    device.run(pcm[:5])
    device.run(pcm[5:])
    once = device.dump()
    device.library.begin()
    device.run(pcm)
    assert device.dump() == once


def test_the_dump_of_a_known_decision_reads_as_documented(tmp_path):
    plan = chain()
    device = Device(plan, tmp_path)
    window = np.zeros((1, 16), np.int16)
    device.run(window)
    results = interpret.run(plan, window)
    cost = int(results.cost[0])
    lists = {
        "cost": [cost, 0, cost],
        "decisions": [1],
        "stages": [int(results.stage[0] == s) for s in range(2)],
        "classes": [int(results.label[0] == c) for c in range(2)],
        **dict(zip(("computes", "hits"), (a[0].tolist() for a in results.counts()), strict=True)),
        "visits": results.node_visits.tolist(),
    }
    body = dump_head(plan) + "".join(f"{k} 0 {' '.join(f'{v:x}' for v in vs)}\n" for k, vs in lists.items())
    assert body.startswith(f"hyb-stats 1\nmodel chain {model_hash(plan)} windows\ncost 0 ")
    assert device.dump() == body + f"end {zlib.crc32(body.encode()):x}\n"


def test_counters_stay_at_their_largest_value(tmp_path):
    plan, pcm = deep_plan(1)
    device = Device(plan, tmp_path)
    device.fill(0xFFFFFFFF)
    device.run(pcm)
    lists = [line.split()[2:] for line in device.dump().splitlines()[3:-1]]
    assert {number for numbers in lists for number in numbers} == {"ffffffff"}
    assert sum(map(len, lists)) == sum(counter_sizes(plan).values())
    (tmp_path / "dump").write_text(device.dump())
    with pytest.raises(DumpError, match="full"):
        read_dump(tmp_path / "dump", plan)


def test_decisions_over_a_stream_are_counted(tmp_path):
    plan, pcm = next(p for p in map(deep_plan, range(20)) if can_stream(p[0]) is not None)
    device = Device(plan, tmp_path, f"-D{plan.name.upper()}_STREAM")
    found = [device.run(part) for part in np.split(pcm[:4].reshape(-1), 40)]
    cost, label = (np.concatenate(parts).astype(np.int64) for parts in zip(*found, strict=True))
    (tmp_path / "dump").write_text(device.dump())
    counts = read_dump(tmp_path / "dump", plan)
    assert counts.streamed and counts.decisions == len(cost) > 10
    assert (counts.cost_sum, counts.cost_max) == (cost.sum(), cost.max())
    np.testing.assert_array_equal(counts.decided, np.bincount(label, minlength=plan.forest.classes))


DEVICE = """\
#define DEEP_IMPLEMENTATION
#include "deep.h"
deep_context ctx;
int16_t pcm[DEEP_WINDOW];
char text[4096];
uint32_t size;
static void put(void *user, char c) {
  (void)user;
  if (size < sizeof text) text[size++] = c;
}
__attribute__((section(".entry"))) void start(void) { deep_init(&ctx); }
__attribute__((section(".entry2"))) void decide(void) { (void)deep_classify(&ctx, pcm); }
__attribute__((section(".entry3"))) void dump(void) { deep_stats_dump(&ctx, put, NULL); }
"""


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_an_emulated_core_dumps_what_the_interpreter_counts(core, tmp_path):
    plan, pcm = deep_plan(1)
    write_code(plan, tmp_path)
    (tmp_path / "device.c").write_text("#define HYB_STATS\n" + DEVICE, encoding="utf-8")
    link([tmp_path / "device.c"], tmp_path / "device.elf", find_core(core), "zig", includes=[tmp_path])
    device = Emulator(read_image(tmp_path / "device.elf"), find_core(core))
    device.call("start")
    for window in pcm:
        device.write("pcm", window.astype("<i2"))
        device.call("decide")
    device.call("dump")
    size = int.from_bytes(device.read("size", 4), "little")
    (tmp_path / "dump").write_bytes(device.read("text", size))
    assert_same(read_dump(tmp_path / "dump", plan), count(interpret.run(plan, pcm)))


def test_trace_and_counters_go_together(tmp_path):
    plan, pcm = random_plan(4)
    device = Device(plan, tmp_path, "-DHYB_TRACE")
    device.run(pcm)
    (tmp_path / "dump").write_text(device.dump())
    assert_same(read_dump(tmp_path / "dump", plan), count(interpret.run(plan, pcm)))


def test_eager_decisions_are_not_counted(tmp_path):
    with pytest.raises(CompilerError, match="HYB_STATS counts what is computed on demand"):
        Device(deep_plan(1)[0], tmp_path, "-DDEEP_EAGER")


def without_hooks(text):
    """A generated header without what counts: blocks of HYB_STATS, and calls of hooks."""
    kept, inside = [], 0
    for line in text.splitlines(keepends=True):
        if inside or line.startswith("#ifdef HYB_STATS"):
            inside += line.startswith("#if") - line.startswith("#endif")
        elif not re.match(r" *HYB_ON_(RESULT|VISIT|HIT|COMPUTE)\(", line):
            kept.append(line)
    return "".join(kept)


@pytest.mark.parametrize("compiler", [*COMPILERS, "arm-none-eabi-gcc"])
@pytest.mark.parametrize("stream", [False, True])
def test_without_hyb_stats_the_object_code_is_that_of_a_header_without_hooks(compiler, stream, tmp_path):
    plan, _ = deep_plan(1)
    objects = []
    for strip in (False, True):
        folder = tmp_path / str(strip)
        folder.mkdir()
        write_code(plan, folder)
        header = folder / "deep.h"
        text = header.read_text("utf-8")
        assert "HYB_ON_RESULT(ctx, result);" in text and "HYB_ON_VISIT(ctx, at - deep_nodes);" in text
        if strip:
            stripped = without_hooks(text)
            assert not re.search("HYB_ON_(RESULT|VISIT|HIT|COMPUTE)|stats_dump|hyb_dump|ctx->stats", stripped)
            header.write_text(stripped, encoding="utf-8")
        (folder / "a.c").write_text('#define DEEP_IMPLEMENTATION\n#include "deep.h"\n')
        objects.append(built(compiler, folder, ["-DDEEP_STREAM"] if stream else []))
    assert objects[0] == objects[1] and len(objects[0]) > 1000


def built(compiler, folder, defines):
    """The bytes of the object file of a.c; its name is the same in every folder."""
    command = ["-std=c99", "-O2", "-g0", *defines, "-c", f"-I{folder}"]
    if compiler == "arm-none-eabi-gcc":
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed")
        command += ["-mcpu=cortex-m4", "-mthumb"]
    compile_c([folder / "a.c"], folder / "a.o", command, compiler)
    return (folder / "a.o").read_bytes()


def test_another_model_has_another_hash():
    plans = [chain(), chain(threshold=101), staged_plan(), deep_plan(1)[0], deep_plan(2)[0]]
    again = Plan(plans[0].name, plans[0].labels, plans[0].graph, plans[0].forest)
    assert model_hash(again) == model_hash(plans[0])
    other = Plan("chain", plans[0].labels, plans[0].graph, plans[0].forest.with_margins([7, 0]))
    assert len({model_hash(p) for p in [*plans, other]}) == 6
