"""Flash, stack and instructions of a stand-alone model on an emulated core."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.forests.artifacts import write_forest
from codegen.forests.model import Model
from codegen.target.cores import Core
from codegen.target.cross import link
from codegen.target.emulator import Emulator
from codegen.target.image import Image, read_image

ENTRY = '__attribute__((section(".entry")))'
FLAGS = ("-std=c99", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True)
class Cost:
    """flash: bytes of the program less those of an empty one; instructions: mean of a decision; stack: bytes."""

    flash: int
    instructions: float
    stack: int
    agree: int
    """Rows whose answer is that of the Python reference."""


def measure(model: Model, rows: np.ndarray, core: Core, compiler: str | None = None, level: str = "-O2") -> Cost:
    """Compile a model for a core and run `predict` on rows of the device's type. Raises TargetError."""
    name, kind = model.options.name, "int16_t" if model.options.dtype == "int16" else "float"
    features = len(model.ensemble.feature_names)
    call = f"{name}_predict(x)"
    stubs = ""
    if model.options.callbacks is not None:
        call += ".label" if model.ensemble.labels else ".value"
        stubs = "".join(
            f"{kind} {c.function}(void *user) {{ return (({kind} *)user)[{n}]; }}\n"
            for c, n in zip(model.callbacks, model.lowered.features, strict=True)
        )
    source = f'#define {name.upper()}_IMPLEMENTATION\n#include "{name}.h"\n{kind} x[{features}];\n{stubs}'
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        folder = Path(scratch)
        write_forest(model, folder)
        body = f"{source}int32_t decide(void);\n{ENTRY} int32_t decide(void) {{ return {call}; }}\n"
        image = build(body, folder, core, compiler, level)
    return run(image, core, rows, model.labels(rows), features, kind, compiler, level)


def run(
    image: Image, core: Core, rows: np.ndarray, expected: np.ndarray, features: int, kind: str,
    compiler: str | None, level: str,
) -> Cost:  # fmt: skip
    """Run the function `decide` of an image on rows written at `x`."""
    emulator = Emulator(image, core)
    total = stack = agree = 0
    for row, wanted in zip(rows, expected.tolist(), strict=True):
        emulator.write("x", np.ascontiguousarray(row, dtype="<i2" if kind == "int16_t" else "<f4"))
        emulator.reset()
        agree += emulator.call("decide") == wanted
        total += emulator.total
        stack = max(stack, emulator.stack_used)
    flash = _bytes(image) - _empty(features, kind, core, compiler, level)
    return Cost(flash, total / max(1, len(rows)), stack, agree)


def build(source: str, folder: Path, core: Core, compiler: str | None, level: str) -> Image:
    """One C source as an image."""
    path, elf = folder / "decide.c", folder / "decide.elf"
    path.write_text(source, encoding="utf-8")
    link([path], elf, core, compiler, [*FLAGS, level], [folder])
    return read_image(elf)


def _bytes(image: Image) -> int:
    return sum(len(content) for _, content in image.segments)


def _empty(features: int, kind: str, core: Core, compiler: str | None, level: str) -> int:
    """Bytes of a program that holds the same input and decides nothing."""
    source = f"#include <stdint.h>\n{kind} x[{features}];\nint32_t decide(void);\n"
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        body = f"{ENTRY} int32_t decide(void) {{ return x[0] != 0; }}\n"
        return _bytes(build(source + body, Path(scratch), core, compiler, level))
