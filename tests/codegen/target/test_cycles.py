"""The cycle estimate of code whose cycles the manuals' tables give."""

from __future__ import annotations

import pytest

from codegen.target.cores import find_core
from codegen.target.cycles import CycleTable, Estimate
from codegen.target.emulator import Emulator
from tests.codegen.target.assembly import naked

LOOP = naked("f", "1: subs r0, #1\nbne 1b\nbx lr")
MEMORY = naked("f", "push {r4, r5, lr}\nldr r1, [sp]\nldr r2, [sp, #4]\nstr r1, [sp]\nmuls r1, r2\npop {r4, r5, pc}")
CALL = naked("leaf", "bx lr") + naked("f", "push {r4, lr}\nbl leaf\nldm r0!, {r1, r2, r3}\npop {r4, pc}")
DIVIDE = naked("f", "movs r1, #3\nudiv r0, r0, r1\nmla r0, r0, r1, r1\nsmull r0, r1, r0, r1\nbx lr")


def estimate(linked, source: str, core: str, *arguments: int) -> Estimate:
    image = linked(source, core)
    emulator = Emulator(image, find_core(core))
    emulator.call("f", *arguments)
    return CycleTable(image, find_core(core)).estimate(emulator)


def test_branches_cost_by_how_often_they_were_taken(linked) -> None:
    # M0+: ten subs, nine branches taken at 2 and one not at 1, bx 2
    assert estimate(linked, LOOP, "cortex-m0plus", 10) == Estimate(31, 31, 31)
    # M4: a taken branch 1 + P, P of 1 to 3
    found = estimate(linked, LOOP, "cortex-m4", 10)
    assert found == Estimate(20 + 9 + 1 + 1, 20 + 18 + 1 + 2, 20 + 27 + 1 + 3)


def test_loads_and_stores(linked) -> None:
    # M0+: push 1 + 3, three accesses of 2, muls 1, pop with pc 3 + 3
    assert estimate(linked, MEMORY, "cortex-m0plus").likely == 4 + 6 + 1 + 6
    # M4: push 1 + 3, ldr 2, ldr after ldr 1, str immediate 1, mul 1, pop 1 + 3 + P
    found = estimate(linked, MEMORY, "cortex-m4")
    assert found == Estimate(4 + 3 + 1 + 5, 4 + 2 + 1 + 1 + 1 + 6, 4 + 2 + 2 + 1 + 1 + 7)


def test_calls_and_multiple_registers(linked) -> None:
    # M0+: push 1 + 2, bl 3, bx 2, ldm 1 + 3, pop with pc 3 + 2
    image_address = 0x2000_0000
    assert estimate(linked, CALL, "cortex-m0plus", image_address).likely == 3 + 3 + 2 + 4 + 5


def test_division_and_multiplication(linked) -> None:
    # M4: movs 1, udiv 2 to 12, mla 1, smull 1, bx 1 + P
    found = estimate(linked, DIVIDE, "cortex-m4", 100)
    assert found == Estimate(1 + 2 + 1 + 1 + 2, 1 + 7 + 1 + 1 + 3, 1 + 12 + 1 + 1 + 4)
    # M3: mla 2, smull 3 to 5
    found = estimate(linked, DIVIDE, "cortex-m3", 100)
    assert found == Estimate(1 + 2 + 2 + 3 + 2, 1 + 7 + 2 + 4 + 3, 1 + 12 + 2 + 5 + 4)


@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m33"])
def test_there_is_no_estimate_where_arm_publishes_no_timings(core: str) -> None:
    assert not CycleTable.has(find_core(core))
