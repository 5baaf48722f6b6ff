"""`hybrid export`: the model of a folder as a library for another build system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codegen.export import TARGETS, export
from hybrid import __version__
from hybrid.errors import HybridError
from hybrid.evaluate import load_model
from hybrid.output import replaced_folder

__all__ = ["TARGETS", "export_model"]


def export_model(folder: Path, target: str, out: Path) -> dict[str, Any]:
    """Write the model in `folder` as a library for `target` to `out`, which must not be there, or be empty.

    Written aside and renamed: on any failure nothing is left. Returns the target, the folder and its files. Raises
    HybridError.
    """
    if target not in TARGETS:
        raise HybridError(f"export target {target!r} is unknown: choose from {', '.join(TARGETS)}")
    plan = load_model(folder)[0].plan
    _check_free(out)
    with replaced_folder(out) as aside:
        written = export(plan, target, aside, __version__)
    return {"model": str(folder), "to": target, "out": str(out), "files": written}


def _check_free(out: Path) -> None:
    """A library may have been edited since it was written: nothing that is there is ever replaced."""
    try:
        if out.is_dir() and not any(out.iterdir()):
            return
        if not (out.exists() or out.is_symlink()):
            return
    except OSError as error:
        raise HybridError(f"{out}: {error.strerror or error}: choose another folder with --out") from None
    raise HybridError(f"{out} is there already: remove it, or choose a new folder with --out")
