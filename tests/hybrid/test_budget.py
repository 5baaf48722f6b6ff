"""Searching the best model inside limits of flash, RAM and worst-case cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hybrid import budget
from hybrid.boards import find_board
from hybrid.budget import Found, Limits, Need, board_limits, find, ladder, parse_size
from hybrid.config import Config
from hybrid.errors import HybridError


@dataclass
class Bench:
    """A ladder whose models have a size by width, and a record of what was trained."""

    monkeypatch: pytest.MonkeyPatch
    accuracy: dict[int, float]
    trees: int = 1000
    probing: bool = True

    def __post_init__(self) -> None:
        self.trained: list[tuple[int, tuple[int, ...], Any]] = []
        self.said: list[str] = []
        self.monkeypatch.setattr(budget, "measure", lambda plan: plan.need)
        self.monkeypatch.setattr(budget, "_accuracy", lambda plan, _: self.accuracy.get(plan.width, 0.5))

    def plan(self, config: Config, trees: int) -> Any:
        width = config.trunk.channels[0]
        return SimpleNamespace(width=width, need=Need(1000 * width + trees, 100 * width, 10_000 * width + trees))

    def train(self, config: Config, trunk: Any) -> Any:
        self.trained.append((config.trunk.channels[0], config.forest.rounds, trunk))
        plan = self.plan(config, self.trees * config.forest.rounds[0])
        return SimpleNamespace(plan=plan, dense=self.plan(config, 0), trunk=f"trunk {plan.width}")

    def search(self, head: str = "trees", channels: int = 64, **limits: int) -> Found:
        config = Config()
        trunk = replace(config.trunk, channels=(channels,) * 5)
        config = replace(config, trunk=trunk, forest=replace(config.forest, rounds=(8,)))
        probe = (lambda c: self.plan(c, 0)) if self.probing else None
        return find(Limits(**limits), config, head, self.train, probe, SimpleNamespace(), self.said.append)


def test_the_ladder_goes_down_in_width_and_then_in_rounds() -> None:
    config = Config()
    trunk, forest = replace(config.trunk, channels=(72, 64)), replace(config.forest, rounds=(6, 1))
    config = replace(config, trunk=trunk, forest=forest)
    rungs = list(ladder(config, "trees"))
    assert rungs[0][0] == config
    assert [r[0].trunk.channels for r in rungs] == [(72, 64), (56, 48), (32, 32), (24, 24), (16, 16)]
    assert [c.forest.rounds for c in rungs[1]] == [(6, 1), (3, 1)]
    assert all(len(r) == 1 for r in ladder(config, "dense"))


def test_a_model_inside_the_limits_stays_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {64: 0.9, 48: 0.8})
    found = bench.search(flash=100_000)
    assert found.config.trunk.channels[0] == 64 and found.config.forest.rounds == (8,)
    assert [width for width, *_ in bench.trained] == [64, 48]


def test_the_better_of_those_inside_is_taken_and_of_equals_the_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Bench(monkeypatch, {64: 0.8, 48: 0.9}).search(flash=100_000).config.trunk.channels[0] == 48
    assert Bench(monkeypatch, {64: 0.9, 48: 0.9}).search(flash=100_000).config.trunk.channels[0] == 48


def test_hopeless_widths_are_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {})
    found = bench.search(ram=3_000)
    assert [width for width, *_ in bench.trained] == [24, 16] and found.need.ram <= 3_000
    assert [row["validation"] for row in found.tried] == [None, None, None, 0.5, 0.5]
    assert "channels 64-64-64-64-64, untrained, without trees" in bench.said[0]
    assert "over in ram by 3,400" in bench.said[0]


def test_fewer_rounds_are_tried_on_the_same_trunk(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {})
    found = bench.search(flash=69_000)
    assert bench.trained[:2] == [(64, (8,), None), (64, (4,), "trunk 64")]
    assert found.tried[0]["over"] == {"flash": 3000} and found.tried[1]["over"] == {}


def test_where_a_probe_says_nothing_everything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {}, probing=False)
    assert bench.search(ram=3_000).need.ram <= 3_000
    assert [width for width, *_ in bench.trained] == [64, 64, 48, 48, 32, 32, 24, 16]


def test_a_dense_head_is_searched_by_width_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {32: 0.9})
    assert bench.search("dense", flash=33_000).need == Need(32_000, 3_200, 320_000)
    assert [width for width, *_ in bench.trained] == [32, 24]


def test_a_limit_that_cannot_be_met_is_told_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HybridError) as caught:
        Bench(monkeypatch, {}).search(ram=1_000, flash=100_000)
    told = str(caught.value)
    assert "--max-ram 1,000 cannot be met: the smallest model tried, without trees, takes 1,600, 600 more" in told
    assert "--max-flash" not in told
    with pytest.raises(HybridError, match=r"--max-cost 161,000 cannot be met: the smallest model tried takes 164,000"):
        Bench(monkeypatch, {}).search(cost=161_000)


def test_limits_that_exclude_each_other_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {}, probing=False)
    odd = [Need(10, 90, 1), Need(90, 10, 1)]
    monkeypatch.setattr(budget, "measure", lambda plan: odd[plan.width % 16 == 0])
    with pytest.raises(HybridError, match="no model tried keeps all limits together: the closest breaks --max-"):
        bench.search(flash=20, ram=20)


@pytest.mark.parametrize(
    ("text", "size"), [("60000", 60_000), ("60k", 60_000), ("60 kB", 60_000), ("64KiB", 65_536), ("1.5M", 1_500_000)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text, "--max-flash") == size


@pytest.mark.parametrize("text", ["", "k", "-5k", "1e3", "12 parsecs", "0", "1..5k", "99999999999M", "nan"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(HybridError, match=r"--max-flash .* is "):
        parse_size(text, "--max-flash")


def test_a_board_sets_flash_and_ram_less_the_stack() -> None:
    found = board_limits(find_board("nano-33-ble"), Limits(cost=5))
    assert found == Limits(1024 * 1024, 256 * 1024 - 1024, 5)
    assert board_limits(find_board("nano-33-ble"), Limits(flash=7)).flash == 7


@pytest.mark.parametrize(("stream", "ram"), [(None, 1000 + 32_000 + 8), (5000, 5000 + 8), (90_000, 1000 + 32_000 + 8)])
def test_ram_is_the_stream_or_context_and_window(
    monkeypatch: pytest.MonkeyPatch, stream: int | None, ram: int
) -> None:
    code = {"flash": {"total": 7}, "ram": {"context": 1000, "static": 8, "stream": stream}}
    monkeypatch.setattr(budget, "write_code", lambda *_: None)
    monkeypatch.setattr(budget.footprint, "measure", lambda *_: code)
    source = SimpleNamespace(value=SimpleNamespace(shape=(16_000, 1, 1)))
    plan: Any = SimpleNamespace(name="kws", source=source, cost_max=9)
    assert budget.measure(plan) == Need(7, ram, 9)


def test_a_fit_keeps_its_limits(
    recordings: Path, tiny: Path, succeeds: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "WIDTHS", (1.0,))
    done = succeeds(
        "fit", recordings, "--out", tmp_path / "kws", "--config", tiny, "--max-flash", "40k", "--max-ram", "8k",
        "--max-cost", "10M", "--json",
    )  # fmt: skip
    report = json.loads(done.stdout)
    need = report["budget"]["need"]
    assert report["budget"]["limits"] == {"flash": 40_000, "ram": 8_000, "cost": 10_000_000}
    assert need["flash"] == report["code"]["flash"]["total"] <= 40_000
    assert need["cost"] == report["cost"]["static_max"] and need["ram"] <= 8_000
    chosen = [row for row in report["budget"]["tried"] if row["channels"] == report["config"]["trunk"]["channels"]]
    assert chosen[-1]["over"] == {} and "budget: channels" in done.stderr


def test_a_fit_that_cannot_keep_its_limits_writes_nothing(
    recordings: Path, tiny: Path, hybrid: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "WIDTHS", (1.0,))
    done = hybrid("fit", recordings, "--out", tmp_path / "kws", "--config", tiny, "--max-flash", "1k")
    assert done.exit_code == 2 and not (tmp_path / "kws").exists()
    assert "--max-flash 1,000 cannot be met" in done.stderr.splitlines()[-1]
