"""Everything that a user can get wrong: exit code 2 and one line that names the place and the remedy."""

import errno
import importlib
import os
import pathlib
import shutil

import numpy as np
import pytest

from hybrid.errors import HybridError


@pytest.fixture
def fit_refused(tiny, tmp_path, no_training, refused):
    """`hybrid fit DATA ...` must be refused before training, with these words, and leave nothing behind."""

    def check(data, *words, args=()):
        before = sorted(os.listdir(tmp_path))
        line = refused("fit", data, "--out", tmp_path / "out", "--config", tiny, *args)
        for word in words:
            assert str(word) in line, line
        assert sorted(os.listdir(tmp_path)) == before
        return line

    return check


def test_a_missing_an_empty_and_a_wrong_place(tmp_path, fit_refused):
    fit_refused(tmp_path / "absent", tmp_path / "absent", "check the path")
    (tmp_path / "empty").mkdir()
    fit_refused(tmp_path / "empty", "the folder is empty", "one folder of recordings per class")
    (tmp_path / "file").write_text("x")
    fit_refused(tmp_path / "file", "no .csv manifest")
    (tmp_path / "empty" / "word").mkdir()
    fit_refused(tmp_path / "empty", tmp_path / "empty" / "word", "remove the folder")


def test_one_class_and_a_class_with_one_clip(copied, fit_refused):
    lonely = copied / "größe"
    for path in sorted(lonely.iterdir())[1:]:
        path.unlink()
    fit_refused(copied, copied, "class größe has one clip", "record more")
    for name in ("größe", "2nd gear!", "_silence_"):
        shutil.rmtree(copied / name)
    fit_refused(copied, "only one class ('low')", "add recordings of other sounds")


def no_samples(path, write):
    write(path, np.zeros(0))


def all_zero(path, write):
    write(path, np.zeros(4000))


def truncated(path, write):
    write(path, np.full(4000, 0.1))
    path.write_bytes(path.read_bytes()[:2000])


def zero_bytes(path, _):
    path.write_bytes(b"")


def text(path, _):
    path.write_text("this is text, not sound\n")


def not_finite(path, write):
    write(path, np.array([0.1, np.nan, np.inf, 0.2] * 1000), subtype="FLOAT")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_samples, "has no samples"),
        (all_zero, "every sample is zero"),
        (truncated, "truncated"),
        (zero_bytes, "is empty (0 bytes)"),
        (text, "not readable as audio"),
        (not_finite, "2000 samples are NaN or infinite"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(copied, write_wav, spoil, reason, fit_refused, refused, model):
    spoil(copied / "low" / "bad one.wav", write_wav)
    fit_refused(copied, "low/bad one.wav", reason, "1 of 25 clips", "--skip-bad")
    assert reason in refused("evaluate", model.folder, copied)
    if spoil is not all_zero:  # which is a sound like another where no label is claimed
        assert reason in refused("predict", model.folder, copied / "low" / "bad one.wav")


def test_lists_that_name_absent_files(copied, fit_refused):
    (copied / "testing_list.txt").write_text("low/nothing.wav\nlow/nobody.wav\n")
    fit_refused(copied, copied / "testing_list.txt", "none of its 2 entries exists", "remove the list")


def test_a_manifest_that_names_absent_files(tmp_path, recordings, fit_refused):
    rows = [f"{path},{path.parent.name}" for path in recordings.glob("*/*.wav") if "!" not in str(path)]
    manifest = tmp_path / "clips.csv"
    manifest.write_text("\n".join(["path,label", *rows, "gone.wav,low"]), encoding="utf-8")
    fit_refused(manifest, "gone.wav")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--preset", "none"], ["preset 'none' is unknown", "demo", "kws12"]),
        (["--set", "forest"], ["section.key=value"]),
        (["--set", "forest.leafs=3"], ["forest.leafs is unknown", "leaves"]),
        (["--set", "wood.leaves=3"], ["section 'wood' is unknown", "forest"]),
        (["--set", "forest.leaves=many"], ["forest.leaves must be int"]),
        (["--set", "forest.leaves=1"], ["forest.leaves is 1", "2 to 1024"]),
        (["--set", "training.rate=nan"], ["training.rate is nan"]),
        (["--set", "audio.rate=0"], ["audio.rate is 0"]),
        (["--set", "audio.window_s=0.01"], ["these settings give no model"]),
        (["--set", "front_end.fmax=5000"], ["fmax must be an integer in 1..4000"]),
        (["--set", "forest.features=colour"], ["colour is unknown", "log_mel"]),
        (["--set", "forest.rounds=[]"], ["forest.rounds is empty"]),
        (["--set", "forest.unit=0.003"], ["power of two"]),
        (["--set", "trunk.heads=[1]"], ["the last head must be at the last depth"]),
        (["--set", "data.silence_fraction=2"], ["silence_fraction is 2"]),
        (["--exit-loss", "-1"], ["exit_loss is -0.01"]),
        (["--head", "hydra"], ["hydra", "trees", "dense"]),
        (["--seed", "-1"], ["--seed", "-1"]),
        (["--name", "no good"], ["--name 'no good'", "such as kws"]),
        (["--name", "Kws"], ["lower-case"]),
        (["--name", "hyb_runtime"], ["does not begin with hyb"]),
        (["--name", "string"], ["header of the C library"]),
        (["--layout", "spiral"], ["no layout 'spiral'", "class_folders"]),
        (["--test-fold", "3"], ["test_fold means nothing for the layout class_folders"]),
        (["--classes", "low,low"], ["classes names low more than once"]),
        (["--classes", "banana"], ["banana"]),
        (["--compiler", "nonsense"], ["'nonsense' was not found", "--compiler"]),
        (["--compiler", "false"], ["C compiler does not work"]),
        (["--compiler", "'"], ["C compiler does not work"]),
    ],
)
def test_wrong_choices_are_refused_before_training(recordings, args, words, fit_refused):
    fit_refused(recordings, *words, args=args)


def test_a_missing_compiler_is_told_before_training(recordings, monkeypatch, fit_refused, model, refused):
    monkeypatch.setenv("HYBRID_CC", "nonsense")
    fit_refused(recordings, "compiler 'nonsense' was not found", "HYBRID_CC")
    clip = next((recordings / "low").iterdir())
    for command in (("predict", model.folder, clip), ("evaluate", model.folder, recordings)):
        assert "compiler 'nonsense' was not found" in refused(*command)


def test_a_config_file_that_is_absent_no_toml_or_knows_too_much(recordings, tmp_path, no_training, refused):
    out, path = tmp_path / "out", tmp_path / "my settings.toml"
    arguments = ("fit", recordings, "--out", out, "--config", path)
    assert f"{path} cannot be read" in refused(*arguments)
    path.write_text("leaves = ")
    assert f"{path} is not TOML" in refused(*arguments)
    path.write_bytes(b"\xff\xfe")
    assert f"{path} is not TOML" in refused(*arguments)
    path.write_text("[forest]\ncolour = 1\n")
    assert f"{path}: forest.colour is unknown" in refused(*arguments)


def test_places_that_cannot_hold_a_result(recordings, tiny, tmp_path, no_training, refused, monkeypatch):
    def line(out):
        return refused("fit", recordings, "--out", out, "--config", tiny)

    (tmp_path / "file").write_text("x")
    assert f"{tmp_path / 'file'} is a file" in line(tmp_path / "file")
    assert "Not a directory" in line(tmp_path / "file" / "out")
    assert "with other files in it" in line(recordings)
    assert "--out" in line("/dev/full") and "--out" in line("/proc/out")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert "--out" in line(tmp_path / "circle")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert "current folder" in line(".") and "current folder" in line("../here")
    assert "--out" in line("x" * 300)
    assert sorted(os.listdir(tmp_path)) == ["circle", "file", "here"] and not os.listdir(tmp_path / "here")


