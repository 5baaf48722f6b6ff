"""Unpacking archives that came from elsewhere, without letting them write outside their folder."""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from hybrid.errors import DataError

_BLOCK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or a (compressed) .tar into `folder`.

    DataError: damaged, of another kind, or with a member that is a link or device or would land outside `folder`.
    """
    if not hasattr(tarfile, "data_filter"):  # Python 3.11.0 to 3.11.3
        raise DataError(f"{archive}: this Python cannot unpack tar archives safely: use Python 3.11.4 or later")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                _check_names(archive, file.infolist())
                file.extractall(folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
                # tarfile stops at the last whole member; reading on makes the decompressor check the end of its data
                while file.fileobj.read(_BLOCK):
                    pass
        else:
            raise DataError(f"{archive}: neither a zip nor a tar archive: remove it and download it again")
    except tarfile.FilterError as error:
        raise DataError(f"{archive}: unsafe archive ({error}): nothing more is unpacked: do not use it") from None
    except (*_DAMAGE, OSError) as error:
        # gzip tells damage by plain OSErrors; those of the disk carry a number and are the caller's
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{archive}: damaged archive ({error}): remove it and download it again") from None


def _check_names(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(
                f"{archive}: unsafe archive (member '{member.filename}'): nothing is unpacked: do not use it"
            )
