"""The compilers of this machine, and a sanitized run of a generated header."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from codegen.host import FLAGS, compile_c

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)] + ["zig"]
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")


@lru_cache(maxsize=1)
def sanitizers_work() -> bool:
    """Whether gcc or clang can link and run a program with its sanitizers."""
    if COMPILERS[0] == "zig":
        return False
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "a.c", Path(folder) / "a"
        source.write_text("int main(void) { return 0; }\n")
        try:
            compile_c([source], program, SANITIZE, COMPILERS[0])
        except RuntimeError:
            return False
        return subprocess.run([program], check=False).returncode == 0


MAIN = """\
#include <stdio.h>
#define {P}_IMPLEMENTATION
#include "{p}.h"
static {p}_context ctx;
static int16_t pcm[{P}_WINDOW];
int main(int argc, char **argv) {{
  FILE *file = fopen(argv[argc - 1], "rb");
  {p}_init(&ctx);
  while (fread(pcm, sizeof pcm, 1, file) == 1) {{
    const {p}_result r = {p}_classify(&ctx, pcm);
    printf("%d %u\\n", (int)r.label, (unsigned)r.cost);
  }}
  fclose(file);
  return 0;
}}
"""


def run_sanitized(plan, pcm: np.ndarray, folder: Path) -> list[str]:
    """Lines 'label cost' of every window from a program built with address and undefined-behaviour sanitizers."""
    (folder / "main.c").write_text(MAIN.format(p=plan.name, P=plan.name.upper()))
    (folder / "pcm.raw").write_bytes(pcm.astype("<i2").tobytes())
    compile_c([folder / "main.c"], folder / "main", [*FLAGS, *SANITIZE, f"-I{folder}"], COMPILERS[0])
    done = subprocess.run([folder / "main", folder / "pcm.raw"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()
