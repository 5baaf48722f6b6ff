"""Compile C text for this machine with whichever compilers are there. Knows the firmware headers, nothing of hybrid."""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[1] / "firmware" / "include"
WARNINGS = (
    "-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wshadow", "-Wundef", "-Wdouble-promotion",
)  # fmt: skip
C99 = ("-std=c99", "-Wstrict-prototypes", *WARNINGS)
CPP11 = ("-x", "c++", "-std=c++11", *WARNINGS)


@functools.cache
def compilers() -> dict[str, tuple[str, ...]]:
    """Name -> command of every C compiler found; the first one is used where any will do."""
    found = {name: (name,) for name in ("gcc", "clang") if shutil.which(name)}
    if importlib.util.find_spec("ziglang"):
        found["zig"] = (sys.executable, "-m", "ziglang", "cc")
    return found


@functools.cache
def workspace() -> Path:
    """A folder for compiled files that goes when the tests end."""
    folder = tempfile.mkdtemp(prefix="hybrid-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def compile_to(kind: str, source: str, flags: Sequence[str] = (), compiler: str | None = None) -> Path:
    """Compile to a 'so', an 'exe' or an 'o' file. Raises AssertionError with the compiler's messages."""
    name = compiler or next(iter(compilers()))
    options = {"so": ("-shared", "-fPIC"), "exe": (), "o": ("-c",)}[kind]
    tag = hashlib.sha256(repr((kind, source, tuple(flags), name)).encode()).hexdigest()[:16]
    target, text = workspace() / f"{tag}.{kind}", workspace() / f"{tag}.c"
    if not target.exists():
        text.write_text(source, encoding="utf-8")
        command = [*compilers()[name], *flags, *options, f"-I{INCLUDE}", "-o", str(target), str(text)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return target


def compile_shared(source: str, flags: Sequence[str] = ()) -> ctypes.CDLL:
    """`source` as a loaded shared library, optimised unless `flags` say otherwise."""
    return ctypes.CDLL(str(compile_to("so", source, ("-O2", "-std=c99", *flags))))


def run_program(source: str, data: bytes, flags: Sequence[str] = (), compiler: str | None = None) -> bytes:
    """Build `source` with `flags`, feed it `data`, and return what it prints. Raises AssertionError if it fails."""
    program = compile_to("exe", source, flags, compiler)
    done = subprocess.run([str(program)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout
