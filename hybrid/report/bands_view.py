"""What bands and frames are worth and cost, and what leaving some out did, for the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hybrid.report import stats_plots
from hybrid.report.formats import accuracy, amount, change, count, number, percent, points, width
from hybrid.report.overview import at

NATS = "{:+.3f}"


def bands_view(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the template of bands needs, from a report or statistics; None where importance was not measured."""
    worth = found.get("importance")
    if not worth:
        return None
    rows = _bands(worth["bands"], at(found, "band_prices", "bands"))
    return {
        "windows": count(worth["windows"]),
        "accuracy": percent(worth["accuracy"]),
        "loss": f"{worth['loss']:.3f}",
        "heat": stats_plots.worth(worth["regions"]),
        "bands": rows,
        "priced": bool(rows) and "price" in rows[0],
        "times": [_part(row, f"{row['first']} to {row['last']}", _most(worth["times"])) for row in worth["times"]],
        "looked": all("looked" in row for row in worth["bands"]),
        "spectrum": _spectrum(found.get("band_prices")),
        "pruning": _pruning(found.get("pruning")),
    }


def _most(rows: Sequence[Mapping[str, Any]]) -> float:
    return max((row["loss_rise"] for row in rows), default=0.0)


def _part(row: Mapping[str, Any], name: str, most: float) -> dict[str, Any]:
    error = f" ± {row['loss_error']:.3f}"
    shown = {
        "name": name,
        "loss": NATS.format(row["loss_rise"]) + error,
        "width": width(max(0.0, row["loss_rise"]), most),
        "drop": points(-row["accuracy_drop"]),
    }
    return shown | ({"looked": percent(row["looked"])} if number(row.get("looked")) is not None else {})


def _bands(rows: Sequence[Mapping[str, Any]], prices: Sequence[Mapping[str, float]] | None) -> list[dict[str, Any]]:
    most, found = _most(rows), []
    for number_of, row in enumerate(rows):
        shown = _part(row, f"{row['band']}", most) | {"hz": f"{row['from_hz']:.0f} to {row['to_hz']:.0f}"}
        if prices and number_of < len(prices):
            price = prices[number_of]
            keys = ("taps", "log2", "first_convolution", "total")
            shown |= {"price": [count(round(price[key])) for key in keys]}
        found.append(shown)
    return found


def _spectrum(prices: Mapping[str, Any] | None) -> str:
    """What the bands take of the whole, in a sentence."""
    if not prices:
        return ""
    total = sum(row["total"] for row in prices["bands"])
    return (
        f"All bands together take {amount(total, prices['unit'])} of the {amount(prices['eager'], '')} of a window "
        f"whose maps are all computed ({percent(total / prices['eager'])}); the spectra before them take "
        f"{amount(prices['spectrum'], '')} however few bands are left."
    )


def _pruning(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    before, after = found["before"], found["after"]
    return {
        "chosen": found["chosen"],
        "budget": points(found["budget"]).lstrip("+"),
        "nats": f"{found['nats']:.3f}",
        "short": found["short"],
        "rows": [_compared(*what, before, after) for what in _FIGURES],
        "bands": (_named(before), _named(after)),
        "tried": [_tried(row) for row in found["tried"]],
    }


_FIGURES = (
    ("validation accuracy", ("validation", "accuracy"), "share"), ("test accuracy", ("test", "accuracy"), "share"),
    ("validation log-loss, nats", ("validation", "loss"), "nats"), ("test log-loss, nats", ("test", "loss"), "nats"),
    ("mean cost, validation", ("validation", "mean_cost"), "cost"), ("mean cost, test", ("test", "mean_cost"), "cost"),
    ("95 % of test decisions within", ("test", "p95_cost"), "cost"), ("every map computed", ("eager",), "cost"),
    ("bound", ("static_max",), "cost"),
)  # fmt: skip


def _compared(
    what: str, keys: tuple[str, ...], kind: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[str, ...]:
    """Name, before, after, difference."""
    old, new = float(at(before, *keys)), float(at(after, *keys))
    if kind == "share":
        return what, percent(old), percent(new), points(new - old)
    if kind == "nats":
        return what, f"{old:.3f}", f"{new:.3f}", NATS.format(new - old)
    return what, amount(old, ""), amount(new, "", like=old), change(new, old)


def _named(row: Mapping[str, Any]) -> str:
    """How many bands a model has, and which."""
    kept = row["keep_bands"]
    return f"{row['bands']} of {row['of']}: {', '.join(map(str, kept))}" if kept else f"{row['bands']}, all"


def _tried(row: Mapping[str, Any]) -> tuple[str, ...]:
    inside = row["inside"]
    verdict = "" if inside is None else "yes" if inside else "no"
    shown = accuracy({"accuracy": row["accuracy"]})
    costs = [part for key in ("mean_cost", "eager") for part in (amount(row[key], ""), _rise(row, key))]
    return row["what"], row["training"], shown, f"{row['loss']:.3f}", *costs, verdict


def _rise(row: Mapping[str, Any], key: str) -> str:
    found = row["cost_change" if key == "mean_cost" else "eager_change"]
    return "" if found is None else f"{100 * found:+.1f} %"
