"""`hybrid evaluate`, `predict`, `report` and `presets` on a fitted model."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def spoiled(model, tmp_path):
    """A copy of the model that a test may spoil."""
    return shutil.copytree(model.folder, tmp_path / "kws")


def evaluated(succeeds, *args):
    return json.loads(succeeds("evaluate", *args, "--json").stdout)


def test_c_interpreter_and_eager_c_evaluate_alike(model, recordings, succeeds):
    by_c = evaluated(succeeds, model.folder, recordings)
    assert by_c["accuracy"]["all"]["n"] == 24 and by_c["accuracy"]["without_silence"]["n"] == 18
    by_interpreter = evaluated(succeeds, model.folder, recordings, "--engine", "interpreter")
    assert by_c == by_interpreter | {"engine": "c"}
    eager = evaluated(succeeds, model.folder, recordings, "--eager")
    assert eager["accuracy"] == by_c["accuracy"] and eager["stages"] == by_c["stages"]
    assert eager["cost"]["mean"] >= by_c["cost"]["mean"]


def test_robustness_is_measured_where_asked_for(model, recordings, succeeds):
    found = evaluated(succeeds, model.folder, recordings, "--robustness")
    rows = {row["name"]: row for row in found["robustness"]["rows"]}
    assert rows["as recorded"]["accuracy"] == found["accuracy"]["all"]["accuracy"]
    assert rows["as recorded"]["mean_cost"] == found["cost"]["mean"]
    assert found["robustness"]["noise"] == "white noise" and len(rows) == 11
    told = succeeds("evaluate", model.folder, recordings, "--robustness").stdout
    assert "offset 5%" in told and told.rstrip().endswith(found["robustness"]["gains"]["told"])
    assert "robustness" not in evaluated(succeeds, model.folder, recordings)


def test_the_test_split_of_the_fit_is_found_again(model, recordings, succeeds):
    found = evaluated(succeeds, model.folder, recordings, "--split", "test", "--engine", "interpreter")
    report = json.loads((model.folder / "report.json").read_text("utf-8"))
    assert found["accuracy"]["all"]["confusion"] == report["accuracy"]["test"]["confusion"]


def test_a_split_is_drawn_with_the_options_of_the_fit(model, tmp_path, monkeypatch, refused):
    import hybrid.recordings
    from hybrid.data import open_held_out
    from hybrid.model_file import Model, load, save

    fitted = load(model.folder)
    config = fitted.about["config"]
    config["data"]["leave_out"] = "theo"
    for name in ("kws.h", "hyb_runtime.h"):
        shutil.copy(model.folder / name, tmp_path)
    save(Model(fitted.plan, fitted.about | {"config": config}), tmp_path)
    seen = {}

    def spy(*args, **options):
        seen.update(options)
        return open_held_out(*args, **options)

    monkeypatch.setattr(hybrid.recordings, "open_held_out", spy)
    absent = tmp_path / "absent"
    refused("evaluate", tmp_path, absent, "--split", "test")
    assert seen["leave_out"] == "theo"
    refused("evaluate", tmp_path, absent, "--split", "test", "--leave-out", "lucas")
    assert seen["leave_out"] == "lucas"
    refused("evaluate", tmp_path, absent)
    assert seen["leave_out"] is None


def test_words_that_the_model_cannot_place_are_named(model, copied, refused):
    (copied / "low").rename(copied / "banana")
    line = refused("evaluate", model.folder, copied)
    assert "banana is no class of the model" in line and "_unknown_" in line


def test_files_of_any_name_rate_and_length_are_labelled(model, tmp_path, make_tone, write_wav, succeeds):
    stereo = np.stack([make_tone(300, 1, 44100), make_tone(300, 2, 44100)], axis=1)
    files = [
        write_wav(tmp_path / "with space.wav", make_tone(300, 5)),
        write_wav(tmp_path / "größe – 音.wav", make_tone(2800, 6)),
        write_wav(tmp_path / "stereo.wav", stereo, 44100, "FLOAT"),
        write_wav(tmp_path / "long.flac", make_tone(1200, 7, seconds=2.1)),
        write_wav(tmp_path / "short.wav", make_tone(1200, 7, seconds=0.05)),
        write_wav(tmp_path / "zero.wav", np.zeros(4000)),
    ]
    rows = json.loads(succeeds("predict", model.folder, *files, "--json").stdout)["predictions"]
    assert [row["file"] for row in rows] == [str(f) for f in files]
    assert [row["windows"] for row in rows] == [1, 1, 1, 5, 1, 1]
    for row in rows:
        assert row["label"] == max(row["scores"], key=row["scores"].get)
    lines = succeeds("predict", model.folder, *files, "--engine", "interpreter").stdout.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == [str(f) for f in files]
    assert all(f" {row['label']} " in line for row, line in zip(rows, lines, strict=True))


def test_predict_lists_bad_files_or_leaves_them_out(model, tmp_path, make_tone, write_wav, refused, succeeds):
    good = write_wav(tmp_path / "good.wav", make_tone(300, 5))
    (tmp_path / "text.wav").write_text("words")
    files = (tmp_path / "text.wav", good, tmp_path / "absent.wav")
    line = refused("predict", model.folder, *files)
    assert "2 of 3 files" in line and "text.wav" in line and "absent.wav (no such file)" in line
    result = succeeds("predict", model.folder, *files, "--skip-bad", "--json")
    assert [row["file"] for row in json.loads(result.stdout)["predictions"]] == [str(good)]
    assert "left out 2 bad files" in result.stderr
    refused("predict", model.folder, tmp_path / "text.wav", "--skip-bad")


def test_names_that_the_terminal_cannot_show_are_escaped(model, recordings, tmp_path, refused):
    clip = next((recordings / "größe").iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "hybrid.cli", "predict", model.folder, clip, "--engine", "interpreter"],
        env=os.environ | {"PYTHONIOENCODING": "koi8-r", "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and rb"gr\xf6\xdfe" in done.stdout, done.stderr
    assert r"\udcff.wav" in refused("predict", model.folder, tmp_path / os.fsdecode(b"\xff.wav"))


def test_report_renders_the_page_anew(spoiled, succeeds):
    page = (spoiled / "report.html").read_bytes()
    (spoiled / "report.html").unlink()
    result = succeeds("report", spoiled)
    assert (spoiled / "report.html").read_bytes() == page
    assert "parity:" in result.stdout and str(spoiled / "report.html") in result.stdout
    assert json.loads(succeeds("report", spoiled, "--json").stdout)["name"] == "kws"


def test_presets_are_listed_and_the_json_holds_their_settings(succeeds):
    from hybrid.config import preset_names

    lines = succeeds("presets").stdout.splitlines()
    assert [line.split()[0] for line in lines] == preset_names()
    found = json.loads(succeeds("presets", "--json").stdout)
    assert found["kws12"]["config"]["audio"]["rate"] == 16000


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def rename_a_label(path):
    path.write_text(path.read_text("utf-8").replace('"low"', '"owl"'), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda f: (f / "model.json").unlink(), "model.json"),
        (lambda f: (f / "model.json").write_text("{"), "model.json"),
        (lambda f: (f / "model.json").write_text("[1]"), "model.json"),
        (lambda f: (f / "model.json").write_bytes(b"\xff\xfe"), "model.json"),
        (lambda f: rename_a_label(f / "model.json"), "edited"),
        (lambda f: (f / "model.npz").unlink(), "model.npz"),
        (lambda f: flip(f / "model.npz", 300), "model.npz"),
        (lambda f: (f / "model.npz").write_bytes(b""), "model.npz"),
    ],
)
def test_a_damaged_model_is_refused_by_every_command(spoiled, recordings, spoil, named, refused):
    spoil(spoiled)
    clip = next((recordings / "low").iterdir())
    for command in (("evaluate", spoiled, recordings), ("predict", spoiled, clip), ("report", spoiled)):
        line = refused(*command)
        assert named in line and ("fit again" in line or "hybrid fit" in line)


@pytest.mark.parametrize("name", ["kws.h", "hyb_runtime.h"])
def test_c_that_the_model_does_not_give_is_not_run(spoiled, recordings, name, refused, succeeds):
    with (spoiled / name).open("a") as file:
        file.write("/* edited */\n")
    clip = next((recordings / "low").iterdir())
    assert name in refused("predict", spoiled, clip)
    (spoiled / name).unlink()
    assert "--engine interpreter" in refused("evaluate", spoiled, recordings)
    succeeds("predict", spoiled, clip, "--engine", "interpreter")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"accuracy": 3}', "[" * 100_000])
def test_a_damaged_report_is_refused(spoiled, text, refused):
    page = (spoiled / "report.html").read_bytes()
    (spoiled / "report.json").write_text(text)
    assert "report.json" in refused("report", spoiled)
    assert (spoiled / "report.html").read_bytes() == page
    (spoiled / "report.json").unlink()
    assert "report.json cannot be read" in refused("report", spoiled)


@pytest.mark.parametrize("section", ["accuracy", "cost", "stages", "parity"])
def test_a_report_with_a_section_of_the_wrong_kind_is_refused(spoiled, section, refused):
    report = json.loads((spoiled / "report.json").read_text("utf-8"))
    (spoiled / "report.json").write_text(json.dumps(report | {section: [["x"]]}))
    assert "is damaged or edited" in refused("report", spoiled)
