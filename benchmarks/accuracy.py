"""Accuracy and cost of the presets on real recordings, over seeds: one `hybrid fit` per run, and a table of all.

    python benchmarks/accuracy.py DATA --task kws12 --seeds 0 1 2 --out build/accuracy

DATA holds speech_commands/, fsdd/ and esc10/. Tasks: kws12, kws12-large, digits (takes 5-9 held out),
digits-speakers (one speaker left out, six runs a seed), esc10 (each fold tested once). A run whose report is there
already is not repeated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FOLDS = (1, 2, 3, 4)


def runs(task: str) -> list[tuple[str, str, list[str]]]:
    """(name, data folder, arguments of hybrid fit) of every run of a task."""
    if task in ("kws12", "kws12-large"):
        return [(task, "speech_commands", ["--preset", task, "--name", "kws"])]
    if task == "digits":
        return [(task, "fsdd", ["--preset", "digits", "--name", "digits"])]
    if task == "digits-speakers":
        common = ["--preset", "digits", "--name", "digits", "--leave-out"]
        return [(f"digits-{s}", "fsdd", [*common, s]) for s in SPEAKERS]
    common = ["--preset", "esc10", "--name", "esc", "--test-fold"]
    return [(f"esc10-fold{f}", "esc10", [*common, str(f)]) for f in FOLDS]


def fit(data: Path, arguments: list[str], out: Path, seed: int) -> dict:
    """One run, or its report where it is there."""
    if not (out / "report.json").is_file():
        command = [sys.executable, "-m", "hybrid.cli", "fit", str(data), "--out", str(out), "--seed", str(seed)]
        subprocess.run([*command, *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "report.json").read_text("utf-8"))


def row(report: dict) -> dict[str, float]:
    """What the table shows of one run."""
    found = {name: 100 * report["accuracy"][name]["accuracy"] for name in report["accuracy"]}
    cost = report["cost"]
    macs, clips = cost["mac"], report.get("clips") or {"mean": cost["mean"], "decided": 1}
    return found | {
        "k instructions a clip": clips["mean"] / 1e3,
        "windows a clip": clips["decided"],
        "dense test": 100 * report["baseline"]["accuracy"]["test"]["accuracy"],
        "k instructions a window": cost["mean"] / 1e3,
        "at most": cost["static_max"] / 1e3,
        "trunk+affine k MAC": macs["trunk_and_affine"] / 1e3,
        "eager k MAC": (macs["by_family"]["trunk"]["eager"] + macs["by_family"]["affine"]["eager"]) / 1e3,
        "front end k MAC": macs["by_family"]["front end"]["mean"] / 1e3,
        "flash kB": report["code"]["flash"]["total"] / 1e3,
        "RAM kB": report["code"]["ram"]["context"] / 1e3,
        "minutes": sum(report["timing_s"].values()) / 60,
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown, with the mean of all runs below."""
    columns = list(next(iter(rows.values())))
    lines = ["| run | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    mean = {c: float(np.mean([r[c] for r in rows.values()])) for c in columns}
    for name, values in {**rows, "mean": mean}.items():
        lines.append(f"| {name} | " + " | ".join(f"{values[c]:.1f}" for c in columns) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("build/accuracy"))
    options = parser.parse_args()
    rows = {}
    for seed in options.seeds:
        for name, folder, arguments in runs(options.task):
            out = options.out / f"{name}-seed{seed}"
            rows[f"{name} seed {seed}"] = row(fit(options.data / folder, arguments, out, seed))
            print(f"{name} seed {seed}: {rows[f'{name} seed {seed}']}", file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
