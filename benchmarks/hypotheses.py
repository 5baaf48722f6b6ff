"""Three hypotheses: python benchmarks/hypotheses.py MODEL... --data DATA --out DIR [options]

MODEL: folders written by `hybrid fit`, several seeds or folds of one data set; DATA: what they were fitted on.
No trunk is trained. Told for the test clips, split as each fit did, for one clip (all windows of it that are decided):

(a) a tree head costs less storage and work than a dense or convolutional end at equal accuracy: on the trunk of each
    model, at the depth of each of its heads, a dense head, trees, and the deeper convolutions with a dense head;
(b) optimising the execution path over the whole forest saves time: from all trees always to exits chosen together;
(c) computing features on demand saves a significant share: whole maps against on demand, without and with exits, and
    without what the front end has (gate, scout, placed window).

Instructions "by .cost" are what the C says of itself, on all test clips (by the interpreter, which must say the same
of those that are run); "on the core" are executed by an emulated core, for --windows test windows spread evenly.
Forests of (a), and those without a scout in (c), are fitted anew on --copies augmented copies of the training clips.
Accuracies are compared on the same clips, 95 % intervals by bootstrap over clips.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.claims import ends as claim_a
from benchmarks.claims.case import PARTS, load_case
from benchmarks.claims.demand import on_demand
from benchmarks.claims.measure import Bench, Row
from benchmarks.claims.order import paths
from benchmarks.claims.picture import bars, scatter
from benchmarks.claims.tell import Found, demand_table, ends_table, equal_ends, names_of, of, order_table
from codegen.host import CompilerError
from codegen.target.cores import CORES, TargetError, find_core
from codegen.target.cross import COMPILERS, find_cross, version
from hybrid.errors import HybridError


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
    parser.add_argument("--out", type=Path, required=True, help="folder for tables, pictures and JSON")
    parser.add_argument("--only", choices=("bc", "abc"), default="abc", help="bc: fit no forest")
    parser.add_argument("--windows", type=int, default=100, help="run on the core for each build; 0: none")
    parser.add_argument("--ends-on-core", type=int, default=1, help="models whose ends (a) are linked and run")
    parser.add_argument("--copies", type=int, default=2, help="augmented copies of the training clips for refits")
    parser.add_argument("--cpu", choices=sorted(CORES), default="cortex-m4")
    parser.add_argument("--compiler", choices=COMPILERS)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Everything but errors."""
    if options.windows < 0 or options.copies < 1 or options.ends_on_core < 0:
        raise HybridError("--windows and --ends-on-core must not be negative, --copies at least 1")
    core = find_core(options.cpu)
    bench = Bench(core, find_cross(options.compiler), options.windows) if options.windows else None
    options.out.mkdir(parents=True, exist_ok=True)
    found = [measure(folder, number, options, bench) for number, folder in enumerate(options.models)]
    if len({f.case.plan.labels for f in found}) > 1:
        raise HybridError("the models have other classes: name seeds or folds of one data set")
    text = "\n".join(markdown(found, options, bench))
    print(text)
    (options.out / "hypotheses.md").write_text(text + "\n", encoding="utf-8")
    (options.out / "hypotheses.json").write_text(json.dumps(as_json(found), indent=1) + "\n", encoding="utf-8")
    draw(found, options.out)
    return 0


def measure(folder: Path, number: int, options: argparse.Namespace, bench: Bench | None) -> Found:
    """All rows of one model."""
    case = load_case(folder, options.data)
    demand = _timed(case.name, "c", lambda: on_demand(case, bench))
    order = _timed(case.name, "b", lambda: paths(case, bench))
    if "a" not in options.only:
        return Found(case, demand, order, [])
    rows = _timed(case.name, "training maps", lambda: claim_a.training(folder, options.data, options.copies))
    own = bench if number < options.ends_on_core else None
    demand += _timed(case.name, "c without a scout", lambda: claim_a.scoutless(case, rows, bench))
    return Found(case, demand, order, _timed(case.name, "a", lambda: claim_a.ends(case, rows, own)))


def _timed(name: str, what: str, work: Callable[[], Any]) -> Any:
    start = time.monotonic()
    result = work()
    print(f"{name}: {what}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return result


def markdown(found: Sequence[Found], options: argparse.Namespace, bench: Bench | None) -> Iterator[str]:
    """The tables."""
    names = ", ".join(f.case.name for f in found)
    yield f"Models: {names}. Test clips: {', '.join(str(len(f.case.clips)) for f in found)}; "
    windows = ", ".join(str(len(f.case.windows["test"].pcm)) for f in found)
    yield f"windows: {windows}. Prices of a {found[0].case.plan.core}."
    if bench:
        yield f"On the core: {bench.core.name}, {version(bench.compiler)}, {bench.windows} windows of each model."
    if found[0].ends:
        run_ = min(options.ends_on_core, len(found))
        yield f"\n## (a) Ends of the same trunk\n\nFlash and core: {run_} of the models.\n"
        yield from ends_table(found)
        yield ""
        yield from equal_ends(found)
    yield "\n## (b) The execution path\n"
    yield from order_table(found)
    yield "\n## (c) On demand\n"
    yield from demand_table(found)


def as_json(found: Sequence[Found]) -> dict[str, Any]:
    """Every row of every model."""
    tables = ("ends", "order", "demand")
    return {f.case.name: {t: [r.json() for r in getattr(f, t)] for t in tables} for f in found}


def draw(found: Sequence[Found], out: Path) -> None:
    """The pictures."""
    title = f"by .cost, mean of {len(found)} model{'s' * (len(found) > 1)}"
    for name, tables in (("demand", [f.demand for f in found]), ("order", [f.order for f in found])):
        rows = names_of(tables)
        parts = {p: [sum(r.parts[p] for r in of(tables, n)) / len(found) / 1000 for n in rows] for p in PARTS}
        bars(out / f"{name}.svg", rows, parts, title)
    if found[0].ends:
        scatter(out / "ends.svg", _kinds([f.ends for f in found]), title)


def _kinds(tables: Sequence[Sequence[Row]]) -> dict[str, list[tuple[float, float]]]:
    result: dict[str, list[tuple[float, float]]] = {}
    for name in names_of(tables):
        rows = of(tables, name)
        if not name.endswith("deeper convolutions + dense head"):  # the deepest dense head, which is there
            cost, right = (sum(values) / len(rows) for values in ([r.cost for r in rows], [r.accuracy for r in rows]))
            result.setdefault(name.split(": ")[-1], []).append((cost / 1000, 100 * right))
    return result


if __name__ == "__main__":
    sys.exit(main())
