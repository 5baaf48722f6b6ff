"""What a fit found, for people."""

from __future__ import annotations

from typing import Any


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
    if report.get("clips"):
        lines.append(f"{clips_text(report['clips'])}; eager {report['clips']['windows'] * cost['eager'] / 1e6:.3f}")
    code = report["code"]
    lines.append(
        f"flash {code['flash']['total'] / 1000:.1f} kB, RAM {code['ram']['context'] / 1000:.1f} kB; leaving at stages "
        + ", ".join(f"{stage['left']:.0%}" for stage in report["stages"])
    )
    if "front" in report:
        best = sorted((p for p in report["front"]["points"] if p["on_front"]), key=lambda p: p["mean"])
        lines.append(f"accuracy against cost on validation, {len(report['front']['points'])} forests tried:")
        lines += [_point_text(point) for point in best]
    if "pruning" in report:
        lines += pruning_text(report["pruning"])
    if "baseline" in report:
        dense = report["baseline"]
        lines.append(
            f"dense head on the same trunk: test {dense['accuracy']['test']['accuracy']:.1%}, mean "
            f"{dense['cost']['mean'] / 1e6:.3f} M instructions, flash {dense['code']['flash']['total'] / 1000:.1f} kB, "
            f"RAM {dense['code']['ram']['context'] / 1000:.1f} kB"
        )
    if report.get("gate"):
        lines += [gate_text(found) for found in report["gate"]]
    if "robustness" in report:
        lines.append(f"accuracy {report['robustness']['gains']['told']}")
    lines.append(f"parity: {report['parity']['clips']} windows, C equals interpreter bit for bit")
    return "\n".join(lines)


def clips_text(found: dict[str, Any]) -> str:
    """What whole clips take where they are cut into several windows."""
    return (
        f"clips: {found['decided']:.2f} of {found['windows']:.2f} windows decided; a clip takes "
        f"{found['mean'] / 1e6:.3f}, p95 {found['p95'] / 1e6:.3f} M instructions"
    )


def gate_text(found: dict[str, Any]) -> str:
    """What a gate settles of a class."""
    return (
        f"gate: {found['settled']:.0%} of the {found['windows']} test windows of {found['class']} leave before the "
        f"first FFT, and {found['lost']} of {found['others']} others that the forest alone gets right"
    )


def robustness_lines(found: dict[str, Any]) -> list[str]:
    """Accuracy and mean cost under each condition, and the verdict."""
    rows = [f"{r['name']:>20}  {r['accuracy']:6.1%}  {r['mean_cost'] / 1e6:.3f} M" for r in found["rows"]]
    return [f"accuracy and mean cost of {found['clips']} clips ({found['noise']}):", *rows, found["gains"]["told"]]


def _point_text(point: dict[str, Any]) -> str:
    stages = ", ".join(map(str, point["stages"]))
    settings = f"stages {stages}; cost weight {point['cost_weight']:g}; exit loss {100 * point['exit_loss']:g} points"
    taken = "  <- taken" if point["chosen"] else ""
    return f"  {point['accuracy']:.1%} at {point['mean'] / 1e6:.3f} M ({settings}){taken}"


def pruning_text(found: dict[str, Any]) -> list[str]:
    """What leaving out bands did, before and after."""
    if found["chosen"] is None:
        return [f"bands: none of {len(found['tried']) - 1} refits keeps {100 * found['budget']:g} points at less cost"]
    lines = [f"bands: {found['chosen']}"]
    for when in ("before", "after"):
        row = found[when]
        lines.append(
            f"  {when}: {row['bands']} bands, validation {row['validation']['accuracy']:.1%}, test "
            f"{row['test']['accuracy']:.1%}, mean {row['test']['mean_cost'] / 1e6:.3f}, eager {row['eager'] / 1e6:.3f}"
            " M instructions"
        )
    return lines


def accuracy_text(found: dict[str, Any]) -> str:
    """Accuracy with interval and n."""
    low, high = found["interval"]
    return f"{found['accuracy']:.1%} ({low:.1%}-{high:.1%}) of {found['n']} clips"
