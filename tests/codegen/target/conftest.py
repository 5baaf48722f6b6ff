"""C snippets linked for emulated cores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from codegen.target.cores import find_core
from codegen.target.cross import link
from codegen.target.image import Image, read_image

ENTRY = '#define ENTRY __attribute__((section(".entry"), used, noinline))\n#include <stdint.h>\n'


@pytest.fixture(scope="session")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Image]:
    """`linked(source, core)`: the image of C whose ENTRY functions are kept, by zig; each only once."""

    @cache
    def build(source: str, core: str, compiler: str = "zig") -> Image:
        folder: Path = tmp_path_factory.mktemp("image")
        (folder / "source.c").write_text(ENTRY + source)
        link([folder / "source.c"], folder / "program.elf", find_core(core), compiler)
        return read_image(folder / "program.elf")

    return build
