"""Feature-access statistics: sums that must hold, brute-force counts, the page, the command, and damaged dumps."""

import base64
import csv
import hashlib
import json
import re
import zlib
from collections import Counter

import numpy as np
import pytest

from codegen import interpret
from feature_extractors.tiles import reads
from hybrid.evaluate import load_model
from hybrid.report import stats_page
from hybrid.stats.counts import count
from hybrid.stats.dump import DumpError, read_dump
from hybrid.stats.information import bits
from hybrid.stats.looks import first_maps, looks
from hybrid.stats.measure import statistics, watch
from tests.device_dump import Device
from tests.random_plans import deep_plan, random_plan, staged_plan


def watched(make, seed):
    plan, pcm = make(seed)
    return watch(plan, pcm, np.arange(len(pcm)) % plan.forest.classes), pcm


CASES = [(random_plan, 1), (random_plan, 5), (deep_plan, 2), (deep_plan, 4)]


@pytest.fixture(params=CASES, ids=[f"{make.__name__}-{seed}" for make, seed in CASES])
def case(request):
    return watched(*request.param)


def test_what_is_charged_adds_up_to_what_the_tiles_cost(case):
    found, _ = case
    charged = (found.charges.read * found.results.reads).sum(axis=1) + found.charges.stages.sum(axis=1)
    np.testing.assert_allclose(charged, found.results.tiles_cost())


def test_cost_shares_of_stages_maps_and_classes_add_up_to_all(case):
    found, _ = case
    plan, counts = found.plan, count(found.results)
    s = statistics(counts, found)
    begin = plan.prices.begin * counts.decisions / counts.cost_sum
    control = found.results.control.sum() / counts.cost_sum
    assert sum(row["cost_share"] for row in s["stages"]) + begin == pytest.approx(1)
    assert sum(row["cost_share"] for row in s["maps"]) + control == pytest.approx(1)
    assert sum(row["cost_share"] for row in s["classes"]) == pytest.approx(1)
    assert sum(s["cost"]["parts"].values()) == pytest.approx(s["cost"]["mean"])
    for key in ("computed", "hits"):
        assert sum(r[key] for r in s["stages"]) == pytest.approx(sum(r[key] for r in s["maps"]))
    by_tree = sum(row["cost_share"] for row in s["trees"])
    assert by_tree == pytest.approx(sum(row["cost_share"] for row in s["features"]))
    assert by_tree == pytest.approx(sum(row["cost_share"] for row in s["nodes"]))


def test_places_of_a_map_share_out_its_cost(case):
    found, _ = case
    s = statistics(count(found.results), found)
    shares = {row["name"]: row["cost_share"] for row in s["maps"]}
    axes = Counter()
    for row in s["places"]:
        axes[row["map"], row["axis"]] += row["cost_share"]
    assert axes
    for (name, _), share in axes.items():
        assert share == pytest.approx(shares[name])


def test_node_visits_are_those_of_a_walk_of_every_tree(case):
    found, _ = case
    forest, expected = found.plan.forest, Counter()
    for row, stage in zip(found.values, found.results.stage, strict=True):
        for tree in range(forest.stages[stage].last):
            at = int(forest.tree_root[tree])
            while at >= 0:
                expected[at] += 1
                left = row[forest.node_feature[at]] <= forest.node_threshold[at]
                at = int((forest.node_left if left else forest.node_right)[at])
    counts = count(found.results)
    assert counts.node_visits.tolist() == [expected[node] for node in range(forest.nodes)]
    np.testing.assert_array_equal(counts.reads, found.results.reads.sum(axis=0))
    assert sum(expected.values()) > 0


def test_tiles_ever_needed_follow_from_the_totals(case):
    found, _ = case
    ever = count(found.results).ever
    for item in found.plan.maps:
        np.testing.assert_array_equal(ever[item.name], found.results.computed[item.name].any(axis=0))


def test_decisions_look_where_the_lazy_evaluation_reads(case):
    found, pcm = case
    plan, item = found.plan, first_maps(found.plan)[0]
    seen = np.zeros((len(pcm), *item.value.shape[:2]), bool)
    for number, window in enumerate(pcm):
        lazy = interpret.Lazy(plan, interpret.source_map(plan.graph, window[None]))
        trace = interpret.decide_lazily(lazy)
        for event in trace.events:
            reader = plan.graph[event.map]
            for name, rule in zip(reader.inputs, reader.rules, strict=True):
                if event.kind == "compute" and name == item.name:
                    (t0, t1), (b0, b1), _ = reads(rule, plan.grids[event.map].box(event.tile), item.value.shape)
                    seen[number, t0:t1, b0:b1] = True
        for column in np.flatnonzero(found.results.reads[number]):
            feature = plan.forest.features[column]
            if feature.map == item.name:
                seen[(number, *feature.index[:2])] = True
    shown = looks(count(found.results), found.results)[0]
    assert shown["map"] == item.name
    np.testing.assert_allclose(shown["looked"], seen.mean(axis=0), atol=1e-4)
    total = looks(count(found.results), None)[0]
    np.testing.assert_array_equal(np.array(total["looked"]) > 0, seen.any(axis=0))


