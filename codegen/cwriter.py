"""A small C text writer: lines, blocks and tables. It knows C, and nothing of graphs or forests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

C_TYPES = {
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
}
LINE = 118


class CWriter:
    """Collects lines of C. The same calls give the same bytes."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        """One line at the present indentation; preprocessor lines stay at the margin."""
        indent = "" if text.startswith("#") or not text else "  " * self._depth
        self._lines.append(indent + text)

    def lines(self, texts: Iterable[str]) -> None:
        """Several lines."""
        for text in texts:
            self.line(text)

    def comment(self, *texts: str) -> None:
        """A comment, one line per text; what would end it early is defused."""
        safe = [t.replace("*/", "* /") for t in texts]
        if len(safe) == 1:
            self.line(f"/* {safe[0]} */")
            return
        self.line(f"/* {safe[0]}")
        for text in safe[1:]:
            self.line(f" * {text}")
        self.line(" */")

    @contextmanager
    def block(self, head: str, tail: str = "}") -> Iterator[None]:
        """`head {`, an indented body, `tail`; just `{` without a head."""
        self.line(f"{head} {{".lstrip())
        self._depth += 1
        yield
        self._depth -= 1
        self.line(tail)

    def table(self, name: str, array: np.ndarray, comment: str | None = None) -> None:
        """`static const TYPE name[N] = {...};` of a whole integer array, row-major, in flash."""
        if comment:
            self.comment(comment)
        c_type = C_TYPES[array.dtype.name]
        self.line(f"static const {c_type} {name}[{array.size}] = {{")
        self._numbers([integer(v, array.dtype.name) for v in array.ravel().tolist()])
        self.line("};")

    def _numbers(self, numbers: list[str]) -> None:
        row = " "
        for number in numbers:
            if len(row) + len(number) + 2 > LINE:
                self.line(row)
                row = " "
            row += f" {number},"
        self.line(row)

    def text(self) -> str:
        """Everything written, with a final newline."""
        return "\n".join(self._lines) + "\n"


def integer(value: int, dtype: str = "int32") -> str:
    """A C literal of exactly this value: -2147483648 has no plain literal, unsigned 32-bit values need a suffix."""
    if dtype == "uint32":
        return f"{value}u"
    if value == -(2**31):
        return "(-2147483647 - 1)"
    return str(value)


def c_string(text: str) -> str:
    """A C string literal of the UTF-8 bytes of `text`, with nothing that a compiler could read otherwise."""
    plain = {chr(c) for c in range(32, 127)} - set('"\\?')
    return '"' + "".join(ch if ch in plain else "".join(f"\\{b:03o}" for b in ch.encode()) for ch in text) + '"'
