"""The command line, a function a command: `hybrid --help` lists them.

Results go to stdout, progress and messages to stderr. An error that the user can put right is one line and exit code 2.
"""

from __future__ import annotations

import io
import json
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from tqdm import tqdm

from hybrid import __version__
from hybrid.errors import HybridError, one_line

DATA_OPTIONS = (
    ("classes", "Words to tell apart, comma separated; the rest becomes _unknown_ and _silence_ is added."),
    ("layout", "Name of the data set's layout, where it could be taken for another."),
    ("subset", "'esc10' takes only those classes of ESC-50."),
    ("test_fold", "Fold to test on, where the set has folds."),
    ("validation_fold", "Fold to choose settings on."),
    ("leave_out", "FSDD: speaker(s) to test on."),
    ("test_takes", "FSDD: takes to test on, such as 5-9."),
)
TRAINING_ONLY = ("classes", "subset")  # a model has its classes
SPLITS = ("train", "validation", "test")
INTERRUPTED = 130
SEEDS = click.IntRange(0, 2**31 - 1001)


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
            fail("interrupted: what stood before stands", INTERRUPTED)


def told(error: Exception) -> str:
    """The one line for an error that the user can put right; any other is a defect and is raised again."""
    from codegen.host import CompilerError
    from codegen.plan import PlanError
    from codegen.target.cores import TargetError
    from feature_extractors.graph import GraphError
    from feature_extractors.ops.base import OpError
    from tree_backends.forest import ForestError

    if isinstance(error, HybridError | CompilerError | TargetError | PlanError | GraphError | OpError | ForestError):
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


def emit(result: dict[str, Any], as_json: bool, text: str) -> None:
    """The result on stdout: JSON (finite numbers only) or lines for people."""
    if as_json:
        from hybrid.report.plain import plain

        text = json.dumps(plain(result), indent=1, sort_keys=True, allow_nan=False)
    click.echo(text)


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


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="hybrid")
def cli() -> None:
    """Small classifiers for microcontrollers whose features are computed on demand."""


@cli.command()
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
@click.option("--max-flash", default=None, metavar="SIZE", help="Find the best model of at most so much flash: 60k.")
@click.option("--max-ram", default=None, metavar="SIZE", help="... so much RAM, the stack not counted: 12k.")
@click.option("--max-cost", default=None, metavar="NUMBER", help="... so many instructions in the worst case: 3M.")
@click.option("--board", default=None, help="... that fits a board of `hybrid boards`, stack included.")
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
    _fit(options["data"], config, options | {"limits": _limits(options)}, synthetic=False)


def _limits(options: dict[str, Any]) -> Any:
    """The limits that the options set; None where they set none."""
    from hybrid.boards import find_board
    from hybrid.budget import Limits, board_limits, parse_size

    given = {name: options[f"max_{name}"] for name in ("flash", "ram", "cost")}
    own = Limits(**{name: parse_size(text, f"--max-{name}") for name, text in given.items() if text is not None})
    if options["board"] is not None:
        return board_limits(find_board(options["board"]), own)
    return None if own == Limits() else own


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
    return merged


def _fit(data: Path, config: Any, options: dict[str, Any], synthetic: bool) -> None:
    from hybrid.fit import Console
    from hybrid.fit import fit as run

    with Reporter(options["quiet"]) as reporter:
        report = run(
            data, options["out"], config, name=options["name"], seed=options["seed"], head=options["head"],
            skip_bad=options["skip_bad"], compiler=options["compiler"], preset=options["preset"],
            command=shlex.join(["hybrid", *sys.argv[1:]]), synthetic=synthetic,
            limits=options.get("limits"), console=Console(reporter.say, reporter.progress),
        )  # fmt: skip
    for row in report["closure"]:
        reporter.say(
            f"{row['kind']}: {row['features']} features, one closes over {row['trunk_share']:.0%} of the trunk "
            f"and {row['frame_share']:.0%} of the frames"
        )
    out = options["out"]
    wrote = f"wrote {out / (report['name'] + '.h')}, {out / 'hyb_runtime.h'}, {out / 'report.html'}"
    emit(report, options["as_json"], f"{fit_text(report)}\n{wrote}")


def fit_text(report: dict[str, Any]) -> str:
    """The result of a fit in a few lines."""
    lines = [f"{'synthetic data, ' if report['synthetic'] else ''}seed {report['seed']}, {report['head']} head"]
    for split in ("validation", "test", "validation_without_silence", "test_without_silence"):
        if split in report["accuracy"]:
            lines.append(f"{split.replace('_', ' ')}: {accuracy_text(report['accuracy'][split])}")
    cost = report["cost"]
    lines.append(
        f"cost per decision: mean {cost['mean'] / 1e6:.3f}, p95 {cost['p95'] / 1e6:.3f}, at most "
        f"{cost['static_max'] / 1e6:.3f}, eager {cost['eager'] / 1e6:.3f} M instructions of a {cost['core']}; "
        f"trunk and affine {cost['mac']['trunk_and_affine'] / 1e6:.3f} M MAC; "
        f"tiles {cost['tiles']['mean']:.0f} of {cost['tiles']['total']}"
    )
    code = report["code"]
    lines.append(
        f"flash {code['flash']['total'] / 1000:.1f} kB, RAM {code['ram']['context'] / 1000:.1f} kB; leaving at stages "
        + ", ".join(f"{stage['left']:.0%}" for stage in report["stages"])
    )
    if "baseline" in report:
        dense = report["baseline"]
        lines.append(
            f"dense head on the same trunk: test {dense['accuracy']['test']['accuracy']:.1%}, mean "
            f"{dense['cost']['mean'] / 1e6:.3f} M instructions, flash {dense['code']['flash']['total'] / 1000:.1f} kB, "
            f"RAM {dense['code']['ram']['context'] / 1000:.1f} kB"
        )
    lines.append(f"parity: {report['parity']['clips']} windows, C equals interpreter bit for bit")
    return "\n".join(lines)