def test_histograms_hold_every_window_and_every_threshold(case):
    found, _ = case
    s = statistics(count(found.results), found)
    assert s["values"]
    for item in s["values"]:
        assert np.sum(item["counts"]) == len(found.truth)
        own = [r for r in s["nodes"] if r["feature"] == item["feature"]]
        assert {t["value"] for t in item["thresholds"]} == {r["threshold"] for r in own}
        assert sum(t["visits"] for t in item["thresholds"]) == pytest.approx(sum(r["visits"] for r in own))


def test_trees_move_the_lead_by_what_their_leaves_add(case):
    found, _ = case
    forest, results = found.plan.forest, found.results
    rows = np.arange(len(results.label))
    pushed = sum((found.pushed(tree) for tree in range(forest.trees)), np.zeros(len(rows)))
    if any(stage.base for stage in forest.stages):
        bases = sorted({s.base for s in forest.stages if s.base})
        maps = interpret.evaluate_maps(found.plan.graph, interpret.source_map(found.plan.graph, case[1]), bases)
        for number, stage in enumerate(forest.stages):
            if stage.base:
                base = (maps[stage.base].reshape(len(rows), -1).astype(np.int64) << stage.base_shift) * forest.unit
                lead = base[rows, results.label] - base[rows, found.second]
                pushed += np.where(results.stage >= number, lead, 0)
    bias = forest.bias.astype(float) * forest.unit
    pushed += bias[results.label] - bias[found.second]
    np.testing.assert_allclose(pushed, results.margin * forest.unit, atol=1e-9)


def test_bits_of_a_split():
    label = np.repeat([0, 1], 500)
    assert bits(label == 0, label, 2) == pytest.approx(1, abs=0.01)
    assert bits(np.arange(1000) % 2 == 0, label, 2) < 0.002
    assert bits(np.ones(1000, bool), label, 2) == 0
    assert bits(np.zeros(0, bool), label[:0], 2) == 0
    four = np.repeat(np.arange(4), 250)
    assert bits(four < 2, four, 4) == pytest.approx(1, abs=0.01)


def test_the_page_needs_nothing_else_and_escapes_names(case):
    found, _ = case
    s = statistics(count(found.results), found) | {"source": {"kind": "clips", "path": "<b>&", "split": None}}
    s["labels"] = ["<script>alert(1)</script>", "b", "c"]
    page = stats_page.render(s)
    assert "<script>alert" not in page and "&lt;b&gt;&amp;" in page
    assert not re.search(r"https?://|src=|@import|url\((?!#)", page)
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page and page.count("<script") == 1
    for name in ("looks", "cost", "maps", "places", "features", "values", "nodes", "trees", "stages", "classes"):
        assert f'<section id="{name}">' in page
    assert stats_page.render(s) == page


def test_forests_without_a_tree_have_a_page_too(model):
    plan = load_model(model.folder / "dense")[0].plan
    pcm = np.zeros((3, plan.source.value.shape[0]), np.int16)
    found = watch(plan, pcm, np.zeros(3, int))
    s = statistics(count(found.results), found) | {"source": {"kind": "clips", "path": "x", "split": None}}
    assert not s["nodes"] and "id=\"stages\"" in stats_page.render(s)


