"""A measurement by `hybrid bench` as lines for people and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

SYMBOLS = 12


def text(found: Mapping[str, Any]) -> str:
    """The whole measurement as a table of text."""
    data = found["data"]
    lines = [
        f"{found['name']} on {found['core']}, {found['compiler']}, {found['flags']}",
        f"{data['windows']} windows of the {data['split']} split; every answer equals the interpreter's, bit for bit",
        "",
        _row("instructions per decision", "mean", "p50", "p95", "max"),
        *(_row(n, *(found[n][k] for k in ("mean", "p50", "p95", "max"))) for n in ("lazy", "eager")),
        *_bound(found),
        "",
        _row("map", "mean", "computes", "memo hits", "eager"),
        *(_row(m["name"], m["mean"], m["computes"], m["hits"], m["eager"]) for m in found["maps"]),
        _row("forest and the rest", found["forest"]["mean"]),
        f"{found['forest']['node_visits']:.1f} node visits per decision",
        "",
        *_stages(found),
        *_cycles(found),
        _memory(found),
        "",
        _row("flash by symbol", "bytes"),
        *(_row(name, size) for name, size in list(found["flash"]["by_symbol"].items())[:SYMBOLS]),
    ]
    hidden = len(found["flash"]["by_symbol"]) - SYMBOLS
    lines += [f"and {hidden} more (--json, --csv)"] if hidden > 0 else []
    return "\n".join([*lines, *_board(found.get("board"))])


def _row(name: str, *values: Any) -> str:
    return f"{name:<32}" + "".join(f"{v if isinstance(v, str) else _number(v):>12}" for v in values)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _bound(found: Mapping[str, Any]) -> Iterator[str]:
    bound = found["bound"]
    if bound is not None:
        yield f"no input takes more than {bound['instructions']:,}; the most seen here is {bound['share']:.1%} of it"


def _stages(found: Mapping[str, Any]) -> Iterator[str]:
    yield _row("stage", "left there", "mean of", "its work", "its forest")
    for row in found["stages"]:
        yield _row(str(row["number"] + 1), f"{row['left']:.1%}", row["mean_of_left"], row["mean"], row["forest"])
    yield ""


def _cycles(found: Mapping[str, Any]) -> Iterator[str]:
    if found["cycles"] is None:
        yield f"no cycle estimate: Arm publishes no instruction timings of the {found['core']}"
        return
    yield found["cycles"]["what"] + ":"
    yield _row("estimated cycles per decision", "likely", "low", "high")
    for name in ("lazy", "eager"):
        cycles = found["cycles"][name]
        yield _row(name, cycles["likely"], cycles["low"], cycles["high"])
    yield ""


def _memory(found: Mapping[str, Any]) -> str:
    flash, ram, stack = found["flash"], found["ram"], found["stack"]
    return (
        f"flash {flash['total']:,} bytes (code {flash['code']:,}, tables {flash['tables']:,}); RAM: context "
        f"{ram['context']:,}, variables {ram['static']:,}, stack {stack['lazy']:,} (eager {stack['eager']:,}), the "
        f"caller's window {ram['window']:,}"
    ) + _stream(found["stream"])


def _stream(stream: Mapping[str, Any] | None) -> str:
    if stream is None:
        return "\nthe model cannot stream"
    return (
        f"\nas a stream: flash {stream['flash']:,} bytes; RAM: context {stream['context']:,}, variables "
        f"{stream['static']:,}, stack {stream['stack']:,}"
    )


def _board(board: Mapping[str, Any] | None) -> Iterator[str]:
    if board is None:
        return
    guess = board["estimate"]
    yield ""
    yield f"{board['title']}: {'fits' if board['fits'] else 'DOES NOT FIT'}"
    for name in ("flash", "ram"):
        part = board[name]
        way = f", as a {board['way']}" if name == "ram" else ""
        yield f"{name:<6} {part['share']:7.1%} ({part['bytes']:,} of {part['of']:,} bytes{way})"
    yield guess["what"] + ":"
    yield f"time   {guess['seconds_per_decision'] * 1000:.2f} ms per decision, {guess['duty']:.2%} of every interval"
    if not guess["keeps_up"]:
        yield f"       longer than the interval of {guess['interval_s']:g} s: the board cannot keep up"
    if guess["millijoule_per_decision"] is None:
        yield "energy not estimated: no document in hand states the active current"
    else:
        yield f"energy {guess['millijoule_per_decision']:.3f} mJ per decision"
    if guess["mean_ma"] is None:
        yield "battery life not estimated: a current is not documented, or the board cannot keep up"
    else:
        days = guess["battery_hours"] / 24
        yield (
            f"battery {guess['mean_ma']:.3f} mA on average at a decision every {guess['interval_s']:g} s: "
            f"{days:,.0f} days on {guess['battery_mah']:g} mAh (microphone, radio and self-discharge not counted)"
        )


def csv_text(found: Mapping[str, Any]) -> str:
    """Every figure on a line of its own: table, name, metric, value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("table", "name", "metric", "value"))
    writer.writerows(_figures(found))
    return out.getvalue()


def _figures(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    for key in ("name", "core", "compiler", "flags"):
        yield "about", key, "", found[key]
    for name in ("lazy", "eager"):
        yield from (("instructions", name, metric, value) for metric, value in found[name].items())
    if found["bound"]:
        yield "instructions", "bound", "instructions", found["bound"]["instructions"]
    for row in found["maps"]:
        for metric in ("mean", "computes", "hits", "eager"):
            yield "map", row["name"], metric, row[metric]
        for stage, value in enumerate(row["by_stage"]):
            yield "map", row["name"], f"mean in stage {stage}" if stage else "mean outside stages", value
    for row in found["stages"]:
        for metric in ("left", "mean_of_left", "mean", "forest"):
            yield "stage", str(row["number"] + 1), metric, row[metric]
    for key in ("forest", "stack", "ram"):
        yield from ((key, "", metric, value) for metric, value in found[key].items())
    for metric, value in (found["stream"] or {}).items():
        yield "stream", "", metric, value
    for name in ("lazy", "eager") if found["cycles"] else ():
        yield from (("cycles (estimate)", name, metric, v) for metric, v in found["cycles"][name].items())
    for metric in ("total", "code", "tables"):
        yield "flash", "", metric, found["flash"][metric]
    for name, size in found["flash"]["by_symbol"].items():
        yield "flash by symbol", name, "bytes", size
    if "board" in found:
        board = found["board"]
        for name in ("flash", "ram"):
            yield "board", board["name"], f"{name} share", board[name]["share"]
        yield from (("board (estimate)", board["name"], metric, v) for metric, v in board["estimate"].items())
