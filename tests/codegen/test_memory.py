"""Maps that share bytes: no two that are alive together, and no value read that another map has overwritten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import memory
from codegen.header.writing import Writing
from codegen.host import compile_c
from codegen.interpret import Lazy, decide_lazily, source_map, trace
from feature_extractors.tiles import reads
from tests.ds_cnn import ds_cnn_plan
from tests.front_end_plan import front_end_plan
from tests.random_plans import deep_plan, random_plan


@st.composite
def drawn_blocks(draw):
    """Blocks of any size and lifetime, each of another map."""
    rows = draw(
        st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=12)
    )
    return [memory.Block(f"m{i}", s, n, min(a, b), max(a, b)) for i, (n, a, b, s) in enumerate(rows)]


@settings(max_examples=200, deadline=None)
@given(drawn_blocks())
def test_blocks_that_are_alive_together_do_not_overlap(blocks):
    layout = memory.place(blocks)
    at = [(layout.scratch if b.scratch else layout.maps)[b.map] for b in blocks]
    assert all(a % b.align == 0 and a + b.size <= layout.size for a, b in zip(at, blocks, strict=True))
    for i, one in enumerate(blocks):
        for j, other in enumerate(blocks[:i]):
            if one.meets(other):
                assert at[i] + one.size <= at[j] or at[j] + other.size <= at[i]


def test_a_chain_takes_no_more_than_its_largest_neighbours():
    sizes = [400, 800, 1800, 936, 936, 144, 24]
    blocks = [memory.Block(f"m{i}", False, size, i, i + 1) for i, size in enumerate(sizes)]
    assert memory.place(blocks).size == 1800 + 936


class Arena(Lazy):
    """Notes for every byte of the context which element lies there, and checks all reads against it."""

    def __init__(self, plan, pcm, layout):
        super().__init__(plan, source_map(plan.graph, pcm[None]))
        self.layout, self.owner = layout, np.full(layout.size, -1, dtype=np.int64)
        self.first = dict(zip([m.name for m in plan.maps], range(0, 1 << 60, 1 << 32), strict=False))

    def marks(self, name, box):
        """Addresses and marks of the elements of a box."""
        item = self.plan.graph[name]
        width = memory.BYTES[item.value.dtype]
        inside = np.arange(item.value.shape[0] * item.value.shape[1] * item.value.shape[2]).reshape(item.value.shape)
        elements = inside[tuple(slice(a, b) for a, b in box)].ravel()
        return self.layout.maps[name] + elements * width + width - 1, self.first[name] + elements

    def check(self, name, box):
        where, marks = self.marks(name, box)
        np.testing.assert_array_equal(self.owner[where], marks, name)

    def compute(self, item, box):
        super().compute(item, box)
        for name, rule in zip(item.inputs, item.rules, strict=True):
            if name != self.plan.source.name:
                self.check(name, reads(rule, box, self.plan.graph[name].value.shape))
        if item.name in self.layout.scratch:
            size = next(b.size for b in self.layout.blocks if b.scratch and b.map == item.name)
            self.owner[self.layout.scratch[item.name] :][:size] = -2
        for name, rule in zip(item.inputs, item.rules, strict=True):
            if name != self.plan.source.name:
                self.check(name, reads(rule, box, self.plan.graph[name].value.shape))
        where, marks = self.marks(item.name, box)
        for byte in range(memory.BYTES[item.value.dtype]):
            self.owner[where - byte] = -3
        self.owner[where] = marks

    def base(self, stage):
        name = self.plan.forest.stages[stage].base
        self.check(name, tuple((0, s) for s in self.plan.graph[name].value.shape))
        return super().base(stage)

    def feature(self, number):
        value, feature = super().feature(number), self.plan.forest.features[number]
        self.check(feature.map, tuple((i, i + 1) for i in feature.index))
        return value


@pytest.mark.parametrize("make", [random_plan, deep_plan])
@pytest.mark.parametrize("seed", range(12))
def test_every_value_read_is_still_there(make, seed):
    plan, pcm = make(seed)
    layout = Writing(plan).layout
    for window in pcm[:6]:
        found = decide_lazily(Arena(plan, window, layout))
        assert found.scores.tolist() == trace(plan, window).scores.tolist()


def test_the_arena_check_finds_two_maps_in_one_place():
    plan, pcm = deep_plan(0)
    layout = Writing(plan).layout
    wrong = memory.Layout(dict.fromkeys(layout.maps, 0), layout.scratch, layout.blocks, layout.size)
    with pytest.raises(AssertionError):
        for window in pcm:
            decide_lazily(Arena(plan, window, wrong))


def test_shared_bytes_are_fewer():
    """A trunk of three layers takes less than its maps alone would, scratch included."""
    pcm = np.random.default_rng(0).integers(-999, 999, (4, 16000)).astype(np.int16)
    layout = Writing(front_end_plan(pcm)).layout
    assert layout.size < 0.8 * sum(b.size for b in layout.blocks if not b.scratch)


def test_a_ds_cnn_needs_two_of_its_layers_and_no_more():
    """The network of MLPerf Tiny, front end included, in less than the 20 kB that its budget is."""
    layout = Writing(ds_cnn_plan()).layout
    layer = 25 * 5 * 64
    assert 2 * layer <= layout.size <= 2 * layer + 2048


def test_the_context_on_a_device_is_that_small(tmp_path):
    """Context and stack of a whole decision on an emulated Cortex-M4: at most 20,000 bytes."""
    pytest.importorskip("unicorn")
    from codegen.artifacts import write_code
    from codegen.target import cores, cross, emulator, image

    plan = ds_cnn_plan()
    write_code(plan, tmp_path)
    (tmp_path / "m.c").write_text(
        '#define DSCNN_IMPLEMENTATION\n#include "dscnn.h"\ndscnn_context ctx; int16_t pcm[DSCNN_WINDOW];\n'
        '__attribute__((section(".entry"))) int32_t decide(void) { return dscnn_classify(&ctx, pcm).label; }\n'
    )
    core = cores.find_core("cortex-m4")
    cross.link([tmp_path / "m.c"], tmp_path / "m.elf", core, includes=[tmp_path])
    found = image.read_image(tmp_path / "m.elf")
    device = emulator.Emulator(found, core)
    pcm = np.random.default_rng(0).integers(-3000, 3000, 16000).astype("<i2")
    device.write("pcm", pcm)
    assert device.call("decide") == trace(plan, pcm.astype(np.int16)).label
    assert found.symbols["ctx"].size + device.stack_used <= 20_000


def test_buffers_are_aligned_and_as_large_as_the_plan_says(tmp_path):
    """What the compiler makes of the printed union: every offset, and the size of it all."""
    from codegen.artifacts import write_code

    plan, _ = random_plan(3)
    write_code(plan, tmp_path)
    layout = Writing(plan).layout
    checks = [
        f"offsetof(rnd_context, memory.{n}_map.x) == offsetof(rnd_context, memory) + {a}"
        for n, a in layout.maps.items()
    ]
    checks += [
        f"offsetof(rnd_context, memory.{n}_scratch.x) == offsetof(rnd_context, memory) + {a}"
        for n, a in layout.scratch.items()
    ]
    checks += [f"sizeof(((rnd_context *)0)->memory) == {layout.size}", "offsetof(rnd_context, memory) % 8 == 0"]
    lines = [f"typedef char check{i}[({text}) ? 1 : -1];" for i, text in enumerate(checks)]
    (tmp_path / "c.c").write_text("\n".join(['#include "rnd.h"', "#include <stddef.h>", *lines, ""]))
    compile_c([tmp_path / "c.c"], tmp_path / "c.o", ["-std=c99", "-c"])
