"""Flash and RAM of the generated code on a Cortex-M4, by the `ziglang` wheel, so that every machine finds the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from codegen.target.cores import find_core
from codegen.target.cross import FLAGS, version
from codegen.target.model import footprint, stream_footprint

CORE, COMPILER = "cortex-m4", "zig"
SYMBOLS = 30


def measure(folder: Path, name: str) -> dict[str, Any]:
    """Bytes that `<folder>/<name>.h` adds to a linked program, by part and symbol, and those of its context.

    ram: bytes of the context for windows and for a stream (None if the model cannot stream), and of other variables.
    Raises TargetError if the header does not compile.
    """
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        given = (name, folder, Path(scratch), find_core(CORE), COMPILER)
        found, stream = footprint(*given), stream_footprint(*given)
    size = found.size
    return {
        "compiler": f"{version(COMPILER)} for {CORE}, linked program minus empty program",
        "flags": " ".join(FLAGS),
        "flash": {"code": size.code, "tables": size.tables, "total": size.flash},
        "ram": {"context": found.context, "static": found.static, "stream": stream.context if stream else None},
        "header_bytes": (folder / f"{name}.h").stat().st_size,
        "by_symbol": [{"name": n, "bytes": b} for n, b in size.by_symbol.items()][:SYMBOLS],
    }
