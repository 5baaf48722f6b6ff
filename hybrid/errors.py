"""Errors that a user can cause, each told in one line: what is wrong, where, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable


class HybridError(Exception):
    """Something that the user can put right. The command line prints ``hybrid: error: <message>`` and exits with 2.

    The message is one line whatever it quotes: line breaks and undecodable bytes of a file name are escaped here, so
    that no caller has to think of them.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class DataError(HybridError):
    """Recordings, labels, splits or folders that cannot be used as they are."""


def one_line(text: str) -> str:
    """`text` with line breaks and lone surrogates (undecodable file names) escaped."""
    printable = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return printable.replace("\r", "\\r").replace("\n", "\\n")


def few(items: Iterable[object], limit: int = 5) -> str:
    """The first `limit` items, comma separated, and how many more there are: ``a, b and 7 more``."""
    texts = [str(item) for item in items]
    shown = ", ".join(texts[:limit])
    return shown if len(texts) <= limit else f"{shown} and {len(texts) - limit} more"
