"""Forests of many settings on one trunk: which are tried, which is taken, what the report says."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from hybrid.config import Config, apply
from hybrid.errors import HybridError
from hybrid.front import Front, Point, Target, find, forests, losses, on_front, pick
from hybrid.limits import check_settings
from hybrid.report.plots import front as drawn

PLAN = SimpleNamespace(cost_max=900, forest=SimpleNamespace(trees=3, nodes=9))


def point(accuracy, cost):
    config = Config()
    return Point(replace(config, forest=replace(config.forest, stages=(2, 3))), SimpleNamespace(plan=PLAN), accuracy,
                 cost, 2 * cost)  # fmt: skip


POINTS = [point(*p) for p in ((0.9, 500), (0.92, 600), (0.91, 650), (0.95, 800), (0.95, 700), (0.8, 550))]


def places(points):
    return [(p.accuracy, p.cost) for p in points]


def test_the_front_is_what_no_other_point_beats():
    assert places(on_front(POINTS)) == [(0.9, 500), (0.92, 600), (0.95, 700)]


def test_targets():
    for target, expected in (
        (Target(), (0.95, 700)),
        (Target(cost=699), (0.92, 600)),
        (Target(cost=600), (0.92, 600)),
        (Target(loss=0.03), (0.92, 600)),
        (Target(loss=0.029), (0.95, 700)),
        (Target(loss=1.0), (0.9, 500)),
    ):
        assert places([pick(POINTS, target)]) == [expected], target


def test_a_target_that_no_point_meets_is_refused_with_the_nearest():
    with pytest.raises(HybridError, match=r"--target-cost 400 cannot be met.* 500 .* 100 more, at 90\.0%"):
        pick(POINTS, Target(cost=400))


@pytest.mark.parametrize("features", [("logits",), ("logits", "frame")])
@pytest.mark.parametrize("stages", [(), (2, 3)])
def test_every_setting_that_is_tried_is_valid_and_tried_once(features, stages):
    config = Config()
    config = replace(config, forest=replace(config.forest, features=features, stages=stages))
    tried = forests(config)
    for settings in tried:
        check_settings(settings)
    pairs = [(s.forest.stages, s.forest.cost_weight) for s in tried]
    assert len(set(pairs)) == len(pairs) and pairs[0][0] == (stages or (1, 2, 3))
    assert (len({w for _, w in pairs}) > 1) == ("frame" in features), "logits of a base cost nothing"
    assert (3,) in {stages for stages, _ in pairs}


def test_a_stage_before_the_trunk_is_never_left_alone():
    config = apply(Config(), {"forest": {"stages": [0, 2], "features": ["logits", "frame"]}}, "test")
    assert all(any(s.forest.stages) for s in forests(config))


def test_a_forest_of_one_stage_has_no_exits_to_try():
    config = Config()
    one, two = (replace(config, forest=replace(config.forest, stages=s)) for s in ((3,), (2, 3)))
    assert len(losses(one)) == 1
    assert config.forest.exit_loss in {c.forest.exit_loss for c in losses(two)}
    assert len(losses(two)) > 3


def test_each_forest_is_grown_once_and_judged_with_every_exit():
    grown, said = [], []
    config = Config()

    def grow(settings):
        grown.append(settings)
        return len(grown)

    found = find(config, Target(), grow, lambda c, f: point(0.9 + 0.001 * f, 100 * f), said.append)
    assert len(grown) == len(forests(config)) == len(said)
    assert len(found.points) == sum(len(losses(c)) for c in forests(config))
    assert found.chosen in on_front(found.points)


def test_the_table_is_json_and_is_drawn():
    table = Front(POINTS, POINTS[4], Target(loss=0.0)).table()
    assert json.loads(json.dumps(table)) == table
    assert [row["chosen"] for row in table["points"]].index(True) == 4
    assert sum(row["on_front"] for row in table["points"]) == 3
    svg = drawn({"front": table})
    assert svg is not None and "front" in svg
    assert drawn({}) is None and drawn({"front": {"points": [{"mean": None}]}}) is None


def test_fit_front_writes_the_model_that_meets_the_target(hybrid, recordings, tiny, tmp_path):
    out = tmp_path / "model"
    arguments = ("fit", recordings, "--config", tiny, "--quiet", "--set", "forest.features=['logits','frame']")
    result = hybrid(*arguments, "--out", out, "--target-loss", 100)
    assert result.exit_code == 0, result.output
    report = json.loads((out / "report.json").read_text("utf-8"))
    rows = report["front"]["points"]
    taken = next(row for row in rows if row["chosen"])
    assert taken["mean"] == min(row["mean"] for row in rows)
    assert report["config"]["forest"]["stages"] == taken["stages"]
    assert report["config"]["forest"]["cost_weight"] == taken["cost_weight"]
    assert report["parity"]["clips"] > 0
    assert 'id="front"' in (out / "report.html").read_text("utf-8")
    assert "<- taken" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target-cost", "1"), "cannot be met: the nearest forest takes"),
        (("--target-cost", "10k", "--target-loss", "1"), "two targets"),
        (("--target-loss", "-1"), "out of range"),
        (("--target-cost", "much"), "--target-cost 'much' is no size"),
        (("--front", "--head", "dense"), "--front chooses among forests"),
        (("--front", "--max-flash", "60k"), "--front and --max-flash/--max-ram/--max-cost/--board cannot be combined"),
        (("--cost-weight", "-1"), "forest.cost_weight is -1"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(hybrid, recordings, tiny, tmp_path, arguments, words):
    result = hybrid("fit", recordings, "--config", tiny, "--quiet", "--out", tmp_path / "model", *arguments)
    assert result.exit_code == 2
    assert words in result.output and "Traceback" not in result.output
    assert not (tmp_path / "model").exists()
