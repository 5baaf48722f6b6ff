"""The folder layouts that are understood, one module each.

A layout is a module with
    NAME      as `--layout` and reports spell it
    OPTIONS   the names in `Options` that only some layouts know and this one does
    matches(root) -> bool             cheap, and false for the other layouts' folders
    read(root, options) -> Corpus     clips with labels and groups; split None where the layout names none (it is drawn)
To add one, write the module and name it in `LAYOUTS`: the first that matches is taken, so the fallback stands last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from hybrid.data.corpus import Corpus
from hybrid.data.layouts import class_folders, esc, fsdd, manifest, split_folders, urbansound8k
from hybrid.data.options import Options
from hybrid.errors import DataError


class Layout(Protocol):
    """What a layout module offers."""

    NAME: str
    OPTIONS: frozenset[str]

    def matches(self, root: Path) -> bool: ...

    def read(self, root: Path, options: Options) -> Corpus: ...


LAYOUTS: tuple[Layout, ...] = (manifest, urbansound8k, esc, fsdd, split_folders, class_folders)

_PARTICULAR = ("test_fold", "validation_fold", "leave_out", "test_takes", "subset")


def find_layout(root: Path, name: str | None = None) -> Layout:
    """The layout of that name, or the first one that matches `root`.

    DataError: no layout of that name, or no layout fits.
    """
    names = ", ".join(layout.NAME for layout in LAYOUTS)
    if name is not None:
        named = {layout.NAME: layout for layout in LAYOUTS}
        if name not in named:
            raise DataError(f"no layout '{name}': choose one of {names}")
        if not named[name].matches(root):
            raise DataError(f"{root}: not laid out as {name}: leave --layout out, or check the folder")
        return named[name]
    for layout in LAYOUTS:
        if layout.matches(root):
            return layout
    raise DataError(f"{root}: no known layout ({names}): put one folder of recordings per class in it")


def check_options(layout: Layout, options: Options) -> None:
    """DataError where the user chose something that this layout knows nothing of: it must not pass unheard."""
    for name in _PARTICULAR:
        if getattr(options, name) is not None and name not in layout.OPTIONS:
            able = ", ".join(other.NAME for other in LAYOUTS if name in other.OPTIONS)
            raise DataError(f"{name} means nothing for the layout {layout.NAME} (only for {able}): leave it out")
