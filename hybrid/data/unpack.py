"""Unpacking archives that came from elsewhere, without letting them write outside their folder."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from hybrid.errors import DataError

_BLOCK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or a (compressed) .tar into `folder`: its files and folders, not their owners and modes.

    DataError: damaged, of another kind, or with a member that is a link or device or would land outside `folder`.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                for entry in file.infolist():
                    _check(archive, entry.filename, plain=not stat.S_ISLNK(entry.external_attr >> 16))
                file.extractall(folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as file:
                _unpack_tar(archive, file, folder)
        else:
            raise DataError(f"{archive}: neither a zip nor a tar archive: remove it and download it again")
    except (*_DAMAGE, OSError) as error:
        # gzip tells damage by plain OSErrors; those of the disk carry a number and are the caller's
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{archive}: damaged archive ({error}): remove it and download it again") from None


def _unpack_tar(archive: Path, file: tarfile.TarFile, folder: Path) -> None:
    """Write the members out by hand: Python 3.11.0 to 3.11.3 have no extraction filter."""
    for member in file:
        _check(archive, member.name, plain=member.isfile() or member.isdir())
        path = folder / member.name
        content = file.extractfile(member)
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as out:
            shutil.copyfileobj(content, out, _BLOCK)
    # tarfile stops at the last whole member; reading on makes the decompressor check the end of its data
    assert file.fileobj is not None
    while file.fileobj.read(_BLOCK):
        pass


def _check(archive: Path, name: str, plain: bool) -> None:
    """Refuse a member that is not a plain file or folder, or whose name leads elsewhere."""
    path = PurePosixPath(name.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]
    if outside or not plain:
        raise DataError(f"{archive}: unsafe archive (member '{name}'): nothing is kept of it: do not use it")
