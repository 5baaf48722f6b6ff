"""A cache of arrays, keyed by content: safe to delete at any time, and never a reason to fail."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]

_DEFAULT_GIGABYTES = 10.0
# Everything that a cut, overwritten or foreign file was seen to raise in numpy.load.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


class CacheWarning(UserWarning):
    """The cache could not be written (full disk, no permission): the result is right, but not kept."""


def cache_folder() -> Path:
    """``$HYBRID_CACHE``, or ``hybrid`` in the XDG cache folder."""
    named = os.environ.get("HYBRID_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hybrid"


def cached(key_parts: Sequence[object], compute: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
    """The arrays that `compute` gives, from the cache where they were computed before under the same `key_parts`.

    key_parts: what the result depends on, as JSON can write it (version numbers of the code included).
    A damaged entry is computed again. Failure to write only warns (`CacheWarning`). Files never hold pickles: TypeError
    where `compute` gives an array of objects.
    """
    path = _entry(key_parts)
    found = _read(path)
    if found is not None:
        return found
    arrays = {name: np.asarray(array) for name, array in compute().items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name} has dtype {array.dtype}: only arrays without Python objects can be cached")
    try:
        _write(path, arrays)
        prune(path.parent, keep=path)
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.warn(f"{path.parent}: cache not written ({reason}): set HYBRID_CACHE", CacheWarning, stacklevel=2)
    return arrays


def prune(folder: Path, keep: Path | None = None) -> None:
    """Remove the entries of `folder` used longest ago until it is within ``$HYBRID_CACHE_GB`` (10 by default)."""
    entries = sorted(((e.stat().st_mtime, e.stat().st_size, e) for e in folder.glob("*.npz")), reverse=True)
    left = _limit_bytes()
    for _, size, path in entries:
        left -= size
        if left < 0 and path != keep:
            path.unlink(missing_ok=True)


def _limit_bytes() -> float:
    with contextlib.suppress(ValueError):
        return 1e9 * float(os.environ.get("HYBRID_CACHE_GB", ""))
    return 1e9 * _DEFAULT_GIGABYTES


def _entry(key_parts: Sequence[object]) -> Path:
    text = json.dumps(list(key_parts), sort_keys=True)
    return cache_folder() / f"{hashlib.blake2b(text.encode(), digest_size=20).hexdigest()}.npz"


def _read(path: Path) -> Arrays | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except _DAMAGE:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # recently used: `prune` keeps it
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Written aside and renamed, so that a reader or a crash never meets half an entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
