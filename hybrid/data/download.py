"""Fetching the public sets: download, check, unpack, each written aside and renamed when it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from hybrid.data.unpack import unpack
from hybrid.errors import DataError

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Source:
    """Where a public set is fetched from.

    sha256 None: the host builds the archive on request and promises no fixed bytes, so no digest can be given here.
    What the first download got is then recorded beside the archive, and later downloads are held to that.
    """

    name: str
    url: str
    file: str  # the archive's name on disk
    inner: str  # the folder inside the archive that holds the set; '' for its top
    size: int | None  # bytes
    sha256: str | None
    licence: str


SOURCES = {
    source.name: source
    for source in (
        Source(
            "speech_commands",
            "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            "speech_commands_v0.02.tar.gz",
            "",
            2_428_923_189,
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
            "CC BY 4.0, P. Warden",
        ),
        Source(
            "fsdd",
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
            "free-spoken-digit-dataset-1.0.10.tar.gz",
            "free-spoken-digit-dataset-1.0.10",
            None,
            None,
            "CC BY-SA 4.0, Z. Jackson and others",
        ),
        Source(
            "esc50",
            "https://github.com/karolpiczak/ESC-50/archive/master.zip",
            "ESC-50-master.zip",
            "ESC-50-master",
            None,
            None,
            "CC BY-NC 3.0 (its ESC-10 part: CC BY 3.0), K. J. Piczak",
        ),
    )
}


def download(
    name: str | Source,
    root: str | Path,
    *,
    keep_archive: bool = False,
    show: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """Fetch a public set into ``root/<name>`` and return the folder to open; nothing is done where it is there already.

    name: one of `SOURCES`, or a `Source`. show: a progress bar. say: gets the lines a user should read (licence, and
    the digest that was recorded where none is known beforehand).
    DataError: unknown name, no network, a server's refusal, an incomplete or altered archive, one that would write
    outside its folder, no room on the disk.
    """
    source = _source(name)
    target = Path(root) / source.name
    if target.is_dir():
        return target / source.inner
    say(f"{source.name}: {source.url} ({source.licence})")
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        archive = fetch(source, Path(root), show=show, say=say)
        _unpack_aside(archive, target)
        if not keep_archive:
            archive.unlink()
    except OSError as error:
        raise DataError(f"{error.filename or root}: {error.strerror or error}: check room and access rights") from None
    return target / source.inner


def fetch(source: Source, folder: Path, *, show: bool = True, say: Callable[[str], None] = print) -> Path:
    """The archive of `source` in `folder`, checked against its digest; an archive already there is only checked."""
    archive = folder / source.file
    if archive.is_file():
        _check(source, archive, _digest(archive), say)
        return archive
    if not source.url.startswith(("https://", "http://")):
        raise DataError(f"{source.url}: not a web address: download the set by hand and open its folder")
    handle, aside = tempfile.mkstemp(dir=folder, prefix=f".{source.file}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _receive(source, file.write, show)
        _check(source, Path(aside), digest, say, archive)
        os.replace(aside, archive)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    return archive


def _source(name: str | Source) -> Source:
    if isinstance(name, Source):
        return name
    if name not in SOURCES:
        raise DataError(f"no public set '{name}': choose one of {', '.join(SOURCES)}")
    return SOURCES[name]


def _receive(source: Source, write: Callable[[bytes], object], show: bool) -> str:
    """Pass the bytes of `source` to `write`; their SHA-256. DataError for whatever the network does."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(source.url, timeout=_TIMEOUT_SECONDS) as answer:
            length = answer.headers.get("Content-Length")
            total = int(length) if length and length.isdecimal() else source.size
            received = 0
            with tqdm(total=total, unit="B", unit_scale=True, desc=source.file, disable=not show) as bar:
                while block := _read(answer):
                    write(block)
                    digest.update(block)
                    received += len(block)
                    bar.update(len(block))
    except _NetworkError as error:
        raise _unreachable(source, error.args[0]) from None
    except urllib.error.HTTPError as error:
        raise _unreachable(source, f"the server answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _unreachable(source, str(getattr(error, "reason", error)) or type(error).__name__) from None
    if total is not None and received < total:
        raise DataError(f"{source.url}: the connection ended after {received} of {total} bytes: try again")
    return digest.hexdigest()


class _NetworkError(Exception):
    """Reading failed, as opposed to writing: both raise OSError, and only one of them means a bad network."""


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(_BLOCK)
    except http.client.IncompleteRead as error:
        return error.partial
    except (OSError, http.client.HTTPException) as error:
        raise _NetworkError(str(error) or type(error).__name__) from None


def _unreachable(source: Source, reason: str) -> DataError:
    return DataError(
        f"{source.name} could not be downloaded from {source.url} ({reason}): check the network, or fetch it elsewhere "
        f"and open its folder"
    )


def _check(source: Source, file: Path, digest: str, say: Callable[[str], None], archive: Path | None = None) -> None:
    """DataError where `file` is not what is known of the archive; where nothing is known, its digest is recorded."""
    archive = archive or file
    if source.size is not None and file.stat().st_size != source.size:
        raise DataError(f"{archive}: {file.stat().st_size} bytes instead of {source.size}: remove it and try again")
    record = archive.with_name(archive.name + ".sha256")
    recorded = record.read_text(encoding="utf-8").split()[:1] if record.is_file() else []
    expected, told_by = (source.sha256, "published") if source.sha256 else ("".join(recorded), f"in {record.name}")
    if expected and digest != expected:
        raise DataError(
            f"{archive}: SHA-256 is {digest}, not {expected} ({told_by}): it is damaged or was changed: remove "
            f"it and try again" + ("" if source.sha256 else f", or remove {record.name} if the set has a new edition")
        )
    if not expected:
        record.write_text(f"{digest}  {archive.name}\n", encoding="utf-8")
        say(f"no digest of {archive.name} is known beforehand; this one was recorded in {record.name}: {digest}")


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack_aside(archive: Path, target: Path) -> None:
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        unpack(archive, aside)
        aside.chmod(0o755)  # mkdtemp makes it private; the set is not
        aside.rename(target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
