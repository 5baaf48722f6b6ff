"""Tables of what was measured, the models of one data set together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.claims.case import PARTS, Case
from benchmarks.claims.compare import paired
from benchmarks.claims.measure import Row


@dataclass(frozen=True, eq=False)
class Found:
    """The rows of one model; `ends` is empty where no forest was fitted."""

    case: Case
    demand: list[Row]
    order: list[Row]
    ends: list[Row]


def names_of(tables: Sequence[Sequence[Row]]) -> list[str]:
    """Names of rows that every model has, in order."""
    return [r.name for r in tables[0] if all(any(o.name == r.name for o in other) for other in tables)]


def of(tables: Sequence[Sequence[Row]], name: str) -> list[Row]:
    """The rows of a name, one a model."""
    return [next(r for r in rows if r.name == name) for rows in tables]


def mean(rows: Sequence[Row], what: Callable[[Row], float | None]) -> float | None:
    """Mean over the models that have it."""
    values = [v for r in rows if (v := what(r)) is not None]
    return sum(values) / len(values) if values else None


def gained(found: Sequence[Found], first: Sequence[Row], second: Sequence[Row]) -> tuple[float, float, float]:
    """Points by which the second is right more often, with its interval."""
    return paired([(f.case.clips, a.right, b.right) for f, a, b in zip(found, first, second, strict=True)])


def points(found: Sequence[Found], first: Sequence[Row], second: Sequence[Row]) -> str:
    """The same in text."""
    if not len(second[0].right):
        return ""
    value, low, high = gained(found, first, second)
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def thousands(value: float | None) -> str:
    """Instructions in thousands."""
    return "" if value is None else f"{value / 1000:.1f}"


def percent(value: float | None) -> str:
    """A share."""
    return "" if value is None else f"{100 * value:.1f}"


def right_of(rows: Sequence[Row]) -> str:
    """Mean accuracy."""
    return percent(mean(rows, lambda r: r.accuracy if len(r.right) else None))


def on_core(row: Row) -> float | None:
    """Instructions executed, where it was run."""
    return row.core["mean"] if row.core else None


def demand_table(found: Sequence[Found]) -> Iterator[str]:
    """(c): whole decisions, then by family of maps."""
    tables = [f.demand for f in found]
    yield "| front: way | accuracy, % | k instructions, `.cost` | on the core | saved of its eager, % | p95, k |"
    yield "|---|---|---|---|---|---|"
    for name in names_of(tables):
        rows = of(tables, name)
        eager = mean(of(tables, f"{name.split(': ')[0]}: eager"), lambda r: r.cost)
        own = mean(rows, lambda r: r.cost)
        assert eager and own
        saved = "" if name.endswith("eager") else percent(1 - own / eager)
        shown = [right_of(rows), thousands(own), thousands(mean(rows, on_core)), saved]
        yield f"| {name} | {' | '.join(shown)} | {thousands(mean(rows, lambda r: r.p95))} |"
    yield ""
    yield f"| front: way, k instructions by `.cost` | {' | '.join(PARTS)} |"
    yield "|---" * (1 + len(PARTS)) + "|"
    for name in names_of(tables):
        yield f"| {name} | {' | '.join(_parts(of(tables, name)))} |"


def _parts(rows: Sequence[Row]) -> list[str]:
    return [thousands(sum(r.parts[p] for r in rows) / len(rows)) for p in PARTS]


def order_table(found: Sequence[Found]) -> Iterator[str]:
    """(b)."""
    tables = [f.order for f in found]
    always = of(tables, tables[0][0].name)
    yield (
        "| path | accuracy, % | points against the first | node visits | forest, k instructions | forest's share, % "
        "| whole decision, k, `.cost` | on the core | forest there | saved, % |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    first = mean(always, lambda r: r.cost)
    assert first
    for name in names_of(tables):
        rows = of(tables, name)
        whole, forest = mean(rows, lambda r: r.cost), mean(rows, lambda r: r.parts["forest"])
        assert whole and forest is not None
        shown = [
            right_of(rows), points(found, always, rows), f"{mean(rows, lambda r: r.visits):.0f}", thousands(forest),
            percent(forest / whole), thousands(whole), thousands(mean(rows, on_core)),
            thousands(mean(rows, lambda r: r.core["parts"]["forest"] if r.core else None)), percent(1 - whole / first),
        ]  # fmt: skip
        yield f"| {name} | {' | '.join(shown)} |"


def ends_table(found: Sequence[Found]) -> Iterator[str]:
    """(a)."""
    tables = [f.ends for f in found]
    deepest = _deepest(tables)
    yield (
        "| head: end | accuracy, % | points against the deepest dense head | nodes | flash, B "
        "| more than dense there, B | end, k instructions | whole decision, k, `.cost` | on the core |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in names_of(tables):
        rows, dense = of(tables, name), of(tables, f"{name.split(': ')[0]}: dense head" if ": " in name else deepest)
        flash = mean(rows, _flash)
        base = mean(dense, _flash)
        shown = [
            right_of(rows), points(found, of(tables, deepest), rows), f"{mean(rows, lambda r: float(r.nodes)):.0f}",
            "" if flash is None else f"{flash:.0f}", "" if flash is None or base is None else f"{flash - base:+.0f}",
            thousands(mean(rows, lambda r: r.more.get("end"))), thousands(mean(rows, lambda r: r.cost)),
            thousands(mean(rows, on_core)),
        ]  # fmt: skip
        yield f"| {name} | {' | '.join(shown)} |"


def _flash(row: Row) -> float | None:
    return float(row.flash["total"]) if row.flash else None


def _deepest(tables: Sequence[Sequence[Row]]) -> str:
    return [name for name in names_of(tables) if name.endswith(": dense head")][-1]


def equal_ends(found: Sequence[Found]) -> Iterator[str]:
    """Of each depth: trees that are not shown to be worse than the dense head there, and what they take beside it."""
    tables = [f.ends for f in found]
    for name in names_of(tables):
        if ": " not in name or "trees" not in name:
            continue
        head = name.split(": ")[0]
        rows, dense = of(tables, name), of(tables, f"{head}: dense head")
        value, low, high = gained(found, dense, rows)
        verdict = "worse" if high < 0 else "better" if low > 0 else "equal as far as the clips tell"
        own, other = mean(rows, lambda r: r.more["end"]), mean(dense, lambda r: r.more["end"])
        assert own is not None and other
        yield (
            f"- {name}: {value:+.2f} [{low:+.2f}, {high:+.2f}] points against the dense head there ({verdict}), "
            f"its end takes {own / other:.2f} of the dense head's instructions"
        )
