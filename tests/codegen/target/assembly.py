"""Functions of known instructions."""

from __future__ import annotations


def naked(name: str, body: str) -> str:
    """A C function that is just these instructions."""
    lines = "".join(f'"{line.strip()}\\n"' for line in body.strip().split("\n"))
    head = f"int {name}(int a, int b)"
    return f"__attribute__((naked)) ENTRY {head};\n{head} {{ __asm__ volatile({lines}); }}\n"
