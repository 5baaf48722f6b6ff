"""Feature-access statistics: what decisions read, computed and found, what that cost, and what decided.

`counts` holds what a device can count, too; `tables` makes rows of it, richer where the decisions are at hand one by
one (`Watched`); `measure` puts all together; `dump` reads a device's counters; `text` writes lines and CSV.
"""

from hybrid.stats.measure import from_clips, from_dump, in_brief

__all__ = ["from_clips", "from_dump", "in_brief"]
