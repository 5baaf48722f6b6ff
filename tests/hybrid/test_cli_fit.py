"""`hybrid fit` from recordings to files."""

import dataclasses
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from codegen.host import WARNINGS, NativeModel, find_compiler

FILES = {
    "kws.h", "hyb_runtime.h", "example_main.c", "kws_vectors.h", "model.json", "model.npz", "report.json",
    "report.html", "dense",
}  # fmt: skip


def compiled(folder, *flags):
    """The example program, built in a folder that holds nothing but generated files."""
    command = [*find_compiler(), "-std=c99", "-O2", *WARNINGS, *flags, "example_main.c", "-o", "example"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "example"


@pytest.fixture
def bare(model, tmp_path):
    """A folder with the generated C alone."""
    for name in ("kws.h", "hyb_runtime.h", "example_main.c", "kws_vectors.h"):
        shutil.copy(model.folder / name, tmp_path)
    return tmp_path


def test_a_fit_writes_all_its_files_and_nothing_beside_them(model):
    assert set(os.listdir(model.folder)) == FILES
    assert set(os.listdir(model.folder / "dense")) == FILES - {"dense", "report.json", "report.html"}
    assert os.listdir(model.folder.parent) == ["kws"]
    assert (model.folder.stat().st_mode & 0o777) == 0o755


def test_stdout_holds_json_alone_and_messages_go_to_stderr(model):
    result = json.loads(model.stdout)
    assert result == json.loads((model.folder / "report.json").read_text("utf-8"))
    assert result["parity"]["different"] == 0 and result["parity"]["clips"] > 0
    assert set(result["accuracy"]) == {
        "validation", "test", "validation_without_silence", "test_without_silence",
    }  # fmt: skip
    assert len(result["robustness"]["rows"]) == 11 and result["robustness"]["clips"] == result["accuracy"]["test"]["n"]
    assert "layout class_folders" in model.stderr and "größe" in model.stderr
    assert "%|" not in model.stderr  # progress bars are for terminals


def test_the_same_seed_gives_the_same_bytes_without_any_cache(model, recordings, tiny, tmp_path, monkeypatch, succeeds):
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "again"
    result = succeeds("fit", recordings, "--out", out, "--config", tiny, "--name", "kws", "--quiet")
    assert result.stderr == "" and "wrote" in result.stdout
    for name in ("kws.h", "kws_vectors.h", "example_main.c", "model.npz", "dense/kws.h"):
        assert (out / name).read_bytes() == (model.folder / name).read_bytes(), name


def test_the_example_builds_from_the_generated_files_alone_and_says_what_predict_says(
    model, recordings, bare, succeeds
):
    program = compiled(bare)
    clips = [sorted((recordings / word).iterdir())[0] for word in ("low", "2nd gear!", "größe")]
    answers = subprocess.run([program, *clips], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = json.loads(succeeds("predict", model.folder, *clips, "--json").stdout)["predictions"]
    for line, clip, row in zip(answers, clips, rows, strict=True):
        stage, cost = row["stage"] + 1, row["cost"]
        assert line.startswith(f"{clip}: {row['label']}  margin {row['margin']:.2f}  stage {stage} of 4  cost {cost} ")


def test_the_test_vectors_pass_on_the_host(bare):
    program = compiled(bare, "-DKWS_SELF_TEST")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "self test")


def test_a_dense_head_with_named_classes_unknown_and_silence(copied, tiny, tmp_path, write_wav, succeeds):
    noise = 0.05 * np.random.default_rng(1).standard_normal(8 * 8000)
    write_wav(copied / "_background_noise_" / "hum and hiss.wav", noise)
    shutil.rmtree(copied / "_silence_")
    out = tmp_path / "out"
    result = succeeds(
        "fit", copied, "--out", out, "--config", tiny, "--head", "dense", "--classes", "low,größe", "--json"
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert report["data"]["counts"]["train"].keys() == {"low", "größe", "_silence_", "_unknown_"}
    assert report["head"] == "dense" and "baseline" not in report and not (out / "dense").exists()
    assert report["forest"]["trees"] == 0
    assert json.loads((out / "model.json").read_text("utf-8"))["labels"] == ["größe", "low", "_silence_", "_unknown_"]

    foreign = tmp_path / "other"
    shutil.copytree(copied / "2nd gear!", foreign / "foreign word")
    shutil.copytree(copied / "low", foreign / "low")
    found = json.loads(succeeds("evaluate", out, foreign, "--json", "--engine", "interpreter").stdout)
    per_class = found["accuracy"]["all"]["per_class"]
    assert (per_class["_unknown_"]["n"], per_class["low"]["n"], per_class["größe"]["n"]) == (6, 6, 0)
    assert any("counted as _unknown_: foreign word" in note for note in found["data"]["notes"])


def test_mixed_rates_channels_and_encodings_are_one_set(
    copied, tiny, tmp_path, trained, make_tone, write_wav, succeeds
):
    low = copied / "low"
    for clip in low.iterdir():
        clip.unlink()
    kinds = [(8000, "PCM_U8"), (11025, "PCM_16"), (16000, "PCM_24"), (48000, "FLOAT")]
    for number, (rate, subtype) in enumerate(kinds):
        write_wav(low / f"{number}.wav", make_tone(300, number, rate), rate, subtype)
    three = np.stack([make_tone(300, n, 44100) for n in range(3)], axis=1)
    write_wav(low / "three channels.wav", three, 44100, "DOUBLE")
    write_wav(low / "compressed.flac", make_tone(300, 9, 22050), 22050)
    out = tmp_path / "out"
    report = json.loads(succeeds("fit", copied, "--out", out, "--config", tiny, "--name", "kws", "--json").stdout)
    assert sum(split["low"] for split in report["data"]["counts"].values()) == 6
    assert any("1 at 48000 Hz" in note for note in report["data"]["notes"])


def test_skip_bad_lists_and_leaves_out_what_stops_a_fit_otherwise(copied, tiny, tmp_path, trained, refused, succeeds):
    lists = {"testing_list.txt": 0, "validation_list.txt": 1}
    for name, take in lists.items():  # so that no bad file is the last of its class in a split
        words = ("low", "größe", "2nd gear!")
        lines = [f"{word}/take ü {take}.wav" for word in words] + [f"_silence_/{take}.wav"]
        (copied / name).write_text("\n".join(lines), encoding="utf-8")
    (copied / "low" / "cut.wav").write_bytes((copied / "low" / "take ü 0.wav").read_bytes()[:1000])
    (copied / "größe" / "text.wav").write_text("these are words")
    arguments = ("fit", copied, "--out", tmp_path / "out", "--config", tiny, "--name", "kws")
    line = refused(*arguments)
    assert "2 of 26 clips" in line and "low/cut.wav" in line and "größe/text.wav" in line and "--skip-bad" in line
    assert not (tmp_path / "out").exists()
    result = succeeds(*arguments, "--skip-bad", "--json")
    assert "left out 2 bad clips" in result.stderr and "cut.wav" in result.stderr
    report = json.loads(result.stdout)
    assert any("größe/text.wav" in note for note in report["data"]["notes"])


def test_one_wrong_bit_in_the_c_stops_the_fit_and_names_the_clip(
    recordings, tiny, tmp_path, trained, monkeypatch, refused
):
    real = NativeModel.run

    def flipped(self, pcm, eager=False):
        found = real(self, pcm, eager)
        scores = found.scores.copy()
        scores[1, 0] ^= 1
        return dataclasses.replace(found, scores=scores)

    out = tmp_path / "out"
    out.mkdir()
    (out / "model.json").write_text("an older result")
    monkeypatch.setattr(NativeModel, "run", flipped)
    line = refused("fit", recordings, "--out", out, "--config", tiny, "--name", "kws", "--quiet")
    assert "parity failed: scores of 1 of" in line
    assert any(f"first in {word}/take ü" in line for word in ("low", "größe", "2nd gear!")) or "_silence_/" in line
    assert os.listdir(tmp_path) == ["out"] and os.listdir(out) == ["model.json"]
    assert (out / "model.json").read_text() == "an older result"


def test_a_second_fit_replaces_the_first_and_keeps_only_what_is_the_users(
    model, recordings, tiny, tmp_path, trained, succeeds
):
    out = shutil.copytree(model.folder, tmp_path / "out")
    older = json.loads((out / "model.json").read_text("utf-8"))
    (out / "model.json").write_text(json.dumps(older | {"name": "older"}))
    (out / "older.h").write_text("/* of the fit before */")
    (out / "notes.txt").write_text("mine")
    succeeds("fit", recordings, "--out", out, "--config", tiny, "--name", "kws", "--head", "dense")
    assert set(os.listdir(out)) == (FILES - {"dense"}) | {"notes.txt"}


def test_a_link_stays_a_link(recordings, tiny, tmp_path, trained, succeeds):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "kws")
    succeeds("fit", recordings, "--out", tmp_path / "out", "--config", tiny, "--name", "kws")
    assert (tmp_path / "out").is_symlink() and (tmp_path / "disk" / "kws" / "kws.h").is_file()
    assert os.listdir(tmp_path / "disk") == ["kws"]


def test_the_labels_are_in_the_header_as_they_are_spelt(model):
    text = (model.folder / "kws.h").read_text("utf-8")
    assert "KWS_CLASSES 4" in text and '"2nd gear!"' in text and "_silence_" in text


def test_trees_read_every_kind_of_feature_of_a_placed_window(recordings, tiny, tmp_path, succeeds):
    kinds = ["logits", "pooled", "positions", "log_mel", "log_mel_pooled", "frame"]
    result = succeeds(
        "fit", recordings, "--out", tmp_path / "out", "--config", tiny, "--name", "kws", "--json", "--quiet",
        "--set", f"forest.features={json.dumps(kinds)}", "--set", "forest.base=false", "--set", "front_end.placed=20",
        "--set", "forest.rounds=[8]", "--set", "forest.feature_fraction=0.2",
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert report["parity"]["different"] == 0
    mapped = {m["name"]: m["shape"][0] for m in report["maps"]}
    assert mapped["log_mel"] == 20 and "place" in mapped and {"energy", "crossings"} & set(mapped)
