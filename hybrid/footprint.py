"""Flash and RAM of the generated code: the header compiled for a Cortex-M4 with the `ziglang` wheel, sections read."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.host import CompilerError

TARGET = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", "-std=c99", "-O2", "-ffunction-sections", "-c")
SOURCE = """\
#define {P}_IMPLEMENTATION
#include "{p}.h"
{p}_context hyb_context_size;
"""
# A freestanding target has no C library headers; the model needs these two declarations only.
STRING_H = """\
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
void *memmove(void *to, const void *from, size_t n);
"""


def measure(folder: Path, name: str) -> dict[str, Any]:
    """Bytes of code, constant tables and context of `<folder>/<name>.h`, by section and symbol.

    Raises CompilerError if the header does not compile.
    """
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        source, target = Path(scratch) / "model.c", Path(scratch) / "model.o"
        source.write_text(SOURCE.format(p=name, P=name.upper()), encoding="utf-8")
        (Path(scratch) / "string.h").write_text(STRING_H, encoding="utf-8")
        command = [sys.executable, "-m", "ziglang", "cc", *TARGET, f"-I{folder}", f"-I{scratch}"]
        done = subprocess.run(
            [*command, "-o", str(target), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CompilerError(f"the header does not compile for Cortex-M4: {done.stderr.strip()[:300]}")
        with target.open("rb") as stream:
            return _read(ELFFile(stream), folder / f"{name}.h")


def _read(elf: ELFFile, header: Path) -> dict[str, Any]:
    code = tables = 0
    for section in elf.iter_sections():
        flags, size = section["sh_flags"], section["sh_size"]
        if not flags & 2:  # SHF_ALLOC
            continue
        if flags & 4:  # SHF_EXECINSTR
            code += size
        elif section["sh_type"] != "SHT_NOBITS" and not section.name.startswith(".ARM"):
            tables += size
    table: Any = elf.get_section_by_name(".symtab")
    symbols = [s for s in table.iter_symbols() if s["st_size"]]
    context = next(s["st_size"] for s in symbols if s.name == "hyb_context_size")
    listed = [{"name": s.name, "bytes": s["st_size"]} for s in symbols if s.name != "hyb_context_size"]
    return {
        "compiler": "ziglang (clang) for Cortex-M4",
        "flags": " ".join(TARGET),
        "flash": {"code": code, "tables": tables, "total": code + tables},
        "ram": {"context": context},
        "header_bytes": header.stat().st_size,
        "by_symbol": sorted(listed, key=lambda s: (-s["bytes"], s["name"]))[:30],
    }
