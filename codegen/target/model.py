"""A generated model linked for a core and run there: one decision at a time, every instruction attributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.plan import Plan
from codegen.target.cores import Core, TargetError
from codegen.target.cross import FLAGS, link
from codegen.target.emulator import Emulator
from codegen.target.image import Image, read_image
from codegen.target.instructions import check
from codegen.target.size import Size, size_of

MODEL = """\
{defines}
#define {P}_IMPLEMENTATION
#include "{p}.h"
"""
# Apart from the model, so that nothing of it is inlined into the harness.
HARNESS = """\
{defines}
#include "{p}.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void hyb_bench_begin(void);
ENTRY void hyb_bench_decide(void);
ENTRY void hyb_bench_copy(void);
int16_t hyb_bench_pcm[{P}_WINDOW];
int32_t hyb_bench_row[4], hyb_bench_scores[{P}_CLASSES];
uint32_t hyb_bench_counts[2 * {P}_MAPS + 1];
{p}_context hyb_bench_context;
static {p}_result result;
void hyb_bench_begin(void) {{ {p}_init(&hyb_bench_context); }}
#if defined({P}_STREAM)
void hyb_bench_decide(void) {{
  {p}_init(&hyb_bench_context);
  {p}_push(&hyb_bench_context, hyb_bench_pcm, {P}_WINDOW);
  result = {p}_decide(&hyb_bench_context);
}}
#elif defined({P}_EAGER)
void hyb_bench_decide(void) {{ result = {p}_classify_eager(&hyb_bench_context, hyb_bench_pcm); }}
#else
void hyb_bench_decide(void) {{ result = {p}_classify(&hyb_bench_context, hyb_bench_pcm); }}
#endif
void hyb_bench_copy(void) {{
  hyb_bench_row[0] = result.label;
  hyb_bench_row[1] = result.stage;
  hyb_bench_row[2] = result.margin;
  hyb_bench_row[3] = (int32_t)result.cost;
  for (int32_t i = 0; i < {P}_CLASSES; i++) hyb_bench_scores[i] = hyb_bench_context.scores[i];
#ifdef HYB_TRACE
  for (int32_t i = 0; i < {P}_MAPS; i++) {{
    hyb_bench_counts[i] = hyb_bench_context.computes[i];
    hyb_bench_counts[{P}_MAPS + i] = hyb_bench_context.hits[i];
  }}
  hyb_bench_counts[2 * {P}_MAPS] = hyb_bench_context.visits;
#endif
}}
"""
# What a user links for its size: one window decided. The empty program has the same variables.
PROGRAM = """\
{defines}
#include "{p}.h"
{p}_context hyb_bench_context;
{p}_result hyb_bench_result;
const int16_t *volatile hyb_bench_pcm;
__attribute__((section(".entry"), used)) int main(void) {{
  const int16_t *pcm = hyb_bench_pcm;
#ifdef HYB_BENCH_EMPTY
  *(volatile int32_t *)&hyb_bench_result = *(volatile int32_t *)&hyb_bench_context;
  return pcm != 0;
#else
  {p}_init(&hyb_bench_context);
#ifdef {P}_STREAM
  {p}_push(&hyb_bench_context, pcm, 1);
  hyb_bench_result = {p}_decide(&hyb_bench_context);
#else
  hyb_bench_result = {p}_classify(&hyb_bench_context, pcm);
#endif
  return 0;
#endif
}}
"""


@dataclass(frozen=True, eq=False)
class DeviceResults:
    """What the core said, one row a window, as far as the build gives it.

    label, stage, margin, cost int32 (n,); scores int32 (n, classes); instructions int64 (n,): of each decision;
    by_part int64 (n, 1 + stages, 1 + maps): the same by stage and map, 0 for what is in none; maps of which the
    compiler made one function (`DeviceModel.joined`) at one of them; computes and hits uint32 (n, maps) and visits (n,)
    with HYB_TRACE, else zeros; stack: bytes, the most of all decisions.
    """

    label: np.ndarray
    stage: np.ndarray
    margin: np.ndarray
    cost: np.ndarray
    scores: np.ndarray
    instructions: np.ndarray
    by_part: np.ndarray
    computes: np.ndarray
    hits: np.ndarray
    visits: np.ndarray
    stack: int


class DeviceModel:
    """The C of a plan on an emulated core. `run` decides windows; counts add up in `emulator`."""

    def __init__(
        self, plan: Plan, folder: Path, scratch: Path, core: Core, compiler: str, *, eager: bool = False,
        trace: bool = False, stream: bool = False,
    ) -> None:  # fmt: skip
        """folder: holds the generated code; scratch: a folder for objects.

        eager: decide with every map computed whole; trace: count computes, hits and visits; stream: push each window
        to a fresh context. The plain build alone holds what a user runs. Raises TargetError, also for an instruction
        that the core lacks.
        """
        self.plan, self.core, self.trace = plan, core, trace
        big = plan.name.upper()
        defines = [f"{big}_EAGER"] * eager + ["HYB_TRACE"] * trace + [f"{big}_STREAM"] * stream
        self.image = build(plan.name, folder, scratch, core, compiler, HARNESS, defines)
        self.checked = check(self.image, core)
        functions = map_functions(self.image, plan)
        self.joined = joined_maps(self.image, functions)
        names = [name for of_map in functions for name in of_map]
        self._column = np.array([0] + [i + 1 for i, of_map in enumerate(functions) for _ in of_map])
        self.stages = [f"{plan.name}_stage{number}" for number in range(len(plan.forest.stages))]
        self.emulator = Emulator(self.image, core, self.stages, names)

    @property
    def tells_stages(self) -> bool:
        """Whether each stage is a function of its own, so that its work can be told apart."""
        return all(self.image.variants(stage) for stage in self.stages)

    def run(self, pcm: np.ndarray, names: Sequence[str] = ()) -> DeviceResults:
        """Decide windows, int16 (n, window). Raises TargetError for a fault, naming the window, or its number."""
        emulator, n, maps = self.emulator, len(pcm), len(self.plan.maps)
        rows, scores = np.zeros((n, 4), np.int32), np.zeros((n, self.plan.forest.classes), np.int32)
        counts, parts = np.zeros((n, 2 * maps + 1), np.uint32), []
        emulator.call("hyb_bench_begin")
        emulator.reset()
        for i, window in enumerate(np.ascontiguousarray(pcm, dtype="<i2")):
            emulator.write("hyb_bench_pcm", window)
            try:
                parts.append(self._decide())
            except TargetError as error:
                raise TargetError(f"clip {names[i] if names else i}: {error}") from None
            self._read("hyb_bench_row", rows[i])
            self._read("hyb_bench_scores", scores[i])
            if self.trace:
                self._read("hyb_bench_counts", counts[i])
        by_part = np.stack(parts)
        return DeviceResults(
            rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], scores, by_part.sum(axis=(1, 2)), by_part,
            counts[:, :maps], counts[:, maps : 2 * maps], counts[:, 2 * maps], emulator.stack_used,
        )  # fmt: skip

    def _decide(self) -> np.ndarray:
        """One decision: its instructions, int64 (1 + stages, 1 + maps). The copy of its result is not counted."""
        before = self.emulator.table.astype(np.int64)
        self.emulator.call("hyb_bench_decide")
        grown = self.emulator.table.astype(np.int64) - before
        self.emulator.pause()
        self.emulator.call("hyb_bench_copy")
        self.emulator.resume()
        result = np.zeros((1 + len(self.plan.maps), grown.shape[0]), np.int64)
        np.add.at(result, self._column, grown.T)
        return result.T

    def _read(self, symbol: str, into: np.ndarray) -> None:
        into[:] = np.frombuffer(self.emulator.read(symbol, into.nbytes), into.dtype.newbyteorder("<"))

    @property
    def context(self) -> int:
        """Bytes of the context."""
        return self.image.symbols["hyb_bench_context"].size


def map_functions(image: Image, plan: Plan) -> list[list[str]]:
    """Functions of each map, by their names: `<model>_<map>_...`; of two maps that fit, the longer name."""
    names = {item.name: i for i, item in enumerate(plan.maps)}
    result: list[list[str]] = [[] for _ in plan.maps]
    for function in sorted({symbol.name.split(".")[0] for symbol in image.functions}):
        rest = function.removeprefix(f"{plan.name}_")
        fitting = [name for name in names if rest != function and rest.startswith(f"{name}_")]
        if fitting:
            result[names[max(fitting, key=len)]].append(function)
    return result


def joined_maps(image: Image, functions: list[list[str]]) -> list[set[int]]:
    """Maps whose functions a compiler has found to be the same and keeps once: they cannot be told apart."""
    owners: dict[int, set[int]] = {}
    for number, names in enumerate(functions):
        for symbol in (s for name in names for s in image.variants(name)):
            owners.setdefault(symbol.address, set()).add(number)
    return [maps for maps in owners.values() if len(maps) > 1]


def stream_footprint(name: str, folder: Path, scratch: Path, core: Core, compiler: str) -> Footprint | None:
    """The footprint over a stream; None for a model that cannot stream, which its header says by an #error."""
    try:
        return footprint(name, folder, scratch, core, compiler, stream=True)
    except TargetError as error:
        if "cannot stream" not in str(error):
            raise
        return None


