"""The command line, a function a command, a file a family of commands: `hybrid --help` lists them.

Results go to stdout, progress and messages to stderr. An error that the user can put right is one line and exit code 2.
What a command needs is imported where it runs, so that the help is there at once.
"""

from __future__ import annotations

import io
import sys

import click

from hybrid import __version__
from hybrid.cli import exporting, fitting, measuring, using
from hybrid.cli.program import Program

COMMANDS = (
    fitting.fit, fitting.demo, fitting.presets, fitting.download,
    using.evaluate, using.predict, using.report,
    measuring.bench, measuring.boards, measuring.stats, measuring.validate,
    exporting.export, exporting.compile_trees,
)  # fmt: skip


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="hybrid")
def cli() -> None:
    """Small classifiers for microcontrollers whose features are computed on demand."""


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    cli(prog_name="hybrid")