def accuracy_text(found: dict[str, Any]) -> str:
    """Accuracy with interval and n."""
    low, high = found["interval"]
    return f"{found['accuracy']:.1%} ({low:.1%}-{high:.1%}) of {found['n']} clips"


@cli.command()
@folder_argument
@data_argument
@click.option(
    "--split", default=None, type=click.Choice(SPLITS),
    help="Only the clips of this split, as the fit drew it; default: every clip of the folder.",
)  # fmt: skip
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
            skip_bad=options["skip_bad"], say=reporter.say, progress=reporter.progress, **chosen,
        )  # fmt: skip
    cost = result["cost"]
    text = [f"{name.replace('_', ' ')}: {accuracy_text(found)}" for name, found in result["accuracy"].items()]
    text.append(f"cost per decision: mean {cost['mean'] / 1e6:.3f}, p95 {cost['p95'] / 1e6:.3f} M instructions "
                f"of a {cost['core']}")
    emit(result, options["as_json"], "\n".join(text))


@cli.command()
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
        f"{row['cost'] / 1e6:.3f} M instructions)"
        for row in found
    ]
    emit({"predictions": found}, as_json, "\n".join(lines))


@cli.command()
@folder_argument
@json_option
def report(folder: Path, as_json: bool) -> None:
    """Write DIR/report.html anew from DIR/report.json, and say where it is."""
    from hybrid.evaluate import rewrite_report

    found, text = rewrite_report(folder, fit_text)
    emit(found, as_json, f"{text}\nreport: {folder / 'report.html'}")


@cli.command()
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


@cli.command()
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


@cli.command()
@folder_argument
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--split", default="test", show_default=True, type=click.Choice([*SPLITS, "all"]),
    help="Clips of this split, as the fit drew it, or every clip of the folder.",
)  # fmt: skip
@click.option("--clips", default=None, type=click.IntRange(min=1), help="At most so many clips, evenly spread.")
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
        found = from_dump(folder, options["dump"])
    else:
        chosen = {name: options[name] for name, _ in DATA_OPTIONS if name not in TRAINING_ONLY}
        split = None if options["split"] == "all" else options["split"]
        with Reporter(options["quiet"]) as reporter:
            found = from_clips(
                folder, data, split=split, clips=options["clips"], skip_bad=options["skip_bad"], say=reporter.say,
                progress=reporter.progress, **chosen,
            )  # fmt: skip
    if options["csv_folder"] is not None:
        write_csv(found, options["csv_folder"])
    if options["out"] is not None:
        from hybrid.report.stats_page import write

        write(found, options["out"])
    emit(found, options["as_json"], text(found))


@cli.command()
@json_option
def boards(as_json: bool) -> None:
    """List the boards that `hybrid bench --board` knows, with their documented figures."""
    import dataclasses

    from hybrid.boards import boards as known
    from hybrid.boards import listing

    emit({name: dataclasses.asdict(board) for name, board in known().items()}, as_json, listing())


@cli.command()
@folder_argument
@click.option("--to", "target", required=True, metavar="TARGET", help="header, cmake, arduino, zephyr or platformio.")
@out_option
@json_option
def export(folder: Path, target: str, out: Path, as_json: bool) -> None:
    """Write the model in DIR as a library for another build system, with an example for a real board."""
    from hybrid.export import export_model

    found = export_model(folder, target, out)
    emit(found, as_json, f"wrote {len(found['files'])} files for {target} to {out}: see {out / 'README.md'}")


@cli.command()
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


@cli.command("compile")
@click.argument("model", type=click.Path(path_type=Path))
@out_option
@click.option("--name", default="model", show_default=True, help="Prefix of the generated C.")
@click.option(
    "--optimize", default="size", show_default=True, type=click.Choice(["size", "speed"]), help="Layout of the trees."
)
@click.option(
    "--type", "dtype", default="float32", show_default=True, type=click.Choice(["int16", "float32"]),
    help="Of the features.",
)
@click.option(
    "--features", "table", default=None, type=click.Path(path_type=Path),
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


@cli.command()
@json_option
def presets(as_json: bool) -> None:
    """List the named settings with their first comment line."""
    from hybrid.config import load_config, preset_names, preset_text

    texts = {name: preset_text(name).lstrip("# ").splitlines()[0] for name in preset_names()}
    result = {name: {"about": text, "config": load_config(name).to_dict()} for name, text in texts.items()}
    emit(result, as_json, "\n".join(f"{name:<14} {text}" for name, text in texts.items()))


@cli.command()
@click.argument("name")
@folder_argument
def download(name: str, folder: Path) -> None:
    """Download a public data set (speech_commands, fsdd, esc50) into DIR."""
    from hybrid.data.download import download as run

    click.echo(str(run(name, folder, say=lambda text: click.echo(text, err=True))))


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    cli(prog_name="hybrid")


if __name__ == "__main__":
    main()
