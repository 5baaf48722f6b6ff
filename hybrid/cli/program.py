"""The program round the commands: exit codes, and what went wrong in one line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from tqdm import tqdm

from hybrid.errors import HybridError, one_line

INTERRUPTED = 130


class Program(click.Group):
    """The commands. One line and exit code 2 for what a user can put right, wrong usage too; 130 for Ctrl-C."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run and exit."""
        extra["standalone_mode"] = False
        try:
            with told_warnings():
                code = super().main(*args, **extra)
        except click.UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":  # new in click 8.2: no command was named
                error.show()
                sys.exit(2)
            path = error.ctx.command_path if error.ctx else "hybrid"
            fail(f"{error.format_message().rstrip('.')}: see `{path} --help`")
        except Exception as error:
            fail(told(error))
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C is met here, before click prints a line of its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # below the terminal's ^C
            exec("")  # CPython ends by SIGINT, not by the code, if Ctrl-C met a nested exec; the next exec forgets it
            fail("interrupted: what stood before stands", INTERRUPTED)


def told(error: Exception) -> str:
    """The one line for an error that the user can put right; any other is a defect and is raised again."""
    from codegen.host import CompilerError
    from codegen.plan import PlanError
    from codegen.prices import PriceError
    from codegen.target.cores import TargetError
    from feature_extractors.graph import GraphError
    from feature_extractors.ops.base import OpError
    from tree_backends.forest import ForestError

    own = CompilerError | TargetError | PlanError | PriceError | GraphError | OpError | ForestError
    if isinstance(error, HybridError | own):
        return str(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError):
        place = error.filename if error.filename is not None else "input or output"
        return f"{place}: {error.strerror or error}: check path, access rights and free space"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object}: a name that is not valid {error.encoding}: rename it"
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}): shorten audio.window_s, or lower training.copies"
    raise error


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line on stderr and end."""
    click.echo(f"hybrid: error: {' '.join(one_line(message).split())}", err=True)
    sys.exit(code)


@contextmanager
def told_warnings() -> Iterator[None]:
    """Python warnings as one line each, without a place in the code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        tqdm.write(f"hybrid: warning: {' '.join(one_line(str(message)).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
