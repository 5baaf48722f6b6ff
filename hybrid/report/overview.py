"""What stands at the top of a report: its sentence, its headline tiles and the comparison with the dense baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid.report import formats
from hybrid.report.formats import number


@dataclass(frozen=True)
class Tile:
    """One headline figure. `state`: "good", "bad" or ""."""

    label: str
    value: str
    note: str
    state: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the comparison: what, this model's figure, the baseline's, the difference, which way is better."""

    what: str
    ours: str
    theirs: str
    difference: str
    state: str = ""


def at(values: Any, *keys: str) -> Any:
    """The value under nested keys, None where one is missing."""
    for key in keys:
        if not isinstance(values, Mapping):
            return None
        values = values.get(key)
    return values


def measured_split(report: Mapping[str, Any]) -> str | None:
    """The split that headline accuracies come from: test where there is one, else validation."""
    return next((split for split in ("test", "validation") if at(report, "accuracy", split)), None)


def unit(report: Mapping[str, Any]) -> str:
    """The unit of costs."""
    return str(at(report, "cost", "unit") or formats.UNIT)


def of_eager(report: Mapping[str, Any]) -> float | None:
    """The mean cost as a share of the eager one."""
    mean, eager = number(at(report, "cost", "mean")), number(at(report, "cost", "eager"))
    return mean / eager if mean is not None and eager else None


def summary(report: Mapping[str, Any]) -> str:
    """The report in one sentence, without the model's name; empty where nothing was measured."""
    split = measured_split(report)
    parts = [_task(report, split)]
    if split:
        found = report["accuracy"][split]
        parts.append(f"{formats.accuracy(found)} of {formats.count(found.get('n'))} {split} clips are right")
    mean = at(report, "cost", "mean")
    if number(mean) is not None:
        share = of_eager(report)
        lazy = share is not None and share < 1
        against = f", {formats.percent(share, 0)} of what computing every map would cost" if lazy else ""
        parts.append(f"a decision costs {formats.amount(mean, unit(report))} on average{against}")
    told = "; ".join(part for part in parts if part)
    return f"{told[0].upper()}{told[1:]}." if told else ""


def _task(report: Mapping[str, Any], split: str | None) -> str:
    classes = len(at(report, "accuracy", split or "", "labels") or ())
    if not classes:
        return ""
    window, rate = number(at(report, "data", "window_s")), number(at(report, "data", "rate"))
    told = f"tells {classes} classes apart"
    if window:
        told += f" in windows of {window:g}{formats.SPACE}s"
    if rate:
        told += f" at {formats.rate(rate)}"
    return told


def tiles(report: Mapping[str, Any]) -> list[Tile]:
    """The headline figures that this report has."""
    made = (_accuracy(report), _cost(report), _flash(report), _ram(report), _parity(report))
    return [tile for tile in made if tile]


def _accuracy(report: Mapping[str, Any]) -> Tile | None:
    split = measured_split(report)
    if not split:
        return None
    found = report["accuracy"][split]
    correct = f"{formats.count(found.get('correct'))} of " if number(found.get("correct")) is not None else ""
    note = f"{correct}{formats.count(found.get('n'))} {split} clips"
    bounds = formats.interval(found.get("interval"))
    note += f"; 95{formats.SPACE}% interval {bounds.strip('()')}" if bounds else ""
    return Tile(f"{split.capitalize()} accuracy", formats.percent(found.get("accuracy")), note)


def _cost(report: Mapping[str, Any]) -> Tile | None:
    mean = at(report, "cost", "mean")
    if number(mean) is None:
        return None
    share, eager = of_eager(report), at(report, "cost", "eager")
    note = ""
    if share is not None:
        told = f"{formats.percent(share, 0)} of eager, {formats.amount(eager, '')}"
        note = told if share < 1 else "every map is computed whole"
    return Tile(f"Mean {unit(report)}", formats.amount(mean, "", eager), note)


def _flash(report: Mapping[str, Any]) -> Tile | None:
    flash = at(report, "code", "flash") or {}
    if number(flash.get("total")) is None:
        return None
    note = f"code {formats.size(flash.get('code'))}, tables {formats.size(flash.get('tables'))}"
    return Tile("Flash", formats.size(flash["total"]), note)


