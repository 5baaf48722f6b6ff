"""Reports as plain JSON values: finite numbers, text that can be encoded, nothing of numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """`value` in JSON types. Numbers that are not finite become None, so that one NaN never costs a report.

    Raises TypeError for what JSON cannot say.
    """
    if isinstance(value, Mapping):
        return {text(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, (str, PurePath)):
        return text(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    raise TypeError(f"a report cannot hold a {type(value).__name__}")


def text(value: str) -> str:
    r"""`value` with lone surrogates (undecodable file names) and control characters spelled out, as ``\x07``."""
    encodable = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\n\t" or ord(c) > 0x9F else f"\\x{ord(c):02x}" for c in encodable)
