"""Reports as training makes them, of any number of classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest

from hybrid.report import render

WORDS = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "_silence_", "_unknown_"]


def wilson(correct: int, n: int, z: float = 1.96) -> list[float]:
    """The 95 % interval of a share."""
    p, d = correct / n, 1 + z * z / n
    middle, half = (p + z * z / (2 * n)) / d, z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
    return [middle - half, middle + half]


def measured(labels: Sequence[str], each: int, skill: float = 0.9) -> dict[str, Any]:
    """The accuracy of a classifier that is right about `skill` of the time, worse on later classes."""
    size = len(labels)
    matrix = [[0] * size for _ in labels]
    for i in range(size):
        wrong = round(each * (1 - skill) * (0.4 + 1.2 * i / size)) if size > 1 else 0
        matrix[i][i] = each - wrong
        for step in range(wrong):
            matrix[i][(i + 1 + step * step % max(size - 1, 1)) % size] += 1
    correct = sum(matrix[i][i] for i in range(size))
    per_class = {}
    for i, label in enumerate(labels):
        precision = matrix[i][i] / max(1, sum(row[i] for row in matrix))
        recall = matrix[i][i] / each
        f1 = 2 * precision * recall / (precision + recall or 1)
        per_class[label] = {"n": each, "precision": precision, "recall": recall, "f1": f1}
    n = each * size
    return {
        "n": n,
        "correct": correct,
        "accuracy": correct / n,
        "interval": wilson(correct, n),
        "per_class": per_class,
        "confusion": matrix,
        "labels": list(labels),
    }


def histogram(n: int) -> dict[str, list[float]]:
    """Two humps: clips that leave after the first stage, and the others."""
    edges = [110_000 + 8_000 * i for i in range(25)]
    heights = [math.exp(-((i - 4) ** 2) / 5) + 0.3 * math.exp(-((i - 15) ** 2) / 12) for i in range(24)]
    counts = [round(n * h / sum(heights)) for h in heights]
    counts[4] += n - sum(counts)
    return {"edges": edges, "counts": counts}


def cost(n: int) -> dict[str, Any]:
    return {
        "unit": "instructions",
        "core": "cortex-m4",
        "table_version": 1,
        "mean": 182_345.6,
        "p50": 151_200,
        "p95": 251_904,
        "max_seen": 287_110,
        "static_max": 331_776,
        "static_min": 96_400,
        "eager": 436_224,
        "by_family": {
            "front end": {"mean": 101_230.5, "eager": 213_840},
            "trunk": {"mean": 78_012.1, "eager": 218_112},
            "affine": {"mean": 3_103.0, "eager": 4_272},
            "forest": {"mean": 5_010.5, "eager": 5_010.5},
        },
        "mac": {"mean": 91_230.0, "p95": 126_000.0, "trunk_and_affine": 40_557.0, "eager": 218_112.0},
        "tiles": {"mean": 412.7, "p95": 640, "total": 1184},
        "node_visits": {"mean": 148.2, "p95": 301},
        "histogram": histogram(n),
    }


def maps() -> list[dict[str, Any]]:
    rows = [
        ("frames", "logmel", "front end", [49, 1, 32], [1, 1, 32], 49, 24_120, 4364, 23.2, 61.0, 0.555, 3136),
        ("dw1", "depthwise", "trunk", [25, 1, 32], [1, 1, 32], 25, 1620, 288, 19.1, 120.4, 0.030, 800),
        ("pw1", "pointwise", "trunk", [25, 1, 48], [1, 1, 8], 150, 815, 256, 88.3, 301.9, 0.124, 1200),
        ("dw2", "depthwise", "trunk", [13, 1, 48], [1, 1, 48], 13, 2710, 528, 10.2, 77.0, 0.030, 624),
        ("pw2", "pointwise", "trunk", [13, 1, 48], [1, 1, 8], 78, 1012, 384, 71.0, 210.3, 0.150, 624),
        ("pool2_mean", "pool", "trunk", [1, 1, 48], [1, 1, 1], 48, 96, 13, 31.4, 12.1, 0.002, 96),
        ("head2", "affine", "affine", [1, 1, 12], [1, 1, 1], 12, 160, 48, 11.7, 40.2, 0.003, 24),
    ]
    names = "name op family shape tile tiles cost_per_tile mac_per_tile mean_computed mean_hits share_of_cost bytes"
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


def stages() -> list[dict[str, Any]]:
    rows = [
        (0, 24, 712, 1850, None, 0.762, 0.958, 0.998, 148_200.0, 210_144, "head1"),
        (1, 36, 1022, 1400, [["_up", 1400], ["<b>", 2**31 - 1]], 0.141, 0.842, 0.97, 233_120.0, 262_656, None),
        (2, 36, 998, 900, None, 0.0, None, None, None, 300_032, None),
        (3, 48, 1300, None, None, 0.097, 0.701, 1.0, 291_003.0, 331_776, None),
    ]
    names = "number trees nodes margin margins left accuracy_of_left as_in_the_end mean_cost static_max base"
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


def features() -> list[dict[str, Any]]:
    return [
        {
            "name": f"pool{1 + i % 3}_mean[0,0,{7 * i % 48}]",
            "map": f"pool{1 + i % 3}_mean",
            "reads_per_decision": 6.3 / (1 + 0.2 * i),
            "share_of_decisions": 1 / (1 + 0.08 * i),
            "closure_cost": 196_400 + 15_310 * (i % 3),
            "closure_mac": 96_400 + 5_310 * (i % 3),
        }
        for i in range(30)
    ]


def learning() -> dict[str, Any]:
    epochs = list(range(1, 41))
    curve = {f"depth{d}": [1 - 0.55 * math.exp(-e / (4 + d)) - 0.12 / d for e in epochs] for d in range(1, 5)}
    return {"epoch": epochs, "train_loss": [2.4 * math.exp(-e / 9) + 0.2 for e in epochs], "validation_accuracy": curve}


def code() -> dict[str, Any]:
    return {
        "compiler": "clang 19.1 (zig 0.14), thumbv7em",
        "flags": "-O2 -ffunction-sections",
        "flash": {"code": 9_812, "tables": 51_340, "total": 61_152},
        "ram": {"context": 11_872},
        "header_bytes": 412_300,
        "by_symbol": [{"name": "kws_pw1_weights", "bytes": 12_288}, {"name": "kws_trees", "bytes": 21_004}],
    }


def baseline(labels: Sequence[str], each: int) -> dict[str, Any]:
    dear = cost(1)
    families = {
        "front end": {"mean": 213_840, "eager": 213_840},
        "trunk": {"mean": 218_112, "eager": 218_112},
        "affine": {"mean": 576, "eager": 576},
    }
    del dear["histogram"]
    small = {**code(), "flash": {"code": 7_020, "tables": 21_400, "total": 28_420}, "ram": {"context": 10_112}}
    accuracies = {"validation": measured(labels, each, 0.905), "test": measured(labels, each, 0.89)}
    spent = {**dear, "mean": 432_528, "p50": 432_528, "p95": 432_528, "by_family": families}
    return {"head": "dense", "accuracy": accuracies, "cost": spent, "code": small}


def complete(labels: Sequence[str] = WORDS, each: int = 103) -> dict[str, Any]:
    """Every section, as a model on lazily computed features has them."""
    test = measured(labels, each, 0.92)
    counts = {"train": 240, "validation": 60, "test": each}
    return {
        "format": 1,
        "name": "kws",
        "created_with": "hybrid 0.1.0",
        "seed": 0,
        "synthetic": False,
        "command": "hybrid fit recordings/ --preset kws12 --out build/kws --seed 0",
        "preset": "kws12",
        "head": "trees",
        "config": {
            "front end": {"hop_ms": 20, "window_ms": 32, "bands": 32, "floor": 1e-4},
            "trunk": {"channels": [32, 48, 48], "kernels": [9, 11, 11], "epochs": 40, "augment": True},
            "forest": {"rounds": 24, "leaves": 31, "learning_rate": 0.08, "penalty": None},
        },
        "data": {
            "path": "recordings/",
            "layout": "class folders",
            "split": "by speaker, lists",
            "notes": ["3 files shorter than 0.1 s were left out", "silence was cut from 6 background recordings"],
            "rate": 16000,
            "window_s": 1.0,
            "counts": {split: dict.fromkeys(labels, n) for split, n in counts.items()},
        },
        "accuracy": {
            "validation": measured(labels, each, 0.93),
            "test": test,
            "test_without_silence": measured([x for x in labels if x != "_silence_"], each, 0.91),
        },
        "learning": learning(),
        "timing_s": {"data": 12.3, "trunk": 754.2, "forest": 88.1, "c": 0.31, "parity": 9.7},
        "cost": cost(test["n"]),
        "maps": maps(),
        "stages": stages(),
        "features": features(),
        "closure": [
            {"kind": "pooled mean of depth 1", "features": 32, "trunk_share": 0.11, "frame_share": 1.0},
            {"kind": "pooled maximum of depth 2, region 1", "features": 48, "trunk_share": 0.31, "frame_share": 0.53},
            {"kind": "logit of depth 3", "features": 12, "trunk_share": 0.74, "frame_share": 1.0},
        ],
        "code": code(),
        "parity": {
            "clips": 600,
            "compared": ["label", "stage", "scores", "cost"],
            "different": 0,
            "eager_equal": True,
            "compiler": "clang 19.1",
        },
        "baseline": baseline(labels, each),
        "forest": {
            "trees": 144,
            "nodes": 4032,
            "features_used": 131,
            "features_offered": 204,
            "max_score_error": 0.0021,
        },
        "exits": {"budget": 0.005, "harm": "truth", "margins": "by class", "share": 0.5, "harmed": 0.004},
        "anytime": {
            "budgets": [448, 150_000, 210_000, 340_000], "least": 448, "most": 340_000, "prior": "<yes>",
            "splits": {
                "validation": {"accuracy": [0.09, 0.09, 0.89, 0.93], "mean_cost": [448.0, 448.0, 1.5e5, 1.8e5]},
                "test": {"accuracy": [0.08, 0.08, 0.88, 0.92], "mean_cost": [448.0, 448.0, 1.5e5, 1.8e5]},
            },
        },
        "gate": [
            {
                "class": "_silence_", "leaves": 2, "windows": 50, "settled": 0.8, "others": 889, "lost": 1,
                "held_out": {"settled": 0.66, "lost": 0.0003},
            }
        ],
        "robustness": {
            "clips": 300, "noise": "white noise",
            "gains": {"within": False, "worst": 0.05, "told": "breaks at a gain of -20 dB (-5.0 pp)"},
            "rows": [
                {"kind": "gain", "value": -20, "name": "gain -20 dB", "accuracy": 0.87, "mean_cost": 1.9e5},
                {"kind": "gain", "value": 0, "name": "as recorded", "accuracy": 0.92, "mean_cost": 1.8e5},
                {"kind": "noise", "value": 5, "name": "5 dB above noise", "accuracy": 0.8, "mean_cost": 2e5},
                {"kind": "offset", "value": 0.05, "name": "offset 5%", "accuracy": 0.9, "mean_cost": 1.8e5},
            ],
        },
        "warnings": ["class _unknown_ has fewer clips per word than the others"],
    }


def dense(labels: Sequence[str] = WORDS, each: int = 103) -> dict[str, Any]:
    """A dense head: no forest, no exits, no features, no baseline."""
    report = {**complete(labels, each), **{"head": "dense", "warnings": []}}
    for section in ("stages", "features", "closure", "baseline", "forest", "learning", "exits", "anytime", "gate"):
        del report[section]
    report["cost"] = {
        "unit": "instructions",
        "mean": 432_528,
        "p50": 432_528,
        "p95": 432_528,
        "max_seen": 432_528,
        "static_max": 432_528,
        "static_min": 432_528,
        "eager": 432_528,
        "by_family": baseline(labels, each)["cost"]["by_family"],
        "histogram": {"edges": [432_528, 432_528], "counts": [report["accuracy"]["test"]["n"]]},
    }
    return report


@pytest.fixture
def make_report() -> Callable[..., dict[str, Any]]:
    """`complete(labels, each)`."""
    return complete


@pytest.fixture
def make_dense() -> Callable[..., dict[str, Any]]:
    """`dense(labels, each)`."""
    return dense


def pages() -> dict[str, dict[str, Any]]:
    """Reports of many kinds, by name."""
    small = {"name": "clap", "accuracy": {"test": measured(["clap", "_silence_"], 20, 0.8)}}
    fifty = complete([f"class {i}: {'dog bark' if i % 2 else 'rain'}" for i in range(50)], 40)
    names = [
        '<script>alert("1")</script>',
        "$x_1$",
        "</svg><b>",
        "été-hiver",
        "да",
        "漢字",
        "😀 'q' & \"r\"",
        "a" * 300,
    ]
    hostile = complete(names, 30)
    hostile |= {"synthetic": True, "name": "<script>alert(2)</script>"}
    hostile["learning"]["validation_accuracy"] = {"<script>x</script> $1": [0.5, 0.6], "_漢": [0.4, 0.7]}
    hostile["cost"]["by_family"]["<i>$a$</i>"] = {"mean": 1, "eager": 2}
    hostile["parity"] |= {"different": 3, "eager_equal": False}
    return {
        "complete": complete(),
        "dense": dense(),
        "two": complete(["knock", "_silence_"], 60),
        "fifty": fifty,
        "hostile": hostile,
        "small": small,
        "empty": {},
    }


@cache
def page(kind: str) -> str:
    """The page of a kind of report, rendered once."""
    return render(pages()[kind])


@pytest.fixture(params=sorted(pages()))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of report in turn."""
    return request.param


@pytest.fixture
def any_report(kind: str) -> dict[str, Any]:
    """The report of this kind, fresh."""
    return pages()[kind]


@pytest.fixture
def any_page(kind: str) -> str:
    """The page of `any_report`."""
    return page(kind)


@pytest.fixture
def page_of() -> Callable[[str], str]:
    """`page(kind)`."""
    return page
