"""Generated C on the host: find a compiler, build a header into a shared library, run decisions through it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FLAGS = ("-std=c99", "-O2")
WARNINGS = (
    "-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wshadow", "-Wundef", "-Wstrict-prototypes",
    "-Wdouble-promotion",
)  # fmt: skip


class CompilerError(RuntimeError):
    """No compiler, or one that refused the generated C. The message says which and what to do."""


def find_compiler(name: str | None = None) -> list[str]:
    """The command of a C compiler: `name`, $HYBRID_CC, gcc, clang, cc, or the `ziglang` wheel.

    Raises CompilerError with the remedy if there is none.
    """
    wanted = name or os.environ.get("HYBRID_CC")
    if wanted and wanted != "zig":
        try:
            command = shlex.split(wanted)
        except ValueError as error:
            raise CompilerError(f"compiler {wanted!r} cannot be read as a command ({error})") from None
        if not command or shutil.which(command[0]) is None:
            raise CompilerError(f"compiler {wanted!r} was not found: install it or choose another one")
        return command
    for candidate in () if wanted else ("gcc", "clang", "cc"):
        if shutil.which(candidate):
            return [candidate]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise CompilerError("no C compiler was found: pip install ziglang, or install gcc or clang")


def compile_c(sources: Sequence[Path], target: Path, flags: Sequence[str], compiler: str | None = None) -> list[str]:
    """Compile to `target`; returns the command. Raises CompilerError with the compiler's first error."""
    command = [*find_compiler(compiler), *flags, "-o", str(target), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr.strip()[-400:]]
        raise CompilerError(f"{shlex.join(command[:3])} ... failed: {errors[0]}")
    return command


def compiler_version(compiler: str | None = None) -> str:
    """First line of the compiler's own version text."""
    done = subprocess.run([*find_compiler(compiler), "--version"], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0].strip() if (done.stdout or done.stderr) else "unknown"


@dataclass(frozen=True, eq=False)
class NativeResults:
    """What the C said, one row a window. scores (n, classes); computes and hits (n, maps); the rest (n,)."""

    label: np.ndarray
    stage: np.ndarray
    margin: np.ndarray
    cost: np.ndarray
    visits: np.ndarray
    scores: np.ndarray
    computes: np.ndarray
    hits: np.ndarray


HARNESS = """\
#define HYB_TRACE
#define {P}_EAGER
#define {P}_WITHIN
#define {P}_IMPLEMENTATION
#include "{p}.h"
#ifdef __cplusplus
extern "C" {{
int32_t hyb_host_sizes(int32_t which);
void hyb_host_run(const int16_t *pcm, int32_t n, int32_t how, uint32_t budget, int32_t *rows, int32_t *scores,
                  uint32_t *computes, uint32_t *hits);
}}
#endif
static {p}_context ctx;
int32_t hyb_host_sizes(int32_t which) {{
  const int32_t sizes[4] = {{{P}_CLASSES, {P}_MAPS, {P}_WINDOW, {P}_STAGES}};
  return sizes[which];
}}
void hyb_host_run(const int16_t *pcm, int32_t n, int32_t how, uint32_t budget, int32_t *rows, int32_t *scores,
                  uint32_t *computes, uint32_t *hits) {{
  {p}_init(&ctx);
  for (int32_t i = 0; i < n; i++) {{
    const int16_t *x = pcm + (size_t)i * {P}_WINDOW;
    const {p}_result r = how == 2   ? {p}_decide_within(&ctx, x, budget)
                         : how == 1 ? {p}_classify_eager(&ctx, x)
                                    : {p}_classify(&ctx, x);
    int32_t *row = rows + 5 * (size_t)i;
    row[0] = r.label;
    row[1] = r.stage;
    row[2] = r.margin;
    row[3] = (int32_t)r.cost;
    row[4] = (int32_t)ctx.visits;
    memcpy(scores + (size_t)i * {P}_CLASSES, ctx.scores, sizeof ctx.scores);
    memcpy(computes + (size_t)i * {P}_MAPS, ctx.computes, sizeof ctx.computes);
    memcpy(hits + (size_t)i * {P}_MAPS, ctx.hits, sizeof ctx.hits);
  }}
}}
"""


STREAM_HARNESS = """\
#define HYB_TRACE
#define {P}_STREAM
#define {P}_WITHIN
#define {P}_IMPLEMENTATION
#include "{p}.h"
#ifdef __cplusplus
extern "C" {{
int32_t hyb_host_sizes(int32_t which);
void hyb_host_init(void);
void hyb_host_push(const int16_t *pcm, int32_t n);
int32_t hyb_host_ready(void);
int32_t hyb_host_centred(int32_t frames);
void hyb_host_decide(int32_t within, uint32_t budget, int32_t *row, int32_t *scores, uint32_t *computes,
                     uint32_t *hits);
}}
#endif
static {p}_context ctx;
int32_t hyb_host_sizes(int32_t which) {{
  const int32_t sizes[4] = {{{P}_CLASSES, {P}_MAPS, {P}_HOP, {P}_FRAMES}};
  return sizes[which];
}}
void hyb_host_init(void) {{ {p}_init(&ctx); }}
void hyb_host_push(const int16_t *pcm, int32_t n) {{ {p}_push(&ctx, pcm, (size_t)n); }}
int32_t hyb_host_ready(void) {{ return {p}_ready(&ctx); }}
int32_t hyb_host_centred(int32_t frames) {{ return {p}_centred(&ctx, frames); }}
void hyb_host_decide(int32_t within, uint32_t budget, int32_t *row, int32_t *scores, uint32_t *computes,
                     uint32_t *hits) {{
  const {p}_result r = within ? {p}_decide_within(&ctx, budget) : {p}_decide(&ctx);
  row[0] = r.label;
  row[1] = r.stage;
  row[2] = r.margin;
  row[3] = (int32_t)r.cost;
  row[4] = (int32_t)ctx.visits;
  memcpy(scores, ctx.scores, sizeof ctx.scores);
  memcpy(computes, ctx.computes, sizeof ctx.computes);
  memcpy(hits, ctx.hits, sizeof ctx.hits);
}}
"""


