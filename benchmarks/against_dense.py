"""A model against dense heads: python benchmarks/against_dense.py MODEL... --data DATA [--baseline FOLDER...] [options]

MODEL: folders written by `hybrid fit`, several seeds or folds; DATA: what they were fitted on. Each is compared, on its
test clips, with its own dense head (MODEL/dense: the same trunk, the same window of frames) and, where named, with the
baseline of the same place (such as a trunk of the same kind that hears all frames), both with every map computed whole.

Instructions are executed ones of an emulated core for a test clip, front end included: of the windows that a clip is
decided by, all of them where maps are computed whole, by --windows of these spread evenly (0: all); every answer there
equals the interpreter's. Points are paired on clips over all models, 95 % intervals
by bootstrap over clips.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.claims.case import Case, load_case
from benchmarks.claims.compare import paired
from benchmarks.claims.measure import Bench, Row, told
from codegen.host import CompilerError
from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.cross import COMPILERS, find_cross, version
from hybrid.errors import HybridError

Told = tuple[Case, Row]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write."""
    options = parse(arguments)
    try:
        return run(options)
    except (HybridError, TargetError, CompilerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--baseline", type=Path, nargs="*", default=[], help="dense models, one for each MODEL")
    parser.add_argument("--windows", type=int, default=0, help="test windows run on the core; 0: all")
    parser.add_argument("--cpu", choices=sorted(CORES), default="cortex-m4")
    parser.add_argument("--compiler", choices=COMPILERS)
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Everything but errors."""
    if options.baseline and len(options.baseline) != len(options.models):
        raise HybridError(f"--baseline names {len(options.baseline)} folders for {len(options.models)} models")
    bench = Bench(find_core(options.cpu), find_cross(options.compiler), options.windows or sys.maxsize)
    folders = {"this project": options.models, "its dense head, eager": [m / "dense" for m in options.models]}
    folders |= {"baseline, dense, eager": options.baseline} if options.baseline else {}
    found = {name: [measure(f, options.data, name, bench) for f in own] for name, own in folders.items()}
    print("\n".join(table(found, f"{options.cpu}, {version(bench.compiler)}, -O2")))
    if options.json:
        rows = {name: [row.json() for _, row in own] for name, own in found.items()}
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(folder: Path, data: Path, name: str, bench: Bench) -> Told:
    """One model's accuracy and instructions."""
    case = load_case(folder, data)
    print(f"{folder}: {len(case.windows['test'].pcm)} windows", file=sys.stderr, flush=True)
    return case, told(case, name, case.plan, eager=name != "this project", bench=bench)


def table(found: dict[str, list[Told]], core: str) -> list[str]:
    """Rows of all ways, ours first."""
    ours = found["this project"]
    lines = [
        f"Test clips: {', '.join(str(len(case.clips)) for case, _ in ours)}; {core}.",
        "",
        "| | accuracy, % | mean | this project's points against it | instructions, mean | this project's share |",
        "|---|---|---|---|---|---|",
    ]
    spent = [_executed(row) for _, row in ours]
    for name, own in found.items():
        each, costs = [100 * row.accuracy for _, row in own], [_executed(row) for _, row in own]
        points = share = ""
        if own is not ours:
            points = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*_gained(ours, own))
            share = f"{sum(spent) / sum(costs):.3f}"
        lines.append(
            f"| {name} | {', '.join(f'{a:.1f}' for a in each)} | {sum(each) / len(each):.2f} | {points} | "
            f"{', '.join(f'{c:,.0f}' for c in costs)}: {sum(costs) / len(costs):,.0f} | {share} |"
        )
    return lines


def _gained(ours: list[Told], others: list[Told]) -> tuple[float, float, float]:
    for (case, _), (other, _) in zip(ours, others, strict=True):
        if case.clips != other.clips:
            raise HybridError(f"{case.folder} and {other.folder} were tested on other clips")
    return paired([(c.clips, b.right, a.right) for (c, a), (_, b) in zip(ours, others, strict=True)])


def _executed(row: Row) -> float:
    assert row.core is not None
    return float(row.core["mean"])


if __name__ == "__main__":
    sys.exit(main())
