"""Recordings and settings into a model: fit, demo, presets, download."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hybrid.cli.console import Reporter, emit
from hybrid.cli.options import (
    DATA_OPTIONS,
    data_argument,
    data_options,
    folder_argument,
    json_option,
    out_option,
    quiet_option,
    seed_option,
    skip_option,
)
from hybrid.cli.text import fit_text


@click.command()
@data_argument
@out_option
@click.option("--preset", default=None, help="Named settings; see `hybrid presets`.")
@click.option("--config", "config_path", default=None, type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="One setting; may be repeated.")
@click.option("--name", default="model", show_default=True, help="Prefix of the generated C.")
@click.option(
    "--head", default="trees", show_default=True, type=click.Choice(["trees", "dense"]), help="'dense': a linear head."
)
@click.option("--exit-loss", type=float, default=None, help="Accuracy (percentage points) that early exits may cost.")
@click.option(
    "--cost-weight", type=float, default=None, help="Nats of loss that a million instructions are worth (0: nothing)."
)
@click.option("--front", is_flag=True, help="Fit forests of many settings on one trunk: accuracy against cost.")
@click.option("--target-cost", default=None, metavar="NUMBER", help="Of these the best of so many instructions: 600k.")
@click.option("--target-loss", type=float, default=None, help="... the cheapest that loses so many points to the best.")
@click.option("--max-flash", default=None, metavar="SIZE", help="Find the best model of at most so much flash: 60k.")
@click.option("--max-ram", default=None, metavar="SIZE", help="... so much RAM, the stack not counted: 12k.")
@click.option("--max-cost", default=None, metavar="NUMBER", help="... so many instructions in the worst case: 3M.")
@click.option("--board", default=None, help="... that fits a board of `hybrid boards`, stack included.")
@click.option("--prune-bands", is_flag=True, help="Leave out mel bands that are not worth their price, and refit.")
@click.option(
    "--prune-loss", type=click.FloatRange(0, 100), default=0.5, show_default=True,
    help="Validation accuracy (percentage points) that leaving out bands may cost.",
)  # fmt: skip
@seed_option
@click.option("--compiler", default=None, help="C compiler for the parity check (default: gcc, clang, cc or zig).")
@data_options()
@skip_option
@json_option
@quiet_option
def fit(**options: Any) -> None:
    """Train on the recordings in DATA and write C header, model and report to a folder."""
    from hybrid.config import load_config, parse_override

    config = load_config(options["preset"], options["config_path"], _overrides(options, parse_override))
    asked = {
        "limits": _limits(options),
        "target": _target(options),
        "prune": options["prune_loss"] / 100 if options["prune_bands"] else None,
    }
    _fit(options["data"], config, options | asked, synthetic=False)


def _limits(options: dict[str, Any]) -> Any:
    """The limits that the options set; None where they set none."""
    from hybrid.boards import find_board
    from hybrid.budget import Limits, board_limits, parse_size

    given = {name: options[f"max_{name}"] for name in ("flash", "ram", "cost")}
    own = Limits(**{name: parse_size(text, f"--max-{name}") for name, text in given.items() if text is not None})
    if options["board"] is not None:
        return board_limits(find_board(options["board"]), own)
    return None if own == Limits() else own


def _target(options: dict[str, Any]) -> Any:
    """What to take from the front that the options ask for; None without one."""
    from hybrid.budget import parse_size
    from hybrid.errors import HybridError
    from hybrid.front import Target

    cost, loss = options["target_cost"], options["target_loss"]
    if cost is not None and loss is not None:
        raise HybridError("--target-cost and --target-loss are two targets: give one")
    if loss is not None and not 0 <= loss <= 100:
        raise HybridError(f"--target-loss {loss:g} is out of range: give percentage points from 0 to 100")
    if cost is None and loss is None:
        return Target() if options["front"] else None
    return Target(parse_size(cost, "--target-cost"), None) if cost is not None else Target(None, loss / 100)


def _overrides(options: dict[str, Any], parse: Callable[[str], dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for text in options["overrides"]:
        for section, values in parse(text).items():
            merged.setdefault(section, {}).update(values)
    named = {name: options[name] for name, _ in DATA_OPTIONS if options[name] is not None}
    if named:
        merged.setdefault("data", {}).update(named)
    if options["exit_loss"] is not None:
        merged.setdefault("forest", {})["exit_loss"] = options["exit_loss"] / 100
    if options["cost_weight"] is not None:
        merged.setdefault("forest", {})["cost_weight"] = options["cost_weight"]
    return merged


def _fit(data: Path, config: Any, options: dict[str, Any], synthetic: bool) -> None:
    from hybrid.fit import fit as run
    from hybrid.training import Console

    with Reporter(options["quiet"]) as reporter:
        report = run(
            data, options["out"], config, name=options["name"], seed=options["seed"], head=options["head"],
            skip_bad=options["skip_bad"], compiler=options["compiler"], preset=options["preset"],
            command=shlex.join(["hybrid", *sys.argv[1:]]), synthetic=synthetic,
            limits=options.get("limits"), target=options.get("target"), prune=options.get("prune"),
            console=Console(reporter.say, reporter.progress),
        )  # fmt: skip
    for row in report["closure"]:
        reporter.say(
            f"{row['kind']}: {row['features']} features, one closes over {row['trunk_share']:.0%} of the trunk "
            f"and {row['frame_share']:.0%} of the frames"
        )
    out = options["out"]
    wrote = f"wrote {out / (report['name'] + '.h')}, {out / 'hyb_runtime.h'}, {out / 'report.html'}"
    emit(report, options["as_json"], f"{fit_text(report)}\n{wrote}")


@click.command()
@out_option
@click.option("--clips", default=60, show_default=True, type=click.IntRange(min=3), help="Clips per class.")
@seed_option
@json_option
@quiet_option
def demo(out: Path, clips: int, seed: int, as_json: bool, quiet: bool) -> None:
    """Fit on a synthetic machine-condition set (motor off, normal, maintenance needed, failure)."""
    from hybrid.config import load_config
    from hybrid.data.synthetic import kept_machine_set
    from hybrid.output import check_writable

    options = {
        "out": out, "name": "machine", "seed": seed, "head": "trees", "skip_bad": False, "compiler": None,
        "preset": "demo", "as_json": as_json, "quiet": quiet,
    }  # fmt: skip
    check_writable(out)
    # kept beside the model: `hybrid bench`, `stats` and `evaluate` want recordings, too
    data = kept_machine_set(out.with_name(f"{out.name}-recordings"), clips, seed)
    _fit(data, load_config("demo"), options, synthetic=True)


@click.command()
@json_option
def presets(as_json: bool) -> None:
    """List the named settings with their first comment line."""
    from hybrid.config import load_config, preset_names, preset_text

    texts = {name: preset_text(name).lstrip("# ").splitlines()[0] for name in preset_names()}
    result = {name: {"about": text, "config": load_config(name).to_dict()} for name, text in texts.items()}
    emit(result, as_json, "\n".join(f"{name:<14} {text}" for name, text in texts.items()))


@click.command()
@click.argument("name")
@folder_argument
def download(name: str, folder: Path) -> None:
    """Download a public data set (speech_commands, fsdd, esc50) into DIR."""
    from hybrid.data.download import download as run

    click.echo(str(run(name, folder, say=lambda text: click.echo(text, err=True))))