def _load(harness: str, folder: Path, name: str, compiler: str | None, flags: Sequence[str]) -> ctypes.CDLL:
    """The harness around the header, compiled into a library and loaded."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        source, library = Path(scratch) / "harness.c", Path(scratch) / "model.so"
        source.write_text(harness.format(p=name, P=name.upper()), encoding="utf-8")
        compile_c([source], library, [*flags, "-shared", "-fPIC", f"-I{folder}"], compiler)
        return ctypes.CDLL(str(library))


@dataclass(frozen=True, eq=False)
class NativeDecision:
    """What the C said of one window of a stream. scores int32 (classes,); computes and hits uint32 (maps,)."""

    label: int
    stage: int
    margin: int
    cost: int
    visits: int
    scores: np.ndarray
    computes: np.ndarray
    hits: np.ndarray


class NativeStream:
    """A generated header, compiled for this machine to run over a stream with its counters on."""

    def __init__(
        self, folder: Path, name: str, compiler: str | None = None, flags: Sequence[str] = FLAGS,
        keep_samples: bool = False,
    ) -> None:  # fmt: skip
        """folder: holds `<name>.h` and the runtime header; keep_samples: compute costly frames when they are asked for.

        Raises CompilerError, also if the model cannot stream.
        """
        kept = [f"-D{name.upper()}_KEEP_SAMPLES"] * keep_samples
        self._library = _load(STREAM_HARNESS, folder, name, compiler, [*flags, *kept])
        sizes = [int(self._library.hyb_host_sizes(i)) for i in range(4)]
        self.classes, self.maps, self.hop, self.frames = sizes
        self.reset()

    def reset(self) -> None:
        """Begin anew, as if nothing had been pushed."""
        self._library.hyb_host_init()

    def push(self, pcm: np.ndarray) -> None:
        """Take samples, int16 (n,), any n."""
        pcm = np.ascontiguousarray(pcm, dtype=np.int16)
        self._library.hyb_host_push(ctypes.c_void_p(pcm.ctypes.data), len(pcm))

    def push_nothing(self, n: int) -> None:
        """Call push with NULL for the samples."""
        self._library.hyb_host_push(None, n)

    @property
    def ready(self) -> bool:
        """Whether a whole window of frames has been pushed."""
        return bool(self._library.hyb_host_ready())

    def centred(self, frames: int = 1) -> bool:
        """Whether that is so and those placed around the sound lie at least `frames` from both its ends."""
        return bool(self._library.hyb_host_centred(frames))

    def decide(self, budget: int | None = None) -> NativeDecision:
        """Decide the last whole window, inside a budget of instructions if there is one."""
        row, scores = np.zeros(5, np.int32), np.zeros(self.classes, np.int32)
        computes, hits = np.zeros(self.maps, np.uint32), np.zeros(self.maps, np.uint32)
        limit = ctypes.c_uint32(budget or 0)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (row, scores, computes, hits)]
        self._library.hyb_host_decide(int(budget is not None), limit, *pointers)
        label, stage, margin, cost, visits = row.tolist()
        return NativeDecision(label, stage, margin, cost % 2**32, visits, scores, computes, hits)


class NativeModel:
    """A generated header, compiled for this machine with its counters on."""

    def __init__(self, folder: Path, name: str, compiler: str | None = None, flags: Sequence[str] = FLAGS) -> None:
        """folder: holds `<name>.h` and the runtime header. Raises CompilerError."""
        self._library = _load(HARNESS, folder, name, compiler, flags)
        sizes = [int(self._library.hyb_host_sizes(i)) for i in range(4)]
        self.classes, self.maps, self.window, self.stages = sizes

    def run(self, pcm: np.ndarray, eager: bool = False, budget: int | None = None) -> NativeResults:
        """Decide windows, int16 (n, window), lazily, eagerly or inside a budget. Raises ValueError for a shape."""
        if pcm.ndim != 2 or pcm.shape[1] != self.window:
            raise ValueError(f"windows must have {self.window} samples, not shape {pcm.shape}")
        pcm = np.ascontiguousarray(pcm, dtype=np.int16)
        n = len(pcm)
        rows, scores = np.zeros((n, 5), np.int32), np.zeros((n, self.classes), np.int32)
        computes, hits = np.zeros((n, self.maps), np.uint32), np.zeros((n, self.maps), np.uint32)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (rows, scores, computes, hits)]
        how = 2 if budget is not None else int(eager)
        limit = ctypes.c_uint32(budget or 0)
        self._library.hyb_host_run(ctypes.c_void_p(pcm.ctypes.data), n, how, limit, *pointers)
        return NativeResults(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4], scores, computes, hits)