def _ram(report: Mapping[str, Any]) -> Tile | None:
    context = at(report, "code", "ram", "context")
    if number(context) is None:
        return None
    return Tile("RAM", formats.size(context), "the context, owned by the caller")


def _parity(report: Mapping[str, Any]) -> Tile | None:
    parity = report.get("parity") or {}
    different = number(parity.get("different"))
    if different is None:
        return None
    what, lazy = f"{formats.count(parity.get('clips'))} {decided(report)}", parity.get("eager_equal") is not False
    if different == 0 and lazy:
        return Tile("Parity", "bit for bit", f"C equals the interpreter on {what}", "good")
    note = f"C and interpreter differ on {formats.count(different)} of {what}"
    return Tile("Parity", "broken", note + ("" if lazy else "; lazy and eager differ"), "bad")


def decided(report: Mapping[str, Any]) -> str:
    """What decisions are of: "clips", or "windows" where clips are cut into several."""
    return "windows" if report.get("clips") else "clips"


def versus(report: Mapping[str, Any]) -> list[Row]:
    """This model beside the dense baseline: the figures that both have."""
    baseline = report.get("baseline")
    if not baseline:
        return []
    rows = [_share_row(report, baseline, split) for split in ("test", "validation")]
    name = unit(report)
    rows.append(_less_row("Mean cost of a decision", at(report, "cost", "mean"), at(baseline, "cost", "mean"), name))
    rows.append(_less_row("Mean cost of trunk and affine maps", _trunk(report), _trunk(baseline), name))
    macs = [at(side, "cost", "mac", "trunk_and_affine") for side in (report, baseline)]
    rows.append(_less_row("The same in multiply-accumulates", macs[0], macs[1], "MAC"))
    for what, keys in (("Flash", ("code", "flash", "total")), ("RAM (context)", ("code", "ram", "context"))):
        rows.append(_less_row(what, at(report, *keys), at(baseline, *keys), None))
    return [row for row in rows if row]


def _share_row(report: Mapping[str, Any], baseline: Mapping[str, Any], split: str) -> Row | None:
    ours, theirs = at(report, "accuracy", split), at(baseline, "accuracy", split)
    new, old = number(at(ours, "accuracy")), number(at(theirs, "accuracy"))
    if new is None or old is None:
        return None
    state = "" if _overlap(ours, theirs) or new == old else "good" if new > old else "bad"
    clips = [number(at(side, "n")) for side in (ours, theirs)]
    counts = " / ".join(formats.count(n) for n in dict.fromkeys(clips))
    what = f"{split.capitalize()} accuracy, {counts} clips"
    return Row(what, formats.accuracy(ours), formats.accuracy(theirs), formats.points(new - old), state)


def _less_row(what: str, ours: Any, theirs: Any, name: str | None) -> Row | None:
    """A figure that is better when smaller: a cost in the unit `name`, or bytes."""
    new, old = number(ours), number(theirs)
    if new is None or old is None:
        return None
    state = "" if new == old else "good" if new < old else "bad"
    shown = [formats.amount(x, name, like=max(new, old)) if name else formats.size(x) for x in (new, old)]
    return Row(what, shown[0], shown[1], formats.change(new, old), state)


def _trunk(model: Mapping[str, Any]) -> float | None:
    """Mean cost of trunk and affine maps: what trees and dense heads spend differently."""
    found = at(model, "cost", "by_family") or {}
    parts = [number(at(found, family, "mean")) for family in ("trunk", "affine")]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def overlap(report: Mapping[str, Any]) -> bool:
    """Whether the test intervals of model and baseline overlap."""
    return _overlap(at(report, "accuracy", "test"), at(report, "baseline", "accuracy", "test"))


def _overlap(ours: Any, theirs: Any) -> bool:
    new, old = at(ours, "interval"), at(theirs, "interval")
    if not formats.interval(new) or not formats.interval(old):
        return False
    return bool(new[0] <= old[1] and old[0] <= new[1])
