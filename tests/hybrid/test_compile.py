"""`hybrid compile` as its users meet it: files, Python objects, callbacks, and what it refuses."""

import json
import pickle
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from codegen.host import compile_c
from hybrid.cli import cli
from hybrid.compile import Callback, compile_model, read_model, save_model
from hybrid.errors import HybridError
from tests.trained import lightgbm_model, sklearn_model, table
from tree_backends.forest import ForestError
from tree_backends.lightgbm import load_lightgbm


@pytest.fixture
def model_text(tmp_path):
    path = tmp_path / "model.txt"
    path.write_text(lightgbm_model("multiclass", "int16")[0].model_to_string())
    return path


def command(*words):
    """Exit code, stdout and stderr of `hybrid compile ...`."""
    done = CliRunner().invoke(cli, ["compile", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def example_output(folder):
    compile_c([folder / "example_main.c"], folder / "example", ["-std=c99", "-O1"])
    return subprocess.run([folder / "example"], capture_output=True, text=True, check=False).stdout


def test_a_lightgbm_file_becomes_a_header_that_checks_itself(model_text, tmp_path):
    code, out, err = command(
        model_text, "--out", tmp_path / "c", "--name", "pump", "--type", "int16", "--labels", "off,on,worn", "--json"
    )
    assert code == 0, err
    report = json.loads(out)
    assert (report["name"], report["type"], report["trees"]) == ("pump", "int16", 36)
    names = sorted(p.name for p in (tmp_path / "c").iterdir())
    assert names == ["example_main.c", "hyb_forest.h", "pump.h", "pump_vectors.h"]
    said = example_output(tmp_path / "c")
    assert "all 8 rows agree" in said and any(word in said for word in ("off", "on", "worn"))


def test_compiling_again_gives_the_same_bytes_and_leaves_other_files_alone(model_text, tmp_path):
    out = tmp_path / "c"
    compile_model(model_text, out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    (out / "mine.txt").write_text("keep")
    compile_model(model_text, out)
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.name != "mine.txt"} == before
    assert (out / "mine.txt").read_text() == "keep"


def test_a_file_of_the_users_own_is_not_overwritten(model_text, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "model.h").write_text("mine\n")
    code, _, err = command(model_text, "--out", tmp_path / "c")
    assert code == 2 and "would be overwritten" in err
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["model.h"]


def test_booster_wrapper_text_and_file_are_the_same_model(tmp_path):
    lgb = load_lightgbm()
    x, target = table(1, "plain")
    wrapper = lgb.LGBMClassifier(n_estimators=4, num_leaves=5, verbose=-1, n_jobs=1)
    wrapper.fit(x, np.array(["low", "mid", "top"])[target])
    wrapper.booster_.save_model(str(tmp_path / "m.txt"))
    models = [read_model(m) for m in (wrapper, wrapper.booster_, tmp_path / "m.txt")]
    assert models[0].labels == ("low", "mid", "top") and models[1].labels == ("0", "1", "2")
    for model in models:
        np.testing.assert_array_equal(model.scores(x), models[0].scores(x))
        assert [models[0].labels[i] for i in model.decide(model.scores(x))] == wrapper.predict(x).tolist()


def test_a_scikit_learn_model_goes_to_the_command_line_as_a_file(tmp_path):
    save_model(sklearn_model("forest", "plain")[0], tmp_path / "rf.json")
    code, out, err = command(tmp_path / "rf.json", "--out", tmp_path / "c", "--optimize", "speed")
    assert code == 0, err
    assert "labels as in Python on every input" in out
    assert "all 8 rows agree" in example_output(tmp_path / "c")


def test_a_pickle_is_refused_and_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Trap()))
    code, _, err = command(path, "--out", tmp_path / "c")
    assert code == 2 and "save_model" in err and not (tmp_path / "ran").exists()


def write_callbacks(path, *lines):
    path.write_text("\n".join(("feature,function,cost", *lines)) + "\n")
    return path