def build(
    name: str, folder: Path, scratch: Path, core: Core, compiler: str, harness: str, defines: list[str]
) -> Image:
    """The model of a name in `folder` and a harness, linked. Raises TargetError."""
    words = {"p": name, "P": name.upper(), "defines": "\n".join(f"#define {d} 1" for d in defines)}
    (scratch / "model.c").write_text(MODEL.format(**words), encoding="utf-8")
    (scratch / "harness.c").write_text(harness.format(**words), encoding="utf-8")
    target = scratch / "program.elf"
    link([scratch / "model.c", scratch / "harness.c"], target, core, compiler, FLAGS, [folder])
    return read_image(target)


@dataclass(frozen=True)
class Footprint:
    """What a model takes of a device: flash by symbol, context, other variables (bytes)."""

    size: Size
    context: int
    static: int


def footprint(
    name: str, folder: Path, scratch: Path, core: Core, compiler: str, stream: bool = False
) -> Footprint:
    """Flash and RAM of the plain model: a program that decides one window, minus the same program without it.

    stream: the program pushes samples instead. Raises TargetError, saying so if the model cannot stream.
    """
    defines = [f"{name.upper()}_STREAM"] * stream
    program = build(name, folder, scratch, core, compiler, PROGRAM, defines)
    empty = build(name, folder, scratch, core, compiler, PROGRAM, [*defines, "HYB_BENCH_EMPTY"])
    size = size_of(program, empty)
    if "hyb_bench_context" not in program.symbols:
        raise TargetError("the linker dropped the model's context: this is a defect, please report it")
    return Footprint(size, program.symbols["hyb_bench_context"].size, max(0, size.static_ram))
