"""A model into other builds, and models of others into C: export, compile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hybrid.cli.console import emit
from hybrid.cli.options import folder_argument, json_option, out_option


@click.command()
@folder_argument
@click.option("--to", "target", required=True, metavar="TARGET", help="header, cmake, arduino, zephyr or platformio.")
@out_option
@json_option
def export(folder: Path, target: str, out: Path, as_json: bool) -> None:
    """Write the model in DIR as a library for another build system, with an example for a real board."""
    from hybrid.export import export_model

    found = export_model(folder, target, out)
    emit(found, as_json, f"wrote {len(found['files'])} files for {target} to {out}: see {out / 'README.md'}")


@click.command("compile")
@click.argument("model", type=click.Path(path_type=Path))
@out_option
@click.option("--name", default="model", show_default=True, help="Prefix of the generated C.")
@click.option(
    "--optimize", default="size", show_default=True, type=click.Choice(["size", "speed"]), help="Layout of the trees."
)
@click.option(
    "--type",
    "dtype",
    default="float32",
    show_default=True,
    type=click.Choice(["int16", "float32"]),
    help="Of the features.",
)
@click.option(
    "--features",
    "table",
    default=None,
    type=click.Path(path_type=Path),
    help="CSV of callbacks (feature,function,cost): features are asked for one by one instead of given.",
)
@click.option("--names", default=None, help="New names of all features, comma separated.")
@click.option("--labels", default=None, help="Names of a LightGBM model's classes, comma separated.")
@click.option(
    "--exits", default=None, type=click.IntRange(0, 1000), help="Places to leave early; answers stay the same."
)
@click.option("--no-nan", is_flag=True, help="Float features are never NaN: smaller and faster.")
@click.option("--cpu", default=None, help="Measure both layouts on this emulated core, such as cortex-m4.")
@click.option("--rows", default=None, type=click.Path(path_type=Path), help="CSV of feature rows to measure on.")
@click.option("--compiler", default=None, help="Cross compiler for --cpu: arm-none-eabi-gcc or zig.")
@json_option
def compile_trees(model: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Turn a trained LightGBM or scikit-learn MODEL of your own features into C. No audio is needed.

    MODEL is LightGBM's model text, or a file that hybrid.compile.save_model wrote from Python.
    """
    from hybrid.compile import compile_model, read_callbacks, read_rows, text_of

    split = {key: None if options[key] is None else options[key].split(",") for key in ("names", "labels")}
    found = compile_model(
        model, out, name=options["name"], dtype=options["dtype"], optimize=options["optimize"],
        callbacks=None if options["table"] is None else read_callbacks(options["table"]), **split,
        exits=options["exits"], nan=not options["no_nan"], cpu=options["cpu"], compiler=options["compiler"],
        rows=None if options["rows"] is None else read_rows(options["rows"]),
    )  # fmt: skip
    emit(found, as_json, text_of(found))
