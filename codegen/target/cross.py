"""Cross compilers: arm-none-eabi-gcc where it is installed, else the `ziglang` wheel that pip brings."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from codegen.target.cores import Core, TargetError

GCC = "arm-none-eabi-gcc"
COMPILERS = (GCC, "zig")
FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections")
FLASH, FLASH_BYTES = 0x0800_0000, 0x0100_0000
RAM, RAM_BYTES = 0x2000_0000, 0x0100_0000

# C has nothing to unwind: the tables for it, which clang and compiler-rt bring, are left out.
NO_UNWINDING = ("-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
LINKER_SCRIPT = f"""\
MEMORY {{ FLASH (rx) : ORIGIN = {FLASH:#x}, LENGTH = {FLASH_BYTES:#x}
          RAM (rw) : ORIGIN = {RAM:#x}, LENGTH = {RAM_BYTES:#x} }}
SECTIONS {{
  .text : {{ KEEP(*(.entry*)) *(.text*) }} > FLASH
  .rodata : {{ *(.rodata*) }} > FLASH
  .data : {{ *(.data*) }} > RAM
  .bss (NOLOAD) : {{ *(.bss*) *(COMMON) }} > RAM
  /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) }}
}}
"""


def find_cross(name: str | None = None) -> str:
    """'arm-none-eabi-gcc' where it is found, else 'zig'; or `name`, if it is there. Raises TargetError."""
    if name is not None and name not in COMPILERS:
        raise TargetError(f"cross compiler {name!r} is unknown: choose from {', '.join(COMPILERS)}")
    if name in (None, GCC) and shutil.which(GCC):
        return GCC
    if name == GCC:
        raise TargetError(f"{GCC} was not found: install it (Debian: gcc-arm-none-eabi), or use --compiler zig")
    if importlib.util.find_spec("ziglang"):
        return "zig"
    raise TargetError("no cross compiler was found: pip install ziglang, or install arm-none-eabi-gcc")


def command(core: Core, compiler: str) -> list[str]:
    """The compiler with the flags that choose the core."""
    if compiler == GCC:
        return [GCC, *core.gcc_flags]
    return [sys.executable, "-m", "ziglang", "cc", *core.zig_flags, *NO_UNWINDING]


def link(
    sources: Sequence[Path],
    target: Path,
    core: Core,
    compiler: str | None = None,
    flags: Sequence[str] = FLAGS,
    includes: Sequence[Path] = (),
    script: str = LINKER_SCRIPT,
) -> str:
    """Compile and link C sources for an emulated core; what must be kept stands in sections `.entry*`.

    script: text of the linker script. Writes the ELF file `target` and returns the compiler used. Raises TargetError
    with its first error.
    """
    chosen = find_cross(compiler)
    layout = target.with_suffix(".ld")
    layout.write_text(script, encoding="utf-8")
    # without a dynamic section or start-up files: the emulator loads segments and calls functions
    own = ("-nostartfiles",) if chosen == GCC else ()
    paths = [f"-I{folder}" for folder in includes]
    run = [*command(core, chosen), *flags, *own, *paths, "-Wl,--gc-sections", "-T", str(layout)]
    done = subprocess.run([*run, "-o", str(target), *map(str, sources)], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr.strip()[-400:]]
        raise TargetError(f"{shlex.join(run[:4])} ... failed: {errors[0]}")
    return chosen


def version(compiler: str | None = None) -> str:
    """First line of the compiler's version text."""
    chosen = find_cross(compiler)
    run = [GCC, "--version"] if chosen == GCC else [sys.executable, "-m", "ziglang", "version"]
    text = subprocess.run(run, capture_output=True, text=True, check=False).stdout.splitlines()
    return (text[0] if chosen == GCC else f"zig {text[0]}") if text else chosen
