"""What a model makes of a board: shares, time, energy, battery life, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.target.cores import CORES
from hybrid.bench import check_board, check_options, with_board
from hybrid.boards import boards, find_board, listing, need, on_board
from hybrid.errors import HybridError

BOARD = "nano-33-ble"


def benched(**changed: Any) -> dict[str, Any]:
    """A measurement of 6.4 M cycles: 100 ms at 64 MHz."""
    found = {
        "name": "kws", "core": "cortex-m4", "cycles": {"lazy": {"likely": 6_400_000.0}}, "lazy": {"mean": 5_000_000.0},
        "flash": {"total": 104_857}, "ram": {"context": 20_000, "static": 214, "window": 32_000},
        "stack": {"lazy": 214}, "stream": None,
    }  # fmt: skip
    return found | changed


def test_every_board_has_an_emulated_core_and_sane_figures() -> None:
    assert len(boards()) >= 11
    for board in boards().values():
        assert board.core in CORES and board.title
        assert 10 <= board.clock_mhz <= 1000 and 1.8 <= board.volts <= 5
        assert board.flash_kb >= board.ram_kb > 0
        assert board.active_ma is None or 0.01 < board.active_ma / board.clock_mhz < 1
        assert board.sleep_ua is None or board.active_ma is None or board.sleep_ua / 1000 < board.active_ma


def test_estimates_follow_from_cycles_clock_and_currents() -> None:
    found = on_board(find_board(BOARD), benched(), interval=1.0, battery_mah=1000.0)
    guess = found["estimate"]
    assert found["flash"]["share"] == pytest.approx(0.1, rel=1e-4) and found["ram"]["bytes"] == 52_428 and found["fits"]
    assert guess["seconds_per_decision"] == pytest.approx(0.1) and guess["duty"] == pytest.approx(0.1)
    assert guess["millijoule_per_decision"] == pytest.approx(3.3 * 3.0 * 0.1)
    mean = 3.3 * 0.1 + 0.00316 * 0.9
    assert guess["mean_ma"] == pytest.approx(mean) and guess["battery_hours"] == pytest.approx(1000 / mean)
    assert guess["what"].startswith("estimate: estimated cycles")


def test_rarer_decisions_make_the_battery_last_longer() -> None:
    found = (on_board(find_board(BOARD), benched(), interval, 1000.0) for interval in (0.5, 1, 10))
    lives = [board["estimate"]["battery_hours"] for board in found]
    assert lives == sorted(lives) and lives[0] < lives[1]


def test_without_a_table_a_cycle_an_instruction_is_assumed_and_said() -> None:
    guess = on_board(find_board("teensy-4.0"), benched(core="cortex-m7", cycles=None), 1.0, 1000.0)["estimate"]
    assert guess["seconds_per_decision"] == pytest.approx(5_000_000 / 600e6)
    assert "one cycle an instruction assumed" in guess["what"]
    assert guess["mean_ma"] is None and guess["millijoule_per_decision"] is not None


def test_a_stand_in_core_is_named() -> None:
    guess = on_board(find_board("esp32-c3"), benched(), 1.0, 1000.0)["estimate"]
    assert "cortex-m4 in place of the board's core" in guess["what"]


def test_a_current_that_was_not_checked_is_rounded_and_shown_as_such() -> None:
    text = listing().splitlines()
    for line, board in zip(text, boards().values(), strict=False):
        for current, source in ((board.active_ma, board.active_source), (board.sleep_ua, board.sleep_source)):
            assert current is not None or source is None
            if current is not None and source is None:
                assert f"~{current:g} " in line and len(f"{current:g}".replace(".", "").strip("0")) <= 2
                assert "not checked against a datasheet" in board.currents
    assert text[-1].startswith("~ rounded, not checked against a datasheet")
    assert "rounded" not in find_board("nano-33-ble").currents and "~" not in text[0]


def test_a_current_that_is_not_documented_is_not_guessed() -> None:
    guess = on_board(find_board("pico"), benched(core="cortex-m0plus"), 1.0, 1000.0)["estimate"]
    assert guess["millijoule_per_decision"] is guess["mean_ma"] is guess["battery_hours"] is None


def test_a_model_that_does_not_fit_is_told_by_how_much() -> None:
    found = benched(flash={"total": 300_000}, core="cortex-m0plus")
    assert need(found) == (300_000, 52_428, "window")
    with pytest.raises(HybridError) as caught:
        check_board(with_board(found, find_board("microbit"), 1.0, 1000.0))
    told = str(caught.value)
    assert "flash by 37,856 bytes (300,000 of 262,144)" in told and "RAM by 36,044 bytes (52,428 of 16,384)" in told
    assert "hybrid fit --board microbit" in told


def test_a_stream_needs_no_window() -> None:
    stream = {"flash": 110_000, "context": 12_000, "static": 0, "stack": 400}
    assert need(benched(stream=stream)) == (110_000, 12_400, "stream")
    assert need(benched(stream=stream | {"context": 60_000}))[2] == "window"
    found = on_board(find_board("arduino-zero"), benched(stream=stream, core="cortex-m0plus"), 1.0, 1000.0)
    assert found["fits"] and found["way"] == "stream" and found["ram"]["bytes"] == 12_400


def test_a_board_that_cannot_keep_up_is_told() -> None:
    found = with_board(benched(), find_board(BOARD), 0.05, 1000.0)
    assert not found["board"]["estimate"]["keeps_up"] and found["board"]["estimate"]["battery_hours"] is None
    with pytest.raises(HybridError, match=r"time by 0\.05 s \(a decision every 0\.05 s\)"):
        check_board(found)


def test_a_model_that_fits_passes() -> None:
    check_board(with_board(benched(), find_board(BOARD), 1.0, 1000.0))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"board": "nano-34"}, "board 'nano-34' is unknown: choose from nano-33-ble"),
        ({"board": BOARD, "cpu": "cortex-m0plus"}, "is measured on cortex-m4, not on cortex-m0plus"),
        ({"check": True}, "--check needs a board"),
        ({"board": BOARD, "interval": 0.0}, "--interval is 0: give a positive number"),
        ({"board": BOARD, "battery": float("nan")}, "--battery is nan"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], told: str) -> None:
    given = {"board": None, "cpu": None, "check": False, "interval": 1.0, "battery": 1000.0} | options
    with pytest.raises(HybridError, match=told):
        check_options(given)


def test_the_board_names_the_core() -> None:
    given = {"board": "pico", "cpu": None, "check": False, "interval": 1.0, "battery": 1000.0}
    cpu, board = check_options(given)
    assert cpu == "cortex-m0plus" and board is find_board("pico")
    assert check_options(given | {"board": None}) == ("cortex-m4", None)


def test_the_command_lists_boards(succeeds: Any) -> None:
    lines = succeeds("boards").stdout.splitlines()
    assert len(lines) == len(boards()) + 1 and lines[0].startswith(BOARD)
    assert '"clock_mhz": 64' in succeeds("boards", "--json").stdout
