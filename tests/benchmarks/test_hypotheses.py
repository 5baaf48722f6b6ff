"""benchmarks/hypotheses.py, against_dense.py, exits.py and accuracy.py on tiny fitted models, and their parts."""

import json

import numpy as np
import pytest
import soundfile

from benchmarks import accuracy, against_dense, exits, hypotheses
from benchmarks.claims import demand, forests
from benchmarks.claims.case import load_case
from benchmarks.claims.compare import paired
from benchmarks.claims.measure import told
from codegen import interpret
from hybrid.config import Config, apply
from hybrid.fit import fit
from hybrid.smoothing import ClipSum
from tree_backends.exits import split_stages
from tree_backends.forest import NEVER

RATE = 8000
SETTINGS = {
    "audio": {"rate": RATE, "window_s": 0.5},
    "front_end": {"frame": 256, "hop": 160, "bands": 16, "fmax": 4000, "placed": 16, "place_step": 2},
    "trunk": {
        "channels": [8, 8], "kernels": [3, 3], "strides": [2, 2], "band_kernels": [1, 1], "band_strides": [1, 1],
        "heads": [1, 2], "extra_parts": [],
    },
    "training": {"copies": 2, "teachers": 0, "epochs": 4, "quant_epochs": 1, "min_steps": 30, "threads": 1},
    "forest": {"rounds": [2], "leaves": 4, "min_leaf": 1, "copies": 1, "threads": 1, "exit_loss": 0.2},
}  # fmt: skip


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Recordings of three tones, half a second each."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("tones")
    for word, hz in {"low": 300, "middle": 1200, "high": 2800}.items():
        (root / word).mkdir()
        for clip in range(8):
            wave = np.sin(2 * np.pi * hz * (1 + 0.05 * rng.standard_normal()) * np.arange(RATE // 2) / RATE)
            soundfile.write(root / word / f"{clip}.wav", 0.2 * wave + 0.05 * rng.standard_normal(RATE // 2), RATE)
    return root


@pytest.fixture(scope="module")
def trained(tones, tmp_path_factory):
    """Fit a model on the tones, with some settings of its own; (model folder, recordings)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRID_CACHE", str(tmp_path_factory.mktemp("cache")))

        def fitted_with(name, **own):
            folder = tmp_path_factory.mktemp("models") / name
            fit(tones, folder, apply(apply(Config(), SETTINGS, "test"), own, "test"), name="tones")
            return folder, tones

        yield fitted_with


@pytest.fixture(scope="module")
def fitted(trained):
    return trained("tones")


@pytest.fixture(scope="module")
def several(trained):
    """A model whose windows are shorter than the clips."""
    return trained("several", audio={"window_s": 0.25, "hop_s": 0.125}, front_end={"placed": 0})


@pytest.fixture(scope="module")
def case(fitted):
    return load_case(*fitted)


def test_all_three_are_told_drawn_and_written(fitted, tmp_path, capsys):
    folder, root = fitted
    arguments = [str(folder), "--data", str(root), "--out", str(tmp_path), "--windows", "2", "--copies", "1"]
    assert hypotheses.main(arguments) == 0, capsys.readouterr().err
    rows = json.loads((tmp_path / "hypotheses.json").read_text())[folder.name]
    assert {r["name"].split(": ")[-1] for r in rows["ends"]} >= {"dense head", "trees on pooled channels"}
    assert all(r["flash"]["total"] > 0 and r["core"]["mean"] > 0 for r in rows["ends"])
    way = {r["name"]: r for r in rows["demand"]}
    assert way["as fitted: on demand, exits"]["cost"] <= way["as fitted: on demand, no exits"]["cost"]
    # the same path where 23 frames are heard and none is placed: dearer frames, no energies
    assert way["all frames: eager"]["parts"]["frames"] > way["as fitted: eager"]["parts"]["frames"]
    assert way["all frames: eager"]["parts"]["energies"] == 0 < way["as fitted: eager"]["parts"]["energies"]
    for row in (*rows["ends"], *rows["order"], *rows["demand"]):
        assert sum(row["parts"].values()) == pytest.approx(row["cost"])
        if row["core"]:
            assert sum(row["core"]["parts"].values()) == pytest.approx(row["core"]["mean"])
    for name in ("demand", "order", "ends"):
        assert (tmp_path / f"{name}.svg").read_text().startswith("<?xml")
    assert "(c) On demand" in (tmp_path / "hypotheses.md").read_text()


def test_models_of_other_data_are_refused_in_one_line(fitted, tmp_path, capsys):
    assert hypotheses.main([str(tmp_path), "--data", str(fitted[1]), "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_decision_without_exits_runs_every_tree_and_answers_as_the_last_stage(case):
    always = forests.plan_of(case, forests.never(case.plan.forest))
    found = interpret.decide_on(always, case.maps["test"])
    assert (found.stage == len(always.forest.stages) - 1).all()
    sure = split_stages(forests.never(case.plan.forest), 0)
    assert np.array_equal(interpret.decide_on(forests.plan_of(case, sure), case.maps["test"]).label, found.label)


def test_stages_in_another_order_add_up_to_the_same_scores(case):
    own = forests.never(case.plan.forest)
    order = list(range(len(own.stages)))[::-1]
    turned = forests.taken(own, order).with_margins([NEVER] * (len(order) - 1) + [0])
    scores = [interpret.decide_on(forests.plan_of(case, f), case.maps["test"]).scores for f in (own, turned)]
    assert np.array_equal(*scores) and [s.base for s in turned.stages] == [s.base for s in own.stages][::-1]


def test_exits_one_after_the_other_harm_no_more_than_allowed(case):
    forest = forests.chosen_in_order(case, forests.whole_stages(case.plan.forest))
    found = forests.found_on_validation(case, forest)
    harmed = found.judge([s.needed(forest.classes).tolist() for s in forest.stages])[1]
    assert harmed <= case.config.forest.exit_loss * found.windows


def test_whole_stages_undo_the_split_of_exact_exits(case):
    own = forests.whole_stages(case.plan.forest)
    again = forests.whole_stages(split_stages(own, 0))
    assert [s.base for s in again.stages] == [s.base for s in own.stages]
    assert [(s.first, s.last, s.margin) for s in again.stages] == [(s.first, s.last, s.margin) for s in own.stages]


def test_a_dense_head_asks_for_all_that_it_would_compute_eagerly(case):
    plan = forests.plan_of(case, demand.dense_end(case))
    lazy, eager = told(case, "", plan), told(case, "", plan, eager=True)
    assert lazy.visits == eager.visits == 0 and lazy.right.tolist() == eager.right.tolist()


def test_an_interval_of_pairs_is_drawn_by_clip():
    clips = [f"clip {i}" for i in range(200)]
    first = np.arange(200) % 2 == 0
    second = first.copy()
    second[1:21:2] = True
    value, low, high = paired([(clips, first, second)])
    assert value == pytest.approx(5.0) and 0 < low < value < high
    # models that were judged on the same clips tell no more than one of them
    assert paired([(clips, first, second)] * 3) == pytest.approx((value, low, high))
    assert paired([(clips, first, first)]) == (0, 0, 0)


def test_a_model_is_told_beside_its_dense_head(fitted, tmp_path, capsys):
    folder, root = fitted
    out = tmp_path / "rows.json"
    given = [str(folder), "--data", str(root), "--windows", "2", "--json", str(out)]
    assert against_dense.main([*given, "--baseline", str(folder / "dense")]) == 0, capsys.readouterr().err
    rows = {name: own[0] for name, own in json.loads(out.read_text()).items()}
    own, dense, baseline = (rows[name]["core"]["mean"] for name in rows)
    assert dense == baseline and own != dense
    assert f"| {own / dense:.3f} |" in capsys.readouterr().out
    assert against_dense.main([*given, "--baseline", str(folder / "dense"), str(folder)]) == 2


def test_clips_of_several_windows_cost_what_the_windows_do_that_are_decided(several, capsys):
    case = load_case(*several)
    test, found = case.windows["test"], interpret.decide_on(case.plan, case.maps["test"])
    row, spent = told(case, "", case.plan), []
    for number in range(len(test.clip_truth)):
        clip, own, clear = ClipSum(case.plan.forest.clip_margin), np.flatnonzero(test.clip == number), False
        cost = 0
        for at in own:
            if not clear:
                label, clear = clip.add(found.scores[at])
                cost += int(found.cost[at])
        spent.append(cost)
        assert row.right[number] == (label == test.clip_truth[number])
    assert row.cost == pytest.approx(np.mean(spent)) == pytest.approx(sum(row.parts.values()))
    assert 1 <= row.more["windows"] < 3
    whole = told(case, "", forests.plan_of(case, demand.dense_end(case)), eager=True)
    assert whole.more["windows"] == 3 and whole.cost > row.cost
    folder, root = several
    assert against_dense.main([str(folder), "--data", str(root)]) == 0, capsys.readouterr().err


def rows_of(text):
    """name -> cells of a table."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    return {name: [float(cell.replace(",", "") or "nan") for cell in cells] for name, *cells in lines}


@pytest.mark.parametrize("model", ["fitted", "several"])
def test_exits_chosen_anew_stand_beside_those_of_the_fit(model, request, capsys):
    folder, root = request.getfixturevalue(model)
    given = [str(folder), "--data", str(root), "--copies", "0", "2", "--losses", "0", "20", "--ways", "one", "shared"]
    assert exits.main(given) == 0, capsys.readouterr().err
    found = rows_of(capsys.readouterr().out)
    assert len(found) == 1 + 2 * 2 * 2 + 1 + 2
    report = json.loads((folder / "report.json").read_text())
    assert found["as fitted"][3] == pytest.approx(100 * report["accuracy"]["test"]["accuracy"], abs=0.005)
    for way in ("one", "shared"):
        assert found[f"{way}: 0 points, 0 copies"][0] >= found["no exits"][0]
        assert found[f"{way}: 20 points, 0 copies"][4] <= found[f"{way}: 0 points, 0 copies"][4]
    assert found["no exits"][6] == (1 if model == "fitted" else 3)


def test_unseen_clips_are_decided_by_exits_that_were_chosen_without_them(case, monkeypatch):
    held = case.windows["validation"]
    maps = {name: np.tile(values, (3, 1, 1, 1)) for name, values in case.maps["validation"].items()}
    chosen_on, decided = [], []

    def choose(self, rest, own, maps):
        assert all(len(values) == 3 * len(rest.windows["validation"].truth) for values in maps.values())
        chosen_on.append(set(rest.windows["validation"].names))
        return own

    def tell(some, name, plan, split):
        decided.append(set(some.windows[split].names))
        return told(some, name, plan, split=split)

    monkeypatch.setattr(exits.Choice, "of", choose)
    monkeypatch.setattr(exits, "told", tell)
    own = forests.never(case.plan.forest)
    shares = exits.unseen(case, own, maps, exits.Choice(0, 0.0, "one"), folds=4)
    right = told(case, "", forests.plan_of(case, own), split="validation").accuracy
    assert shares == pytest.approx((right, right))
    for seen, asked in zip(chosen_on, decided, strict=True):
        assert not seen & asked and seen | asked == set(held.names)
    assert len(set.union(*decided)) == sum(len(names) for names in decided) == len(set(held.names))


def test_models_of_one_window_and_of_several_stand_in_one_table(fitted, several):
    plain, split = (json.loads((folder / "report.json").read_text()) for folder, _ in (fitted, several))
    lines = accuracy.table({"plain": accuracy.row(plain), "split": accuracy.row(split)}).splitlines()
    head, _, one, cut, mean = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in (head, one, cut, mean)}) == 1 and mean[0] == "mean"
    column = head.index("k instructions a clip")
    assert float(one[column]) == pytest.approx(plain["cost"]["mean"] / 1e3, abs=0.05)
    assert float(cut[column]) == pytest.approx(split["clips"]["mean"] / 1e3, abs=0.05)


def test_exits_of_no_such_share_are_refused(fitted, capsys):
    assert exits.main([str(fitted[0]), "--data", str(fitted[1]), "--losses", "-1"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
