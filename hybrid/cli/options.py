"""Arguments and options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

DATA_OPTIONS = (
    ("classes", "Words to tell apart, comma separated; the rest becomes _unknown_ and _silence_ is added."),
    ("layout", "Name of the data set's layout, where it could be taken for another."),
    ("subset", "'esc10' takes only those classes of ESC-50."),
    ("test_fold", "Fold to test on, where the set has folds."),
    ("validation_fold", "Fold to choose settings on; 'none' draws clips from all folds but the test fold."),
    ("leave_out", "FSDD: speaker(s) to test on."),
    ("test_takes", "FSDD: takes to test on, such as 5-9."),
)
TRAINING_ONLY = ("classes", "subset")  # a model has its classes
SPLITS = ("train", "validation", "test")
SEEDS = click.IntRange(0, 2**31 - 1001)

json_option = click.option("--json", "as_json", is_flag=True, help="Result as JSON on stdout.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress or messages on stderr.")
skip_option = click.option("--skip-bad", is_flag=True, help="List and leave out files that cannot be used.")
engine_option = click.option(
    "--engine", default="c", show_default=True, type=click.Choice(["c", "interpreter"]), help="What runs the model."
)
eager_option = click.option("--eager", is_flag=True, help="Compute every map whole first (engine c).")
folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
data_argument = click.argument("data", type=click.Path(path_type=Path))
out_option = click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
seed_option = click.option("--seed", default=0, show_default=True, type=SEEDS)


def data_options(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the flags that say how recordings become classes and splits."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for name, text in reversed(DATA_OPTIONS):
            if name not in without:
                command = click.option(f"--{name.replace('_', '-')}", name, default=None, help=text)(command)
        return command

    return add
