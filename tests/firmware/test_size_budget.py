"""A ratchet: flash, RAM, stack and instructions of a fixed model grow only with an edit of the budget.

`pytest tests/firmware/test_size_budget.py --update-golden` writes firmware/size_budget.csv anew; the diff is what a
change costs or wins. Compiled with the ziglang wheel, so that pip installs all that is needed.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from codegen.artifacts import write_code
from codegen.target.cores import find_core
from codegen.target.cross import link, version
from codegen.target.image import read_image
from tests.small_model import small_plan, sounds

pytest.importorskip("unicorn", reason="NOT CHECKED: pip install 'hybrid[device]'")

BUDGET = Path(__file__).parents[2] / "firmware" / "size_budget.csv"
FIGURES = ("flash", "ram", "stack", "instructions")
TARGETS = ("cortex-m0plus", "cortex-m4")
RATE, SAMPLES = 8000, 4000
PROGRAM = """\
#define {define}
#define SMALL_IMPLEMENTATION
#include "small.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void begin(void);
ENTRY void decide(void);
small_context context;
int16_t pcm[SMALL_WINDOW];
small_result result;
"""
EMPTY = "void begin(void) { (*(volatile char *)&context)++; }\nvoid decide(void) { (*(volatile int16_t *)pcm)++; }\n"
BODIES = {
    "windows": "void begin(void) { small_init(&context); }\n"
    "void decide(void) { result = small_classify(&context, pcm); }\n",
    "stream": "void begin(void) { small_init(&context); }\n"
    "void decide(void) { small_push(&context, pcm, SMALL_WINDOW); result = small_decide(&context); }\n",
}
DEFINES = {"windows": "SMALL_WINDOWS", "stream": "SMALL_STREAM"}


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    write_code(small_plan(RATE, SAMPLES), folder)
    return folder


def linked(code, folder, core, name, text):
    source = folder / f"{name}.c"
    source.write_text(text)
    link([source], folder / f"{name}.elf", core, "zig", includes=[code])
    return read_image(folder / f"{name}.elf")


def measured(code, folder, target, kind):
    """The figures of one row: bytes, and instructions per decision, mean of eight sounds."""
    from codegen.target.emulator import Emulator

    core, head = find_core(target), PROGRAM.format(define=DEFINES[kind])
    image = linked(code, folder, core, kind, head + BODIES[kind])
    empty = linked(code, folder, core, f"{kind}_empty", head + EMPTY)
    emulator = Emulator(image, core)
    pcm = sounds(RATE, SAMPLES)[:8]
    emulator.call("begin")
    emulator.reset()
    for window in pcm:
        emulator.write("pcm", window.astype("<i2"))
        emulator.call("decide")
    flash = image.flash - empty.flash
    return {"flash": flash, "ram": image.symbols["context"].size, "stack": emulator.stack_used,
            "instructions": round(emulator.total / len(pcm))}  # fmt: skip


def budget():
    with BUDGET.open(newline="", encoding="utf-8") as stream:
        return {(row["target"], row["model"]): row for row in csv.DictReader(stream)}


def write(rows):
    with BUDGET.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(["target", "model", *FIGURES, "compiler"])
        for (target, model), row in sorted(rows.items()):
            out.writerow([target, model, *(row[figure] for figure in FIGURES), row["compiler"]])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", sorted(BODIES))
def test_nothing_grows_unless_the_budget_says_so(target, kind, code, tmp_path, request):
    found, compiler = measured(code, tmp_path, target, kind), version("zig")
    key = (target, f"small {kind}")
    if request.config.getoption("--update-golden"):
        write((budget() if BUDGET.exists() else {}) | {key: found | {"compiler": compiler}})
        return
    kept = budget()[key]
    if kept["compiler"] != compiler:
        pytest.skip(f"NOT CHECKED: the budget was made with {kept['compiler']}, here is {compiler}")
    grown = {f: (int(kept[f]), found[f]) for f in FIGURES if found[f] > int(kept[f])}
    assert not grown, f"{key} grew (budget, now): {grown}: shrink it, or edit firmware/size_budget.csv"


def test_the_budget_has_a_row_for_each_target_and_model():
    rows = budget()
    assert set(rows) == {(target, f"small {kind}") for target in TARGETS for kind in BODIES}
    assert all(int(row[figure]) > 0 for row in rows.values() for figure in FIGURES)


def test_the_measured_program_answers_as_the_interpreter(code, tmp_path):
    """What is counted is the decision itself: the last label in memory is the interpreter's."""
    from codegen import interpret
    from codegen.target.emulator import Emulator

    core, pcm = find_core("cortex-m4"), sounds(RATE, SAMPLES)[:4]
    image = linked(code, tmp_path, core, "stream", PROGRAM.format(define="SMALL_STREAM") + BODIES["stream"])
    emulator = Emulator(image, core)
    expected = interpret.run(small_plan(RATE, SAMPLES), pcm)
    for i, window in enumerate(pcm):
        emulator.call("begin")
        emulator.write("pcm", window.astype("<i2"))
        emulator.call("decide")
        label, stage, margin = np.frombuffer(emulator.read("result", 12), "<i4")
        assert (label, stage, margin) == (expected.label[i], expected.stage[i], expected.margin[i])