def test_callbacks_come_from_a_table_with_costs(model_text, tmp_path):
    rows = write_callbacks(tmp_path / "f.csv", *(f"Column_{i},read_{i},{i + 1}" for i in range(6)))
    code, out, err = command(model_text, "--out", tmp_path / "c", "--type", "int16", "--features", rows, "--json")
    assert code == 0, err
    assert json.loads(out)["cost_max"] == 17  # no tree reads Column_3
    text = (tmp_path / "c" / "model.h").read_text()
    assert "int16_t read_4(void *user); /* Column_4: cost 5 */" in text and "read_3" not in text
    assert "all 8 rows agree" in example_output(tmp_path / "c")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Column_0,a,1"], "has no callback"),
        ([*(f"Column_{i},read,1" for i in range(6))], "twice"),
        ([*(f"Column_{i},read_{i},-3" for i in range(6))], "line 2"),
        ([*(f"Column_{i},9read_{i},3" for i in range(6))], "no C identifier"),
        ([*(f"Column_{i},read_{i},3" for i in range(6)), "gone,read_x,1"], "does not have"),
    ],
)
def test_bad_tables_of_callbacks_are_refused(model_text, tmp_path, lines, message):
    code, _, err = command(
        model_text, "--out", tmp_path / "c", "--features", write_callbacks(tmp_path / "f.csv", *lines)
    )
    assert code == 2 and message in err and err.count("\n") == 1
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "for"], "C identifier"),
        (["--names", "a,b"], "2 names for 6 features"),
        (["--names", "a,b,c,d,e,a"], "same name"),
        (["--labels", "x"], "1 labels for 3 classes"),
        (["--cpu", "z80"], "unknown"),
    ],
)
def test_options_that_cannot_be_met_are_refused(model_text, tmp_path, words, message):
    code, _, err = command(model_text, "--out", tmp_path / "c", *words)
    assert code == 2 and message in err and err.count("\n") == 1


def test_a_truncated_model_is_refused_before_any_library_sees_it(model_text, tmp_path, monkeypatch):
    text = model_text.read_text()
    model_text.write_text(text[: len(text) // 2])
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)  # importing it would fail
    code, _, err = command(model_text, "--out", tmp_path / "c")
    assert code == 2 and "truncated" in err and str(model_text) in err


def test_a_missing_model_and_a_folder_are_told_in_one_line(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        code, _, err = command(path, "--out", tmp_path / "c")
        assert code == 2 and err.count("\n") == 1


def test_measuring_reports_both_layouts_on_both_scales(model_text, tmp_path):
    pytest.importorskip("unicorn")
    (tmp_path / "rows.csv").write_text("a,b,c,d,e,f\n" + "\n".join("1,2,-30,4,5,6" for _ in range(3)))
    report = compile_model(model_text, tmp_path / "c", dtype="int16", cpu="cortex-m4")
    found = {(row["layout"], row["flags"]): row for row in report["measured"]}
    assert len(found) == 4 and all(row["agree"] == row["rows"] for row in found.values())
    assert found["size", "-Os"]["flash"] < found["speed", "-Os"]["flash"]
    assert found["speed", "-O2"]["instructions"] < found["size", "-O2"]["instructions"]
    code, out, err = command(
        model_text, "--out", tmp_path / "d", "--type", "int16", "--cpu", "cortex-m4", "--rows", tmp_path / "rows.csv"
    )
    assert code == 0 and "3 of 3 rows as the reference" in out, err


def test_objects_that_are_no_models_are_refused():
    with pytest.raises(ForestError, match="cannot be compiled"):
        read_model(object())
    with pytest.raises(HybridError, match="names for 6 features"):
        compile_model(sklearn_model("tree", "plain")[0], "unused", names=["a"])
    with pytest.raises(ForestError, match="no callback"):
        compile_model(sklearn_model("tree", "plain")[0], "unused", callbacks=[Callback("f1", "read")])
