"""Result folders that are replaced whole: written aside, then renamed, so that a failure leaves what stood before."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid.errors import HybridError
from hybrid.model_file import JSON_NAME


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; when the block ends well it takes the place of `target`.

    Files in an older `target` that the new folder does not have are kept. On any exception, Ctrl-C too, `target` stays
    as it was and nothing is left beside it. Raises HybridError if the folder cannot be written.
    """
    check_writable(target)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        os.chmod(aside, 0o755)
        yield aside
        _swap(aside, target)
    except OSError as error:
        raise HybridError(f"cannot write {target}: {error.strerror or error}: free space or choose --out") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_writable(target: Path) -> None:
    """Raise HybridError unless `target` can be created, or is an empty folder or an older result."""
    if target.is_dir() and any(target.iterdir()) and not (target / JSON_NAME).exists():
        raise HybridError(f"{target} is a folder with other files in it: choose an empty or new folder with --out")
    if target.exists() and not target.is_dir():
        raise HybridError(f"{target} is a file: choose another folder with --out")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise HybridError(
            f"cannot write to {target.parent}: {error.strerror}: choose another folder with --out"
        ) from error


def _swap(aside: Path, target: Path) -> None:
    if not target.exists():
        os.replace(aside, target)
        return
    for entry in target.iterdir():
        if not (aside / entry.name).exists():
            (shutil.copytree if entry.is_dir() else shutil.copy2)(entry, aside / entry.name)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.old.", dir=target.parent) as old:
        kept = Path(old) / "result"
        os.replace(target, kept)
        try:
            os.replace(aside, target)
        except OSError:
            os.replace(kept, target)
            raise
