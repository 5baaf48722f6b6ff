"""Numbers as people read them, each with its unit. What is missing or no number is shown as a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DASH = "–"
SPACE = "\u00a0"  # between a number and its unit: they stay on one line
MINUS = "\u2212"
MOST = 1e300
UNIT = "instructions"


def number(value: Any) -> float | None:
    """`value` where it is a number that a report can show, else None: neither NaN nor beyond MOST."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) <= MOST else None


def significant(value: float, digits: int = 3) -> str:
    """`value` to so many significant digits, never in exponents, whole digits never dropped: 0.182, 12.3, 1,234."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}"


def count(value: Any) -> str:
    """A count or the mean of counts: ``1,234``, ``12.3``, ``0.04``."""
    found = number(value)
    if found is None:
        return DASH
    return f"{found:,.0f}" if found == int(found) else significant(found)


def scale(value: float) -> tuple[float, str]:
    """What to divide a cost by, and the prefix of its unit then: (1e6, "M")."""
    for least, divisor, prefix in ((1e8, 1e9, "G"), (1e5, 1e6, "M"), (1e3, 1e3, "k")):
        if abs(value) >= least:
            return divisor, prefix
    return 1.0, ""


def amount(value: Any, unit: str = UNIT, like: Any = None) -> str:
    """A cost: ``950 instructions``, ``18.2 k MAC``, ``0.182 M MAC``; scaled as `like` is, unless it is much smaller."""
    found, other = number(value), number(like)
    if found is None:
        return DASH
    divisor, prefix = scale(found)
    if other is not None and abs(found) >= scale(other)[0] / 100:
        divisor, prefix = scale(other)
    shown = significant(found / divisor) if prefix else count(found)
    return SPACE.join(filter(None, (shown, prefix, unit)))


def fixed(value: Any, decimals: int = 1) -> str:
    """A mean to so many decimals, as columns of them want it: ``71.0``."""
    found = number(value)
    return DASH if found is None else f"{found:,.{decimals}f}"


def size(value: Any) -> str:
    """Bytes: ``532 B``, ``23.4 kB``, ``1.23 MB``; 1 kB is 1000 bytes."""
    found = number(value)
    if found is None:
        return DASH
    for least, prefix in ((1e6, "M"), (1e3, "k")):
        if abs(found) >= least:
            return f"{significant(found / least)}{SPACE}{prefix}B"
    return f"{count(found)}{SPACE}B"


def percent(value: Any, decimals: int = 1) -> str:
    """A share of 0..1: ``91.2 %``. Never 0 % for something or 100 % for less than all."""
    found = _in_percent(value)
    if found is None:
        return DASH
    step = 10.0**-decimals
    if 0 < found < step / 2:
        return f"<{SPACE}{step:g}{SPACE}%"
    if 100 - step / 2 < found < 100:
        return f">{SPACE}{100 - step:g}{SPACE}%"
    return f"{found:.{decimals}f}{SPACE}%"


def _in_percent(share: Any) -> float | None:
    """A hundred times `share`, where that is a finite number."""
    found = number(share)
    return None if found is None else number(found * 100.0)


def interval(value: Any) -> str:
    """Two shares in per cent: ``(89.1–93.0)``; empty where there is none."""
    if not isinstance(value, (list, tuple)) or len(value) != 2 or None in map(number, value):
        return ""
    return f"({value[0] * 100:.1f}–{value[1] * 100:.1f})"


def accuracy(value: Any) -> str:
    """The accuracy of a split with its interval: ``91.2 % (89.1–93.0)``."""
    if not isinstance(value, Mapping):
        return DASH
    return " ".join(filter(None, (percent(value.get("accuracy")), interval(value.get("interval")))))


def points(value: Any) -> str:
    """A difference of two shares in percentage points, signed: ``+0.8 points``."""
    found = _in_percent(value)
    return DASH if found is None else f"{_signed(found, '.1f')}{SPACE}points"


def change(new: Any, old: Any) -> str:
    """How much `new` is above or below `old`, signed: ``−38 %``."""
    after, before = number(new), number(old)
    share = _in_percent(after / before - 1) if after is not None and before else None
    if share is None:
        return DASH
    return f"{_signed(share, '.1f' if abs(share) < 10 else ',.0f')}{SPACE}%"


def _signed(value: float, form: str) -> str:
    shown = format(abs(value), form)
    if not shown.strip("0."):
        return f"±{shown}"
    return (MINUS if value < 0 else "+") + shown


def duration(value: Any) -> str:
    """Seconds: ``0.31 s``, ``75.2 s``, ``12 min 34 s``, ``2 h 05 min``."""
    found = number(value)
    if found is None:
        return DASH
    if found < 120:
        return f"{found:.3g}{SPACE}s" if found < 99.95 else f"{found:.0f}{SPACE}s"
    whole = round(found)
    if whole < 7200:
        return f"{whole // 60}{SPACE}min {whole % 60:02d}{SPACE}s"
    return f"{whole // 3600}{SPACE}h {whole % 3600 // 60:02d}{SPACE}min"


def rate(value: Any) -> str:
    """A sampling rate: ``16 kHz``, ``22.05 kHz``, ``500 Hz``."""
    found = number(value)
    if found is None:
        return DASH
    return f"{found / 1000:g}{SPACE}kHz" if found >= 1000 else f"{found:g}{SPACE}Hz"


def shape(value: Any) -> str:
    """A tensor's shape: ``49 × 1 × 32``."""
    if not isinstance(value, (list, tuple)):
        return DASH
    return f"{SPACE}×{SPACE}".join(str(side) for side in value)


def setting(value: Any) -> str:
    """A configuration value as it would be typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return DASH
    if isinstance(value, (list, tuple)):
        return ", ".join(setting(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(item)}" for key, item in sorted(value.items()))
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def width(value: Any, whole: Any = 1.0) -> str:
    """The share of `whole` as a CSS percentage, within 0..100: how long a bar is."""
    part, full = number(value), number(whole)
    share = part / full if part is not None and full else 0.0
    return f"{100 * min(max(share, 0.0), 1.0):.4g}%"
