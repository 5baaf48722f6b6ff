"""Parity: the generated C against the interpreter, window by window, bit for bit."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codegen import interpret
from codegen.host import FLAGS, CompilerError, NativeModel, compile_c, compiler_version
from codegen.plan import Plan
from hybrid.errors import HybridError

COMPARED = ("label", "scores", "stage", "margin", "cost", "visits", "computes", "hits")
EAGER_COMPARED = ("label", "scores", "stage", "margin")
TRACED = 3
"""Windows that are also evaluated tile by tile, which is slow."""


def check_compiler(compiler: str | None = None) -> None:
    """Build and load a library of one line, so that a compiler that will not do is told before training.

    Raises HybridError with the remedy.
    """
    remedy = "set --compiler or HYBRID_CC to a C compiler for this machine, such as gcc, clang or zig"
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        source, library = Path(scratch) / "one.c", Path(scratch) / "one.so"
        source.write_text("int hyb_one(void);\nint hyb_one(void) { return 1; }\n", encoding="utf-8")
        try:
            compile_c([source], library, [*FLAGS, "-shared", "-fPIC"], compiler)
            ctypes.CDLL(str(library))
        except (CompilerError, OSError, ValueError, IndexError) as error:
            raise HybridError(f"the C compiler does not work ({error}): {remedy}") from error


def check(
    plan: Plan, folder: Path, pcm: np.ndarray, names: Sequence[str], compiler: str | None = None
) -> tuple[interpret.Results, dict[str, Any]]:
    """Run every window through interpreter and C. pcm: int16 (n, samples); names: one per window, for the message.

    Returns the interpreter's results and a summary. Raises HybridError naming the first window that differs.
    """
    expected = interpret.run(plan, pcm)
    native = NativeModel(folder, plan.name, compiler)
    compare(rows(expected), vars(native.run(pcm)), COMPARED, names, "generated C")
    compare(rows(expected), vars(native.run(pcm, eager=True)), EAGER_COMPARED, names, "eager generated C")
    for i in range(min(TRACED, len(pcm))):
        _check_trace(plan, pcm[i], expected, i, names[i])
    summary = {
        "clips": len(pcm),
        "compared": list(COMPARED),
        "different": 0,
        "eager_equal": True,
        "traced_tile_by_tile": min(TRACED, len(pcm)),
        "compiler": compiler_version(compiler),
    }
    return expected, summary


def rows(results: interpret.Results) -> dict[str, np.ndarray]:
    """What the interpreter says, field of `COMPARED` -> (n, ...), one row a window."""
    computes, hits = results.counts()
    return {name: getattr(results, name) for name in COMPARED[:6]} | {"computes": computes, "hits": hits}


def compare(
    expected: Mapping[str, np.ndarray],
    got: Mapping[str, np.ndarray],
    fields: Sequence[str],
    names: Sequence[str],
    who: str,
    what: str = "parity",
    remedy: str = "please report this with the model folder",
) -> None:
    """Hold what `who` says of windows against the interpreter, bit for bit.

    expected, got: field -> (n, ...), one row a window; `got` may end earlier. names: one per window, for the message.
    Raises HybridError naming the first window that differs.
    """
    for field in fields:
        own = got[field]
        different = (expected[field][: len(own)] != own).reshape(len(own), -1).any(axis=1)
        if different.any():
            raise HybridError(
                f"{what} failed: {field} of {int(different.sum())} of {len(own)} windows differs between the "
                f"interpreter and the {who}, first in {names[int(different.argmax())]}: {remedy}"
            )


def _check_trace(plan: Plan, pcm: np.ndarray, expected: interpret.Results, i: int, name: str) -> None:
    traced = interpret.trace(plan, pcm)
    same = traced.label == expected.label[i] and np.array_equal(traced.scores, expected.scores[i])
    if not (same and traced.cost == expected.cost[i] and traced.visits == expected.visits[i]):
        raise HybridError(f"parity failed: tile-by-tile evaluation of clip {name} differs: please report this")
