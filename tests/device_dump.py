"""Dumps of the counters of a plan's C, run on this machine."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from codegen.artifacts import write_code
from codegen.host import FLAGS, WARNINGS, compile_c
from codegen.plan import Plan

HARNESS = """\
#define {P}_IMPLEMENTATION
#include "{p}.h"
static {p}_context ctx;
static char *out;
static void put(void *user, char c) {{
  (void)user;
  *out++ = c;
}}
int32_t begin(void);
int32_t begin(void) {{
  {p}_init(&ctx);
  return (int32_t)(sizeof ctx.stats / sizeof(uint32_t));
}}
int32_t cost_and_label(const int16_t *pcm, int32_t n, uint32_t *cost, int32_t *label);
int32_t cost_and_label(const int16_t *pcm, int32_t n, uint32_t *cost, int32_t *label) {{
  int32_t decided = 0;
#ifdef {P}_STREAM
  {p}_push(&ctx, pcm, (size_t)n);
  decided = {p}_ready(&ctx);
  if (decided) {{
    const {p}_result r = {p}_decide(&ctx);
    *cost = r.cost;
    *label = r.label;
  }}
#else
  for (; decided < n; decided++) {{
    const {p}_result r = {p}_classify(&ctx, pcm + (size_t)decided * {P}_WINDOW);
    cost[decided] = r.cost;
    label[decided] = r.label;
  }}
#endif
  return decided;
}}
int32_t dump(char *text);
int32_t dump(char *text) {{
  out = text;
  {p}_stats_dump(&ctx, put, NULL);
  return (int32_t)(out - text);
}}
void fill(uint32_t value);
void fill(uint32_t value) {{
  uint32_t *words = (uint32_t *)&ctx.stats;
  for (size_t i = 0; i < sizeof ctx.stats / sizeof *words; i++) words[i] = value;
}}
"""


class Device:
    """A plan's C with HYB_STATS, built with every warning an error."""

    def __init__(self, plan: Plan, folder: Path, *more: str) -> None:
        write_code(plan, folder)
        (folder / "device.c").write_text(HARNESS.format(p=plan.name, P=plan.name.upper()), encoding="utf-8")
        flags = [*FLAGS, *WARNINGS, "-fno-strict-aliasing", "-DHYB_STATS", *more, "-shared", "-fPIC", f"-I{folder}"]
        compile_c([folder / "device.c"], folder / "device.so", flags)
        self.library = ctypes.CDLL(str(folder / "device.so"))
        self.library.begin()

    def run(self, pcm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decide windows int16 (n, samples), or (streaming) push int16 (n,) and decide: costs and labels."""
        pcm = np.ascontiguousarray(pcm, dtype=np.int16)
        cost, label = np.zeros(len(pcm), np.uint32), np.zeros(len(pcm), np.int32)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (pcm, cost, label)]
        decided = self.library.cost_and_label(pointers[0], len(pcm), *pointers[1:])
        return cost[:decided], label[:decided]

    def fill(self, value: int) -> None:
        """Set every counter."""
        self.library.fill(ctypes.c_uint32(value))

    def dump(self) -> str:
        """What `stats_dump` writes."""
        text = ctypes.create_string_buffer(1 << 20)
        size = self.library.dump(text)
        return text.raw[:size].decode("ascii")
