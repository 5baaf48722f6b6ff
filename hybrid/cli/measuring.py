"""What a model's decisions take: bench, boards, stats, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hybrid.cli.console import Reporter, emit
from hybrid.cli.options import (
    DATA_OPTIONS,
    SPLITS,
    TRAINING_ONLY,
    data_options,
    folder_argument,
    json_option,
    quiet_option,
    skip_option,
)


@click.command()
@folder_argument
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--cpu", default=None, help="Core to emulate: cortex-m0plus, m3, m4 (default), m7 or m33, as cortex-m4.")
@click.option("--board", default=None, help="A board of `hybrid boards`: its core, memory, time and energy.")
@click.option("--compiler", default=None, help="arm-none-eabi-gcc or zig (default: the first that is there).")
@click.option("--clips", default=200, show_default=True, type=click.IntRange(min=1), help="Clips of the test split.")
@click.option("--interval", default=1.0, show_default=True, help="Seconds between decisions, for battery life.")
@click.option("--battery", default=1000.0, show_default=True, help="Battery capacity, mAh.")
@click.option("--check", is_flag=True, help="Exit code 2 where the model does not fit the board or cannot keep up.")
@click.option("--csv", "csv_path", default=None, type=click.Path(path_type=Path), help="Write every figure as CSV.")
@click.option("--out", default=None, type=click.Path(path_type=Path), help="Folder for JSON, CSV, pictures and page.")
@skip_option
@json_option
@quiet_option
def bench(folder: Path, data: Path | None, **options: Any) -> None:
    """Run the model in DIR on an emulated core: instructions, stack, RAM and flash, on clips of the test split.

    DATA: the recordings; default: those that the model was fitted on.
    """
    from hybrid.bench import bench as run
    from hybrid.bench import check_board, check_options, with_board
    from hybrid.report.bench_page import write
    from hybrid.report.bench_text import csv_text, text

    cpu, board = check_options(options)
    with Reporter(options["quiet"]) as reporter:
        found = run(
            folder, data, cpu=cpu, compiler=options["compiler"], clips=options["clips"], skip_bad=options["skip_bad"],
            say=reporter.say, progress=reporter.progress,
        )  # fmt: skip
    if board is not None:
        found = with_board(found, board, options["interval"], options["battery"])
    if options["csv_path"] is not None:
        options["csv_path"].write_text(csv_text(found), encoding="utf-8")
    if options["out"] is not None:
        write(found, options["out"])
    emit(found, options["as_json"], text(found))
    if options["check"]:
        check_board(found)


@click.command()
@json_option
def boards(as_json: bool) -> None:
    """List the boards that `hybrid bench --board` knows, with their documented figures."""
    import dataclasses

    from hybrid.boards import boards as known
    from hybrid.boards import listing

    emit({name: dataclasses.asdict(board) for name, board in known().items()}, as_json, listing())


@click.command()
@folder_argument
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--split", default="test", show_default=True, type=click.Choice([*SPLITS, "all"]),
    help="Clips of this split, as the fit drew it, or every clip of the folder.",
)  # fmt: skip
@click.option("--clips", default=None, type=click.IntRange(min=1), help="At most so many clips, evenly spread.")
@click.option("--importance", is_flag=True, help="Also what bands and frames are worth, which takes a minute.")
@click.option(
    "--from-dump", "dump", default=None, type=click.Path(path_type=Path),
    help="Counters that a device with HYB_STATS wrote, instead of clips.",
)  # fmt: skip
@click.option("--csv", "csv_folder", default=None, type=click.Path(path_type=Path), help="Folder for CSV tables.")
@click.option("--out", default=None, type=click.Path(path_type=Path), help="Folder for stats.html and stats.json.")
@data_options(*TRAINING_ONLY)
@skip_option
@json_option
@quiet_option
def stats(folder: Path, data: Path | None, **options: Any) -> None:
    """What decisions of the model in DIR read, computed and found: by feature, map, band, time, tree, node and class.

    DATA: the recordings; default: those that the model was fitted on.
    """
    from hybrid.stats import from_clips, from_dump
    from hybrid.stats.text import check_folders, text, write_csv

    check_folders(options["out"], options["csv_folder"])
    if options["dump"] is not None:
        if data is not None:
            raise click.UsageError("--from-dump takes no recordings: leave out DATA")
        if options["importance"]:
            raise click.UsageError("--importance needs recordings, which --from-dump has not")
        found = from_dump(folder, options["dump"])
    else:
        chosen = {name: options[name] for name, _ in DATA_OPTIONS if name not in TRAINING_ONLY}
        split = None if options["split"] == "all" else options["split"]
        with Reporter(options["quiet"]) as reporter:
            found = from_clips(
                folder, data, split=split, clips=options["clips"], worth=options["importance"],
                skip_bad=options["skip_bad"], say=reporter.say, progress=reporter.progress, **chosen,
            )  # fmt: skip
    if options["csv_folder"] is not None:
        write_csv(found, options["csv_folder"])
    if options["out"] is not None:
        from hybrid.report.stats_page import write

        write(found, options["out"])
    emit(found, options["as_json"], text(found))


@click.command()
@folder_argument
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--port", required=True, help="Serial port of the board, or a URL that pyserial opens.")
@click.option("--clips", default=20, show_default=True, type=click.IntRange(min=1), help="Windows to send.")
@click.option("--baud", default=115200, show_default=True, type=click.IntRange(min=1), help="Speed of the serial line.")
@click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds per answer.")
@json_option
@quiet_option
def validate(folder: Path, data: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Send clips of DATA to a board that runs the validation image of DIR, and compare its answers bit for bit.

    Without DATA, made-up windows are sent. Build the image with `make firmware MODEL=DIR`.
    """
    from hybrid.validate import text
    from hybrid.validate import validate as run

    with Reporter(quiet) as reporter:
        found = run(folder, options.pop("port"), data, say=reporter.say, progress=reporter.progress, **options)
    emit(found, as_json, text(found))
