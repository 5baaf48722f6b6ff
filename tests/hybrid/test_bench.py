"""`hybrid bench`: exact, repeatable figures of a fitted model, in every form; and every wrong use told in one line."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import interpret
from codegen.target.cores import TargetError
from hybrid import bench as benching
from hybrid.evaluate import load_model

CPU = ("--compiler", "zig", "--clips", "4")


@pytest.fixture(scope="module")
def measured(model: Any, hybrid: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The measurement on a Cortex-M0+, where M0+ and its board are the most demanding, and its folder."""
    out = tmp_path_factory.mktemp("bench")
    done = hybrid("bench", model.folder, *CPU, "--board", "pico", "--out", out, "--csv", out / "own.csv", "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), out


def test_the_figures_add_up(measured: Any, model: Any) -> None:
    found, _ = measured
    lazy, plan = found["lazy"], load_model(model.folder)[0].plan
    assert found["core"] == "cortex-m0plus" and found["data"]["windows"] == 4
    assert 0 < lazy["p50"] <= lazy["p95"] <= lazy["max"] and lazy["mean"] <= found["eager"]["mean"] * 1.2
    by_map = sum(row["mean"] for row in found["maps"])
    assert by_map + found["forest"]["mean"] == pytest.approx(lazy["mean"])
    for row in found["maps"]:
        assert row["mean"] == pytest.approx(sum(row["by_stage"]))
    assert sum(name.count("+") + 1 for name in (row["name"] for row in found["maps"])) == len(plan.maps)
    assert sum(stage["left"] for stage in found["stages"]) == pytest.approx(1)
    assert sum(found["histogram"]["counts"]) == 4
    assert found["bound"] is None  # the model's table is of another core
    assert found["stream"]["context"] > 100 and found["stream"]["stack"] > 50
    assert sum(found["flash"]["by_symbol"].values()) == found["flash"]["total"] > 1000
    assert found["stack"]["lazy"] > 50 and found["ram"]["window"] == 2 * plan.source.value.shape[0]
    cycles = found["cycles"]["lazy"]
    assert lazy["mean"] < cycles["low"] <= cycles["likely"] <= cycles["high"] < 2 * lazy["mean"]


def test_calls_and_hits_are_the_interpreters(measured: Any, model: Any) -> None:
    found, _ = measured
    loaded, config = load_model(model.folder)
    pcm, _, _ = benching.test_windows(loaded, config, None, 4, False, lambda _: None, lambda *_: None)
    computes, hits = interpret.run(loaded.plan, pcm).counts()
    assert sum(row["computes"] for row in found["maps"]) == pytest.approx(computes.sum(axis=1).mean())
    assert sum(row["hits"] for row in found["maps"]) == pytest.approx(hits.sum(axis=1).mean())


def test_a_second_run_prints_the_same_bytes(measured: Any, model: Any, hybrid: Any, tmp_path: Path) -> None:
    _, out = measured
    again = hybrid("bench", model.folder, *CPU, "--board", "pico", "--out", tmp_path)
    assert again.exit_code == 0, again.stderr
    names = {"bench.json", "bench.csv", "bench.html", "bench.svg", "bench.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name
    text = again.stdout
    parts = ("lazy", "eager", "memo hits", "left there", "estimated cycles", "flash by symbol", "Raspberry Pi Pico")
    for part in parts:
        assert part in text, part


def test_the_csv_holds_every_figure(measured: Any) -> None:
    found, out = measured
    rows = list(csv.DictReader((out / "own.csv").open(encoding="utf-8")))
    value = {(row["table"], row["name"], row["metric"]): row["value"] for row in rows}
    assert float(value["instructions", "lazy", "mean"]) == found["lazy"]["mean"]
    assert int(value["flash", "", "total"]) == found["flash"]["total"]
    assert {name for table, name, _ in value if table == "map"} == {row["name"] for row in found["maps"]}
    assert len(rows) > 100


def test_the_page_stands_alone(measured: Any) -> None:
    page = (measured[1] / "bench.html").read_text("utf-8")
    assert "<svg" in page and "<script" not in page and "src=" not in page and "href=\"http" not in page


def test_another_answer_than_the_interpreters_fails_with_the_clip_named(
    model: Any, hybrid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, spoilt = interpret.run, []

    def wrong(plan: Any, pcm: np.ndarray) -> Any:
        results = run(plan, pcm)
        results.scores[2, 1] += 1
        spoilt.append(2)
        return results

    monkeypatch.setattr(benching.interpret, "run", wrong)
    done = hybrid("bench", model.folder, *CPU)
    assert done.exit_code == 2 and spoilt
    loaded, config = load_model(model.folder)
    names = benching.test_windows(loaded, config, None, 4, False, lambda _: None, lambda *_: None)[1]
    told = done.stderr.strip().splitlines()[-1]
    assert "parity failed: scores of 1 of 4 windows differs" in told and f"first in {names[2]}:" in told


def test_code_of_another_core_is_refused(model: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def foreign(*_: Any) -> int:
        raise TargetError("1 instructions are not of cortex-m4")

    monkeypatch.setattr("codegen.target.model.check", foreign)
    assert "are not of cortex-m4" in refused("bench", model.folder, *CPU, "--quiet")


def test_recordings_that_are_not_there_are_told(model: Any, refused: Any, tmp_path: Path) -> None:
    import hybrid.model_file as files

    loaded = files.load(model.folder)
    shutil.copytree(model.folder, tmp_path / "moved")
    gone = str(tmp_path / "gone")
    files.save(files.Model(loaded.plan, loaded.about | {"data": gone}), tmp_path / "moved")
    told = refused("bench", tmp_path / "moved", *CPU)
    assert f"fitted on ({gone}) are not there: name them after DIR" in told
    assert "gone" in refused("bench", model.folder, gone, *CPU)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--cpu", "cortex-m5"), "core 'cortex-m5' is unknown: choose from cortex-m0plus"),
        (("--compiler", "icc"), "cross compiler 'icc' is unknown: choose from arm-none-eabi-gcc, zig"),
        (("--board", "abacus"), "board 'abacus' is unknown"),
        (("--check",), "--check needs a board"),
        (("--clips", "0"), "--clips"),
        (("--csv", "nowhere/at/all.csv"), "its folder is not there"),
        (("--out", __file__), "is a file: name a folder"),
    ],
)
def test_wrong_options_are_one_line(model: Any, refused: Any, options: tuple[str, ...], told: str) -> None:
    assert told in refused("bench", model.folder, *options)


def test_packages_that_are_not_installed_are_named(
    model: Any, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching.importlib.util, "find_spec", lambda name: None)
    told = refused("bench", model.folder)
    assert told.endswith("needs unicorn and capstone: pip install 'hybrid[device]'")


def test_a_folder_without_a_model_is_told(refused: Any, tmp_path: Path) -> None:
    assert "model.json" in refused("bench", tmp_path)


def test_a_model_that_does_not_fit_its_board_exits_with_2(
    measured: Any, model: Any, hybrid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching, "bench", lambda *_, **__: dict(measured[0]))
    fits = hybrid("bench", model.folder, "--board", "pico", "--check")
    assert fits.exit_code == 0 and "fits" in fits.stdout
    small = {"flash_kb": 1, "ram_kb": 1}
    from hybrid import boards

    tight = {name: boards.Board(**(vars(board) | small)) for name, board in boards.boards().items()}
    monkeypatch.setattr(boards, "boards", lambda: tight)
    done = hybrid("bench", model.folder, "--board", "pico", "--check")
    assert done.exit_code == 2 and "DOES NOT FIT" in done.stdout
    assert "does not fit Raspberry Pi Pico" in done.stderr and "flash by" in done.stderr


def test_maps_that_share_a_function_in_any_build_are_one_row() -> None:
    assert benching._groups(5, [[], [{1, 3}], [{3, 4}]]) == [[0], [1, 3, 4], [2]]
    assert benching._groups(3, [[], []]) == [[0], [1], [2]]
