"""Result folders that are replaced whole: written aside, then renamed, so that a failure leaves what stood before."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codegen.header import HEADER
from hybrid.errors import HybridError
from hybrid.model_file import ARRAYS_NAME, JSON_NAME

WRITTEN = (JSON_NAME, ARRAYS_NAME, HEADER, "example_main.c", "report.json", "report.html", "dense")
"""What a result holds beside `<name>.h` and `<name>_vectors.h`."""


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; when the block ends well it takes the place of `target`.

    Of an older `target` only files that no result holds are kept: the user's own. On any exception, Ctrl-C too,
    `target` stays as it was and nothing is left beside it. Raises HybridError if the folder cannot be written.
    """
    check_writable(target)
    real = target.resolve()  # a link stays, what it points to is replaced
    made = [p for p in real.parents if not p.exists()]
    aside = None
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{real.name}.", dir=real.parent))
        os.chmod(aside, 0o755)
        yield aside
        _swap(aside, real)
    except OSError as error:
        raise HybridError(f"cannot write {target}: {error.strerror or error}: free space or choose --out") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        if not real.exists():
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()


def check_writable(target: Path) -> None:
    """Raise HybridError unless `target` can be created, or is an empty folder or an older result."""
    remedy = "choose another folder with --out"
    try:
        real = target.resolve()
        if real.exists() and not real.is_dir():
            raise HybridError(f"{target} is a file: {remedy}")
        if real.is_dir() and any(real.iterdir()) and not (real / JSON_NAME).exists():
            raise HybridError(f"{target} is a folder with other files in it: choose an empty or new folder with --out")
        if real.is_mount() or Path.cwd().is_relative_to(real):
            raise HybridError(f"{target} is the current folder or a mount point: name a folder inside it with --out")
        with tempfile.TemporaryFile(dir=next(p for p in real.parents if p.exists())):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        raise HybridError(f"cannot write {target}: {reason}: {remedy}") from error


def _swap(aside: Path, target: Path) -> None:
    if not target.exists():
        os.replace(aside, target)
        return
    written = _written(target)
    for entry in target.iterdir():
        if entry.name not in written and not (aside / entry.name).exists():
            _copy(entry, aside / entry.name)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.old.", dir=target.parent) as old:
        kept = Path(old) / "result"
        try:
            os.replace(target, kept)
            os.replace(aside, target)
        except BaseException:  # Ctrl-C between the two, as well
            if kept.exists() and not target.exists():
                os.replace(kept, target)
            raise


def _copy(entry: Path, to: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, to, symlinks=True)
    else:
        shutil.copy2(entry, to, follow_symlinks=False)


def _written(target: Path) -> set[str]:
    """Names of the files that an earlier run wrote; a new result must not stand among parts of an old one."""
    try:
        name = json.loads((target / JSON_NAME).read_text("utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set(WRITTEN)
    return {*WRITTEN, f"{name}.h", f"{name}_vectors.h"}
