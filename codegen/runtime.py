"""The runtime header that is written beside every model: the headers of `firmware/include` in one file."""

from __future__ import annotations

import re
from importlib.resources import files

INCLUDE = re.compile(r'#include "(hyb_\w+\.h)"')


def runtime_header(name: str = "hyb_runtime.h") -> str:
    """A runtime header with the headers that it includes written in place, each once."""
    seen: set[str] = set()
    return "\n".join(_expand(name, seen)) + "\n"


def _expand(name: str, seen: set[str]) -> list[str]:
    seen.add(name)
    lines = []
    for line in (files("firmware") / "include" / name).read_text("utf-8").splitlines():
        found = INCLUDE.match(line)
        if found is None:
            lines.append(line)
        elif found[1] not in seen:
            lines += _expand(found[1], seen)
    return lines
