"""The report of a trained model: one dict, written as `report.json` and as a self-contained page `report.html`.

    write(report, folder)          # both files, each aside and then renamed
    page = render(report)          # the page alone

Every section of the dict may be absent; the page then leaves it out. The page depends on nothing but the dict, and
not on the order of its keys, so rendering a `report.json` gives the `report.html` that was written beside it.
"""

from __future__ import annotations

from hybrid.report.files import to_json, write
from hybrid.report.html import render

__all__ = ["render", "to_json", "write"]
