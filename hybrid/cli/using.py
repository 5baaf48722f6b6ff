"""A model on recordings: evaluate, predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hybrid.cli.console import Reporter, emit
from hybrid.cli.options import (
    DATA_OPTIONS,
    SPLITS,
    TRAINING_ONLY,
    data_argument,
    data_options,
    eager_option,
    engine_option,
    folder_argument,
    json_option,
    quiet_option,
    skip_option,
)
from hybrid.cli.text import accuracy_text, clips_text, fit_text, robustness_lines


@click.command()
@folder_argument
@data_argument
@click.option(
    "--split", default=None, type=click.Choice(SPLITS),
    help="Only the clips of this split, as the fit drew it; default: every clip of the folder.",
)  # fmt: skip
@click.option("--robustness", "robust", is_flag=True, help="At other gains, in noise and with an offset as well.")
@engine_option
@eager_option
@data_options(*TRAINING_ONLY)
@skip_option
@json_option
@quiet_option
def evaluate(folder: Path, data: Path, **options: Any) -> None:
    """Accuracy and cost of the model in DIR on the recordings in DATA, in any known layout."""
    from hybrid.evaluate import evaluate as run

    chosen = {name: options[name] for name, _ in DATA_OPTIONS if name not in TRAINING_ONLY}
    with Reporter(options["quiet"]) as reporter:
        result = run(
            folder, data, split=options["split"], engine=options["engine"], eager=options["eager"],
            skip_bad=options["skip_bad"], robust=options["robust"], say=reporter.say, progress=reporter.progress,
            **chosen,
        )  # fmt: skip
    cost = result["cost"]
    text = [f"{name.replace('_', ' ')}: {accuracy_text(found)}" for name, found in result["accuracy"].items()]
    text.append(
        f"cost per decision: mean {cost['mean'] / 1e6:.3f}, p95 {cost['p95'] / 1e6:.3f} M instructions "
        f"of a {cost['core']}"
    )
    text += [clips_text(result["clips"])] if result["clips"] else []
    text += robustness_lines(result["robustness"]) if "robustness" in result else []
    emit(result, options["as_json"], "\n".join(text))


@click.command()
@folder_argument
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@engine_option
@eager_option
@skip_option
@json_option
@quiet_option
def predict(folder: Path, files: tuple[Path, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Label audio files with the model in DIR."""
    from hybrid.evaluate import predict as run

    found = run(folder, files, say=Reporter(quiet).say, **options)
    width = max(len(row["file"]) for row in found)
    lines = [
        f"{row['file']:<{width}}  {row['label']}  (margin {row['margin']:.2f}, stage {row['stage'] + 1}, "
        + (f"{row['windows']} of {row['windows_there']} windows, " if row["windows_there"] > 1 else "")
        + f"{row['cost'] / 1e6:.3f} M instructions)"
        for row in found
    ]
    emit({"predictions": found}, as_json, "\n".join(lines))


@click.command()
@folder_argument
@json_option
def report(folder: Path, as_json: bool) -> None:
    """Write DIR/report.html anew from DIR/report.json, and say where it is."""
    from hybrid.evaluate import rewrite_report

    found, text = rewrite_report(folder, fit_text)
    emit(found, as_json, f"{text}\nreport: {folder / 'report.html'}")
