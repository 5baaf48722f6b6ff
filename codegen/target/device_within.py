"""`decide_within` of a generated model on an emulated core: what a decision inside a budget executes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codegen.artifacts import write_code
from codegen.plan import Plan
from codegen.target.cores import find_core
from codegen.target.emulator import Emulator
from codegen.target.model import build

HARNESS = """\
{defines}
#include "{p}.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void begin(void);
ENTRY void decide(void);
ENTRY void copy(void);
int16_t pcm[{P}_WINDOW];
volatile uint32_t budget;
int32_t row[3];
{p}_context context;
static {p}_result result;
void begin(void) {{ {p}_init(&context); }}
void decide(void) {{ result = {p}_decide_within(&context, pcm, budget); }}
void copy(void) {{
  row[0] = result.label;
  row[1] = result.stage;
  row[2] = (int32_t)result.cost;
}}
"""


class DeviceWithin:
    """A plan's `decide_within` on a core."""

    def __init__(self, plan: Plan, folder: Path, compiler: str = "zig") -> None:
        """folder: where the generated code and objects go. Raises TargetError."""
        write_code(plan, folder)
        core = find_core(plan.core)
        image = build(plan.name, folder, folder, core, compiler, HARNESS, [f"{plan.name.upper()}_WITHIN"])
        self.emulator = Emulator(image, core)
        self.emulator.call("begin")

    def run(self, pcm: np.ndarray, budget: int) -> tuple[int, int, int, int]:
        """Decide a window, int16 (samples,): (instructions, label, stage, cost)."""
        self.emulator.write("pcm", pcm.astype("<i2"))
        self.emulator.write("budget", np.array([budget], "<u4"))
        before = self.emulator.total
        self.emulator.call("decide")
        spent = self.emulator.total - before
        self.emulator.call("copy")
        label, stage, cost = np.frombuffer(self.emulator.read("row", 12), "<i4").tolist()
        return spent, label, stage, cost % 2**32
