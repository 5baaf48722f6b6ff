"""Counts of functions whose instructions are known, attribution to the functions that run, and what is trapped."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.emulator import Emulator
from tests.codegen.target.assembly import naked

LOOP = naked("loop", "1: subs r0, #1\nbne 1b\nbx lr")
NESTED = (
    naked("inner", "movs r0, #7\nbx lr")
    + naked("middle", "push {r4, lr}\nbl inner\nbl inner\npop {r4, pc}")
    + naked("outer", "push {r4, lr}\nbl middle\nbl inner\npop {r4, pc}")
    + naked("tail", "movs r0, #1\nb inner")
    + naked("calls_tail", "push {r4, lr}\nbl tail\nmovs r1, #1\npop {r4, pc}")
)
UNALIGNED = "ENTRY int load(int *p);\nint load(int *p) { return *p; }\nint where[4];\nENTRY int *place(void);\n" \
            "int *place(void) { return where; }\n"  # fmt: skip


@pytest.mark.parametrize("core", CORES)
def test_every_executed_instruction_counts_once(linked, core: str) -> None:
    emulator = Emulator(linked(LOOP, core), find_core(core))
    emulator.call("loop", 10)
    assert emulator.total == 10 * 2 + 1
    assert emulator.by_function() == {"loop": 21}
    assert emulator.executed[:3].tolist() == [10, 10, 1]
    assert emulator.taken[:3].tolist() == [0, 9, 1]
    emulator.reset()
    assert emulator.total == 0 and not emulator.executed.any()


def test_wide_and_skipped_instructions_count_once(linked) -> None:
    """An instruction whose condition fails is executed, as a core does."""
    source = naked("f", "movw r1, #1000\ncmp r0, #0\nite eq\nmoveq r0, #1\nmovne r0, #2\nbx lr")
    emulator = Emulator(linked(source, "cortex-m4"), find_core("cortex-m4"))
    assert emulator.call("f", 0) == 1 and emulator.total == 6
    assert emulator.call("f", 5) == 2 and emulator.total == 12


def test_instructions_belong_to_the_innermost_tracked_function(linked) -> None:
    emulator = Emulator(linked(NESTED, "cortex-m4"), find_core("cortex-m4"), ["middle"], ["inner"])
    emulator.call("outer")
    # outer: 4 itself and an inner of 2; middle: 4 itself and two inners
    assert emulator.table.tolist() == [[4, 2], [4, 4]]
    assert emulator.calls[:2].tolist() == [1, 3]
    assert emulator.total == emulator.table.sum() == 14


def test_a_tail_call_ends_with_its_caller(linked) -> None:
    emulator = Emulator(linked(NESTED, "cortex-m4"), find_core("cortex-m4"), ["tail"], ["inner"])
    emulator.call("calls_tail")
    assert emulator.table.tolist() == [[4, 0], [2, 2]]


def test_a_function_that_loops_to_its_start_is_called_once(linked) -> None:
    emulator = Emulator(linked(LOOP, "cortex-m4"), find_core("cortex-m4"), ["loop"])
    emulator.call("loop", 300)
    assert emulator.calls[0] == 1 and emulator.table.tolist() == [[0], [601]]


def test_nothing_counts_while_paused(linked) -> None:
    emulator = Emulator(linked(LOOP, "cortex-m4"), find_core("cortex-m4"))
    emulator.pause()
    emulator.call("loop", 10)
    emulator.resume()
    assert emulator.total == 0
    emulator.call("loop", 10)
    assert emulator.total == 21


def test_stack_high_water(linked) -> None:
    source = "ENTRY int f(int n);\nint f(int n) { volatile char x[1000]; for (int i = 0; i < 1000; i++) x[i] = 1;" \
             " return x[n]; }\n"  # fmt: skip
    emulator = Emulator(linked(source, "cortex-m4"), find_core("cortex-m4"))
    assert emulator.stack_used == 0
    emulator.call("f", 3)
    assert 1000 <= emulator.stack_used <= 1064


def test_memory_is_read_and_written_by_symbol(linked) -> None:
    emulator = Emulator(linked(UNALIGNED, "cortex-m4"), find_core("cortex-m4"))
    emulator.write("where", np.array([1, -2, 3, 4], dtype="<i4"))
    assert emulator.call("load", emulator.address("where") + 4) == -2
    assert emulator.read("where", 4) == b"\1\0\0\0"
    with pytest.raises(TargetError, match="no symbol nowhere"):
        emulator.address("nowhere")


def test_an_unaligned_load_is_trapped_on_the_m0plus_alone(linked) -> None:
    for core in ("cortex-m0plus", "cortex-m4"):
        emulator = Emulator(linked(UNALIGNED, core), find_core(core))
        where = emulator.address("where")
        emulator.call("load", where)
        if core == "cortex-m4":
            emulator.call("load", where + 1)
            continue
        for offset in (1, 2, 3):
            with pytest.raises(TargetError, match=r"load failed on the emulated cortex-m0plus at load.*unaligned"):
                emulator.call("load", where + offset)
        emulator.call("load", where + 4)


@pytest.mark.parametrize(("access", "mask"), [("ldrh", 1), ("strh", 1), ("str", 3)])
def test_every_width_is_trapped_on_the_m0plus(linked, access: str, mask: int) -> None:
    source = naked("f", f"{access} r1, [r0]\nbx lr") + "int where[4];\nENTRY int *place(void);\n" \
             "int *place(void) { return where; }\n"  # fmt: skip
    emulator = Emulator(linked(source, "cortex-m0plus"), find_core("cortex-m0plus"))
    where = emulator.address("where")
    for offset in range(4):
        if offset & mask:
            with pytest.raises(TargetError, match="unaligned"):
                emulator.call("f", where + offset)
        else:
            emulator.call("f", where + offset)


def test_a_32_bit_instruction_is_trapped_on_the_m0plus(linked) -> None:
    emulator = Emulator(linked(naked("f", "udiv r0, r0, r1\nbx lr"), "cortex-m3"), find_core("cortex-m0plus"))
    with pytest.raises(TargetError, match="f failed on the emulated cortex-m0plus"):
        emulator.call("f", 7, 1)


def test_an_access_outside_memory_is_told(linked) -> None:
    emulator = Emulator(linked(UNALIGNED, "cortex-m4"), find_core("cortex-m4"))
    with pytest.raises(TargetError, match="load failed on the emulated cortex-m4 at load"):
        emulator.call("load", 0)


def test_a_function_that_hangs_is_stopped(linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen.target.emulator.MOST", 100_000)
    emulator = Emulator(linked(naked("f", "1: b 1b"), "cortex-m4"), find_core("cortex-m4"))
    with pytest.raises(TargetError, match=r"f has not returned after 100,000 instructions"):
        emulator.call("f")


def test_without_unicorn_one_line_names_the_remedy(linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(TargetError, match=r"need unicorn: pip install 'hybrid\[device\]'"):
        Emulator(linked(LOOP, "cortex-m4"), find_core("cortex-m4"))