def test_stats_of_a_fitted_model(model, succeeds, tmp_path):
    result = succeeds("stats", model.folder, "--json", "--out", tmp_path / "page", "--csv", tmp_path / "tables")
    found = json.loads(result.stdout)
    report = json.loads((model.folder / "report.json").read_text())
    for key in ("mean", "max_seen", "static_max", "eager"):
        assert found["cost"][key] == report["cost"][key]
    assert [m["computed"] for m in found["maps"]] == [m["mean_computed"] for m in report["maps"]]
    assert json.loads((tmp_path / "page" / "stats.json").read_text()) == found
    assert "kws" in (tmp_path / "page" / "stats.html").read_text()
    with (tmp_path / "tables" / "maps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["name"] for r in rows] == [m["name"] for m in found["maps"]]
    assert (tmp_path / "tables" / "looks_log_mel.csv").is_file()


def test_the_report_of_a_fit_says_where_decisions_look(model):
    access = json.loads((model.folder / "report.json").read_text())["access"]
    assert access["looks"][0]["map"] == "log_mel" and access["tiles"]["ever"] > 0
    assert '<section id="access">' in (model.folder / "report.html").read_text()


@pytest.fixture(scope="module")
def dumped(model, tmp_path_factory):
    """The shared model's plan, windows of noise, and what its C dumps after deciding them."""
    plan = load_model(model.folder)[0].plan
    pcm = np.random.default_rng(0).integers(-9000, 9000, (9, plan.source.value.shape[0])).astype(np.int16)
    device = Device(plan, tmp_path_factory.mktemp("device"))
    device.run(pcm)
    return plan, pcm, device.dump()


def test_a_dump_in_a_serial_log_gives_the_same_totals(model, dumped, succeeds, tmp_path):
    plan, pcm, text = dumped
    log = tmp_path / "serial.log"
    older = text.replace("decisions 0 9", "decisions 0 8")
    log.write_bytes(b"\xff\x00boot\r\n" + (older + "noise\n" + text).replace("\n", "\r\n").encode() + b"hyb")
    result = succeeds("stats", model.folder, "--from-dump", log, "--json", "--out", tmp_path / "page")
    found, own = json.loads(result.stdout), watch(plan, pcm, np.zeros(len(pcm), int))
    expected = statistics(count(own.results), own)
    assert found["decisions"] == len(pcm) and found["cost"]["mean"] == pytest.approx(expected["cost"]["mean"])
    for table, keys in {
        "maps": ("computed", "hits", "tiles_ever", "cost_share", "reads"), "features": ("reads",),
        "trees": ("visits", "entered", "depth_mean"), "nodes": ("visits",), "classes": ("decided",),
        "stages": ("entered", "left", "visits"),
    }.items():  # fmt: skip
        for row, other in zip(found[table], expected[table], strict=True):
            assert [row[key] for key in keys] == pytest.approx([other[key] for key in keys])
    page = (tmp_path / "page" / "stats.html").read_text()
    assert "Counted on a device" in page and '<section id="values">' not in page


def bad_dumps(text):
    lines = text.splitlines(keepends=True)
    return {
        "empty": ("", "no dump in it"),
        "other": ("hello\n", "no dump in it"),
        "cut": ("".join(lines[:-2]), "cut short"),
        "half a line": (text[: len(text) // 2], "cut short"),
        "flipped": (text.replace("decisions 0 9", "decisions 0 8"), "checksum"),
        "lost line": ("".join(lines[:4] + lines[5:]), "checksum"),
        "format": (text.replace("hyb-stats 1", "hyb-stats 2"), "format '2'"),
        "no model": (text.replace("model kws", "model"), "names no model"),
        "other name": (text.replace("model kws", "model kwt"), "not of kws"),
        "other hash": (re.sub(r"(model kws )\w{4}", r"\g<1>0000", text), "not of kws"),
    }


@pytest.mark.parametrize("kind", list(bad_dumps("")))
def test_a_bad_dump_is_told_in_one_line(kind, model, dumped, refused, tmp_path):
    text, said = bad_dumps(dumped[2])[kind]
    (tmp_path / "dump").write_text(text)
    assert said in refused("stats", model.folder, "--from-dump", tmp_path / "dump")


def summed(body):
    return f"{body}end {zlib.crc32(body.encode()):x}\n"


def test_lists_of_another_size_are_refused_even_with_a_right_sum(dumped, tmp_path):
    plan, _, text = dumped
    head, *rest = re.split(r"(?m)^end .*\n", text)[0].splitlines(keepends=True)
    for body in (head + "".join(rest[:-1]), head + "".join(rest) + "visits 0 1\n", head + rest[0] + "what?\n"):
        (tmp_path / "dump").write_text(summed(body))
        with pytest.raises(DumpError):
            read_dump(tmp_path / "dump", plan)


def test_a_device_that_decided_nothing_is_told_so(tmp_path):
    plan = staged_plan()
    (tmp_path / "dump").write_text(Device(plan, tmp_path).dump())
    with pytest.raises(DumpError, match="decided nothing"):
        read_dump(tmp_path / "dump", plan)


def test_bad_requests_are_told_in_one_line(model, refused, tmp_path):
    (tmp_path / "file").write_text("x")
    assert "is a file" in refused("stats", model.folder, "--out", tmp_path / "file")
    assert "cannot be read" in refused("stats", model.folder, "--from-dump", tmp_path / "nothing")
    assert "leave out DATA" in refused("stats", model.folder, tmp_path, "--from-dump", tmp_path / "file")
    assert "no model" in refused("stats", tmp_path)
    refused("stats", model.folder, tmp_path / "nowhere")
