import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.header import header
from codegen.interpret import run
from hybrid import model_file
from hybrid.model_file import Model, ModelFileError, load, save
from tests.random_plans import random_plan


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    plan, pcm = random_plan(2)
    save(Model(plan, {"seed": 0}), folder)
    return folder, plan, pcm


def copy(saved, tmp_path):
    for name in ("model.json", "model.npz"):
        (tmp_path / name).write_bytes((saved[0] / name).read_bytes())
    return tmp_path


def test_a_loaded_model_gives_the_same_c_and_results(saved):
    folder, plan, pcm = saved
    again = load(folder)
    assert header(again.plan) == header(plan)
    np.testing.assert_array_equal(run(again.plan, pcm).scores, run(plan, pcm).scores)
    assert again.about == {"seed": 0}


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    save(Model(random_plan(2)[0], {"seed": 0}), tmp_path)
    for name in ("model.json", "model.npz"):
        assert (tmp_path / name).read_bytes() == (saved[0] / name).read_bytes()


def test_nothing_there(tmp_path):
    with pytest.raises(ModelFileError, match="holds no model"):
        load(tmp_path)


def test_an_edited_file_is_refused(saved, tmp_path):
    folder = copy(saved, tmp_path)
    document = json.loads((folder / "model.json").read_text())
    document["labels"][0] = "other"
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match="edited or damaged"):
        load(folder)


def test_arrays_of_another_model_are_refused(saved, tmp_path):
    folder = copy(saved, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    save(Model(random_plan(3)[0], {}), other)
    (folder / "model.npz").write_bytes((other / "model.npz").read_bytes())
    with pytest.raises(ModelFileError, match="does not belong"):
        load(folder)


def test_missing_arrays_are_told(saved, tmp_path):
    folder = copy(saved, tmp_path)
    (folder / "model.npz").unlink()
    with pytest.raises(ModelFileError, match="missing"):
        load(folder)


def resign(folder, change):
    """An attacker's edit: change the document and make its digest right again."""
    document = json.loads((folder / "model.json").read_text())
    change(document)
    document["digest"] = model_file._digest(document)
    (folder / "model.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["graph"][1].update(op="os.system"),
        lambda d: d["graph"][1]["params"].update(group=-1),
        lambda d: d["graph"][1]["params"].update(stride="x"),
        lambda d: d["graph"][1]["params"].pop("bias"),
        lambda d: d["graph"][0]["params"].update(count=2**40),
        lambda d: d["graph"][2].update(inputs=["nothing"]),
        lambda d: d["forest"].update(features=[["pw", 999, 0, 0]] * len(d["forest"]["features"])),
        lambda d: d["forest"].update(stages=[[0, 1, 0, None, 0]]),
        lambda d: d["forest"].update(unit="nan?"),
        lambda d: d["forest"].update(node_left=d["forest"]["node_threshold"]),
        lambda d: d.update(name="a; system()"),
        lambda d: d.update(labels=[]),
        lambda d: d.update(graph={"x": 1}),
        lambda d: d.pop("forest"),
    ],
)
def test_a_hostile_file_with_a_right_digest_is_refused(saved, tmp_path, change):
    folder = copy(saved, tmp_path)
    resign(folder, change)
    with pytest.raises(ModelFileError):
        load(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["model.json", "model.npz"]), st.integers(0, 10**6), st.integers(1, 255), st.booleans())
def test_no_damage_gets_through(saved, tmp_path, name, where, change, cut):
    folder = copy(saved, tmp_path)
    data = bytearray((folder / name).read_bytes())
    where %= len(data)
    if cut:
        data = data[:where]
    else:
        data[where] ^= change
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(ModelFileError):
        load(folder)


def test_pickles_are_never_read(saved, tmp_path):
    import io
    import zipfile

    folder = copy(saved, tmp_path)
    with zipfile.ZipFile(folder / "model.npz") as archive:
        names = archive.namelist()
    buffer = io.BytesIO()
    np.savez(buffer, **{n.removesuffix(".npy"): np.array([{"a": 1}], dtype=object) for n in names})
    (folder / "model.npz").write_bytes(buffer.getvalue())
    import hashlib

    resign(folder, lambda d: d.update(arrays_sha256=hashlib.sha256(buffer.getvalue()).hexdigest()))
    with pytest.raises(ModelFileError, match="damaged"):
        load(folder)