def test_a_full_disk_leaves_what_stood_before(recordings, tiny, tmp_path, trained, monkeypatch, refused, model):
    out = shutil.copytree(model.folder, tmp_path / "out")
    page = (out / "report.html").read_bytes()
    real = pathlib.Path.write_text

    def full(self, *args, **kwargs):
        if "report.html" in self.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(pathlib.Path, "write_text", full)
    line = refused("fit", recordings, "--out", out, "--config", tiny, "--name", "kws", "--quiet")
    assert f"cannot write {out}: No space left on device" in line
    assert (out / "report.html").read_bytes() == page and os.listdir(tmp_path) == ["out"]
    assert "No space left on device" in refused("report", out)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fit"], ["Missing argument 'DATA'", "`hybrid fit --help`"]),
        (["fit", "x"], ["Missing option '--out'"]),
        (["fit", "x", "--out", "y", "--colour", "red"], ["No such option"]),
        (["predict", "x"], ["Missing argument"]),
        (["evaluate", "x", "y", "--engine", "steam"], ["steam", "interpreter"]),
        (["evaluate", "x", "y", "--split", "half"], ["half", "validation"]),
        (["evaluate", "x", "y", "--classes", "low"], ["No such option", "--classes"]),
        (["bake"], ["No such command 'bake'", "`hybrid --help`"]),
        (["demo", "--out", "x", "--clips", "two"], ["'two' is not a valid"]),
        (["presets", "extra"], ["unexpected extra argument"]),
        (["predict", "absent", "x.wav"], ["absent holds no model", "hybrid fit"]),
        (["evaluate", "absent", "x"], ["absent holds no model"]),
        (["report", "absent"], ["absent holds no model"]),
    ],
)
def test_wrong_usage_is_one_line_too(args, words, refused):
    line = refused(*args)
    for word in words:
        assert word in line


def test_eager_runs_c_only_and_says_so(model, recordings, refused):
    line = refused("evaluate", model.folder, recordings, "--eager", "--engine", "interpreter")
    assert "--eager runs the compiled C" in line


def test_evaluation_of_wrong_places(model, tmp_path, recordings, refused):
    assert "check the path" in refused("evaluate", model.folder, tmp_path / "absent")
    assert "the folder is empty" in refused("evaluate", model.folder, tmp_path)
    assert "no layout 'spiral'" in refused("evaluate", model.folder, recordings, "--layout", "spiral")


def test_clips_that_no_tree_can_split_are_told(recordings, tiny, tmp_path, refused):
    settings = ("--config", tiny, "--set", "forest.min_leaf=1000", "--set", "forest.base=false")
    line = refused("fit", recordings, "--out", tmp_path / "out", *settings, "--quiet")
    assert "no tree found a split" in line and "forest.min_leaf" in line


def test_diverged_training_is_told(recordings, tiny, tmp_path, monkeypatch, refused):
    import hybrid.trunk

    def diverged(*_, **__):
        raise ValueError("weights are not finite")

    monkeypatch.setattr(hybrid.trunk, "train_trunk", diverged)
    line = refused("fit", recordings, "--out", tmp_path / "out", "--config", tiny, "--quiet")
    assert "weights are not finite" in line and "lower training.rate" in line


def test_a_defect_of_the_program_is_not_dressed_up_as_the_users(monkeypatch, tmp_path):
    from click.testing import CliRunner

    import hybrid.config
    from hybrid.cli import cli

    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(hybrid.config, "preset_names", broken)
    result = CliRunner().invoke(cli, ["presets"])
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("module", "kind"),
    [("codegen.prices", "PriceError"), ("codegen.plan", "PlanError"), ("codegen.target.cores", "TargetError")],
)
def test_errors_of_the_packages_below_are_told_in_one_line(module, kind, monkeypatch, refused):
    import hybrid.config

    def broken():
        raise getattr(importlib.import_module(module), kind)("this is wrong: do that")

    monkeypatch.setattr(hybrid.config, "preset_names", broken)
    assert refused("presets") == "hybrid: error: this is wrong: do that"


def test_what_errors_quote_stays_on_one_line(monkeypatch, refused):
    import hybrid.config

    def broken():
        raise HybridError("two\nlines\tand   more")

    monkeypatch.setattr(hybrid.config, "preset_names", broken)
    assert refused("presets") == r"hybrid: error: two\nlines and more"
