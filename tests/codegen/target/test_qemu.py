"""Unicorn and qemu count the same instructions of the same ELF file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from codegen.artifacts import write_code
from codegen.target.cores import find_core
from codegen.target.cross import COMPILERS, GCC, link
from codegen.target.emulator import Emulator
from codegen.target.image import read_image
from tests.random_plans import random_plan

QEMU = "qemu-system-arm"
TICK = 40
"""Instructions of one SysTick tick: `-icount shift=0` gives each 1 ns, and the mps2-an386 ticks at 25 MHz."""

# The machine boots from address 0; the emulator loads the same segments there.
SCRIPT = """\
MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = 4M
         RAM (rw) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .vectors : { KEEP(*(.vectors)) } > FLASH
  .text : { KEEP(*(.entry*)) *(.text*) } > FLASH
  .rodata : { *(.rodata*) } > FLASH
  .data : { *(.data*) } > RAM
  .bss (NOLOAD) : { *(.bss*) *(COMMON) } > RAM
  /DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) }
}
"""
START = """\
#include "{p}.h"
#define SYSTICK ((volatile uint32_t *)0xE000E010u)
void reset(void);
void repeat(int32_t times);
extern const int16_t recording[];
__attribute__((section(".vectors"), used)) void (*const vectors[])(void) = {{(void (*)(void))0x20100000, reset}};
static {p}_context ctx;
{p}_result result;

static void ask(uint32_t operation, const void *with) {{
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = with;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}}

__attribute__((section(".entry"), used, noinline)) void repeat(int32_t times) {{
  for (int32_t i = 0; i < times; i++) result = {p}_classify(&ctx, recording);
}}

__attribute__((section(".entry"), used)) void reset(void) {{
  static char text[9];
  SYSTICK[1] = 0xffffffu;
  SYSTICK[2] = 0;
  SYSTICK[0] = 5;
  {p}_init(&ctx);
  const uint32_t before = SYSTICK[2];
  repeat({times});
  const uint32_t ticks = (before - SYSTICK[2]) & 0xffffffu;
  for (int i = 0; i < 8; i++) text[i] = "0123456789abcdef"[(ticks >> (28 - 4 * i)) & 15u];
  ask(4, text);
  ask(0x18, (const void *)0x20026u);
  for (;;) {{
  }}
}}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_unicorn_and_qemu_count_the_same(compiler: str, tmp_path: Path) -> None:
    """Over a long run: a tick is all that a reading of the timer leaves open, whatever the length."""
    if shutil.which(QEMU) is None:
        pytest.skip(f"NOT CHECKED AGAINST QEMU: {QEMU} is not installed (Debian: qemu-system-arm)")
    if compiler == GCC and shutil.which(GCC) is None:
        pytest.skip(f"NOT CHECKED AGAINST QEMU: {GCC} is not installed (Debian: gcc-arm-none-eabi)")
    plan, pcm = random_plan(7)
    image, times = tmp_path / "image.elf", 400
    build(plan, pcm, times, compiler, tmp_path)

    done = subprocess.run(
        [QEMU, "-M", "mps2-an386", "-nographic", "-semihosting", "-icount", "shift=0", "-kernel", str(image)],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ticks = int((done.stdout + done.stderr).strip(), 16)

    emulator = Emulator(read_image(image), find_core("cortex-m4"))
    emulator.call("repeat", times)
    assert emulator.total > 1000 * TICK
    assert abs(ticks * TICK - emulator.total) <= 2 * TICK, (ticks * TICK, emulator.total)


def build(plan, pcm: np.ndarray, times: int, compiler: str, folder: Path) -> None:
    """`image.elf`: an image that qemu boots and that decides one window `times` times."""
    write_code(plan, folder)
    samples = ", ".join(map(str, pcm[0].tolist()))
    (folder / "model.c").write_text(f'#define {plan.name.upper()}_IMPLEMENTATION\n#include "{plan.name}.h"\n')
    (folder / "start.c").write_text(START.format(p=plan.name, times=times))
    (folder / "recording.c").write_text(f"#include <stdint.h>\nextern const int16_t recording[];\n"
                                        f"const int16_t recording[] = {{{samples}}};\n")  # fmt: skip
    sources = [folder / name for name in ("start.c", "model.c", "recording.c")]
    link(sources, folder / "image.elf", find_core("cortex-m4"), compiler, includes=[folder], script=SCRIPT)
