"""An estimate of cycles from executed instructions and the tables in Arm's Technical Reference Manuals.

An estimate, not a measurement: memory without wait states (flash behind a cache or accelerator has some), no
contention, no interrupts. Where a manual gives a range, `low` and `high` are its ends and `likely` lies between.

- Cortex-M0+ (DDI 0484C, table 3-1): one cycle, with the single-cycle multiplier; load and store 2; several registers
  1 + N; a taken branch 2; BL 3; POP with PC 3 + N; MRS, MSR and barriers 3.
- Cortex-M3 (DDI 0337I, table 3-1) and Cortex-M4 (DDI 0439D, table 3-1): one cycle; load and store 2, or 1 right after
  another one (pipelined), a store to [register, #immediate] 1; several registers 1 + N; division 2 to 12; a taken
  branch 1 + P with P of 1 to 3 to refill the pipeline; IT 0 (folded) or 1. The M3 takes 2 for MLA and MLS, 3 to 5 for
  SMULL and UMULL, 4 to 7 for SMLAL and UMLAL, where the M4 takes 1.

A branch costs its taken price as often as it was seen taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.target.cores import Core
from codegen.target.emulator import Emulator
from codegen.target.image import Image
from codegen.target.instructions import disassembled, name_of

Range = tuple[float, float, float]
"""Cycles: low, likely, high."""
SINGLE = frozenset(["ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "str", "strb", "strh"])
MULTIPLE = frozenset(["ldm", "ldmdb", "stm", "stmdb", "push", "pop", "ldrd", "strd"])
BARRIERS = frozenset(["dmb", "dsb", "isb"])
M3_MULTIPLY: dict[str, Range] = {
    "mla": (2, 2, 2), "mls": (2, 2, 2), "smull": (3, 4, 5), "umull": (3, 4, 5), "smlal": (4, 5.5, 7),
    "umlal": (4, 5.5, 7),
}  # fmt: skip
ONE: Range = (1, 1, 1)


@dataclass(frozen=True)
class Estimate:
    """Cycles of what ran: the likely figure between the ends of what the manual allows."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class _Seen:
    """What a price depends on."""

    name: str
    registers: int
    immediate: bool
    """Whether the address is a register and an immediate."""
    to_pc: bool
    after_single: bool
    """Whether a single load or store stands right before."""


Price = Callable[[_Seen], tuple[Range, Range]]
"""Of an instruction: cycles each time, and more cycles each time that it does not go on to the next one."""


def _m0plus(seen: _Seen) -> tuple[Range, Range]:
    if seen.name in SINGLE:
        return (2, 2, 2), (0, 0, 0)
    if seen.name in MULTIPLE:
        cycles = seen.registers + (3 if seen.to_pc else 1)
        return (cycles, cycles, cycles), (0, 0, 0)
    if seen.name in BARRIERS or seen.name in ("mrs", "msr"):
        return (3, 3, 3), (0, 0, 0)
    return ONE, (2, 2, 2) if seen.name == "bl" else ONE


def _m4(seen: _Seen) -> tuple[Range, Range]:
    refill: Range = (1, 2, 3)
    if seen.name in SINGLE:
        return _single(seen), refill
    if seen.name in MULTIPLE:
        cycles = 1 + seen.registers
        return (cycles, cycles, cycles), refill
    if seen.name in ("sdiv", "udiv"):
        return (2, 7, 12), refill
    if seen.name in ("tbb", "tbh"):
        return (2, 2, 2), refill
    return (0, 1, 1) if seen.name == "it" else (1, 1, 2) if seen.name in ("mrs", "msr") else ONE, refill


def _single(seen: _Seen) -> Range:
    if seen.name.startswith("str") and seen.immediate:
        return ONE
    return (1, 1, 2) if seen.after_single else (1, 2, 2)


def _m3(seen: _Seen) -> tuple[Range, Range]:
    each, taken = _m4(seen)
    return M3_MULTIPLY.get(seen.name, each), taken


PRICES: dict[str, Price] = {"cortex-m0plus": _m0plus, "cortex-m3": _m3, "cortex-m4": _m4}


class CycleTable:
    """Prices of every instruction of an image, for a core that `has` a table (Arm publishes none for M7 and M33)."""

    def __init__(self, image: Image, core: Core) -> None:
        price, before = PRICES[core.name], None
        size = len(image.code) // 2 + 2
        self._each, self._taken = np.zeros((size, 3)), np.zeros((size, 3))
        for found in disassembled(image):
            name = name_of(found)
            after = before is not None and before[0] == found.address and before[1] in SINGLE
            each, taken = price(_seen(found, name, after))
            at = (found.address - image.code_base) // 2
            self._each[at], self._taken[at] = each, taken
            before = (found.address + found.size, name)

    @staticmethod
    def has(core: Core) -> bool:
        """Whether there is a table for the core."""
        return core.name in PRICES

    def estimate(self, emulator: Emulator) -> Estimate:
        """Cycles of all that an emulator has counted."""
        return self.of(emulator.executed, emulator.taken)

    def of(self, executed: np.ndarray, taken: np.ndarray) -> Estimate:
        """Cycles of counts by halfword of the code: executions, and of them those that went elsewhere."""
        low, likely, high = executed.astype(float) @ self._each + taken.astype(float) @ self._taken
        return Estimate(float(low), float(likely), float(high))


def _seen(found: Any, name: str, after_single: bool) -> _Seen:
    from capstone.arm import ARM_OP_MEM, ARM_OP_REG, ARM_REG_PC

    registers = [o.reg for o in found.operands if o.type == ARM_OP_REG]
    memory = [o.mem for o in found.operands if o.type == ARM_OP_MEM]
    if name in ("ldm", "ldmdb", "stm", "stmdb"):
        registers = registers[1:]  # the base
    immediate = bool(memory) and memory[0].index == 0
    return _Seen(name, len(registers), immediate, ARM_REG_PC in registers, after_single)
