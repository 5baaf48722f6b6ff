"""What the commands tell: results on stdout, messages and progress bars on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from tqdm import tqdm

from hybrid.errors import one_line


class Reporter:
    """Messages and progress bars on stderr; bars only where stderr is a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm | None = None

    def say(self, text: str) -> None:
        """One line of message."""
        if not self._quiet:
            tqdm.write(one_line(text), file=sys.stderr)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Advance the bar of a phase; a new phase closes the bar before."""
        if self._quiet or not sys.stderr.isatty():
            return
        if self._bar is None or self._bar.desc != phase:
            self.close()
            self._bar = tqdm(total=total, desc=phase, file=sys.stderr, leave=True, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar that is open."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def emit(result: dict[str, Any], as_json: bool, text: str) -> None:
    """The result on stdout: JSON (finite numbers only) or lines for people."""
    if as_json:
        from hybrid.report.plain import plain

        text = json.dumps(plain(result), indent=1, sort_keys=True, allow_nan=False)
    click.echo(text)
