"""Instructions of copying: memcpy and memmove of the pinned compiler, at every alignment that streams come to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.calibration.envelope import Sample
from codegen.runtime import runtime_header
from codegen.target.cores import Core
from codegen.target.cross import FLAGS, link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from feature_extractors.ops.base import parts

PROGRAM = """\
#include "hyb_runtime.h"
#define ENTRY __attribute__((section(".entry"), used))
ENTRY void copy(void);
ENTRY void move(void);
uint8_t from[8192], to[8192];
volatile int32_t at, behind, size;
void copy(void) { memcpy(to + at, from + behind, (size_t)size); }
void move(void) { memmove(to + at, to + at + behind, (size_t)size); }
"""
SIZES = (1, 2, 6, 24, 64, 126, 384, 640, 1152, 3136)
PLACES = ((0, 4), (0, 2), (2, 64), (1, 5), (0, 1))
"""Where bytes go, and how far behind they come from."""
AROUND = 10
"""Instructions around a call, beside the loads of its arguments, that decide what to copy."""


def copies(core: Core) -> Iterator[Sample]:
    """One copy each."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        folder = Path(scratch)
        (folder / "hyb_runtime.h").write_text(runtime_header(), encoding="utf-8")
        (folder / "copies.c").write_text(PROGRAM, encoding="utf-8")
        link([folder / "copies.c"], folder / "copies.elf", core, "zig", FLAGS, [folder])
        emulator = Emulator(read_image(folder / "copies.elf"), core)
    for entry in ("copy", "move"):
        for at, behind in PLACES:
            for size in SIZES:
                for name, value in (("at", at), ("behind", behind), ("size", size)):
                    emulator.write(name, np.array([value], "<i4"))
                before = emulator.total
                emulator.call(entry)
                taken = emulator.total - before + AROUND
                yield Sample(f"{entry} {size} bytes", parts("copy", calls=1, bytes=size), taken)
