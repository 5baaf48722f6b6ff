"""Stand-alone forests in C: the same scores, labels and ties as the reference, for every source, layout and type."""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from codegen.forests import Callback, Options, header, prepare
from codegen.forests.artifacts import drawn_rows, write_forest
from codegen.forests.columns import float_cut, float_key, set_cuts
from codegen.host import WARNINGS, CompilerError, compile_c
from tests.compilers import COMPILERS
from tests.trained import LIGHTGBM, SKLEARN, edge_rows, lightgbm_model, sklearn_model, table
from tree_backends.ensemble import NAN, NUMERIC, Ensemble
from tree_backends.forest import VECTOR, ForestError

ALL = """\
#define M_IMPLEMENTATION
#include "m.h"
#ifdef M_COST_MAX
{stubs}
#define ROW(i) ((void *)(uintptr_t)(x + (size_t)(i) * M_FEATURES))
#else
#define ROW(i) (x + (size_t)(i) * M_FEATURES)
#endif
void all(const {type} *x, int32_t n, int32_t *answers, int32_t *scores, uint16_t *proba, uint32_t *costs);
void all(const {type} *x, int32_t n, int32_t *answers, int32_t *scores, uint16_t *proba, uint32_t *costs) {{
  (void)proba;
  (void)costs;
  for (int32_t i = 0; i < n; i++) {{
#ifdef M_COST_MAX
    const m_result r = m_predict(ROW(i));
    answers[2 * i] = r.{field};
    costs[2 * i] = r.cost;
    costs[2 * i + 1] = r.asked;
#else
    answers[2 * i] = m_predict(ROW(i));
#endif
    answers[2 * i + 1] = m_scores(ROW(i), scores + i * M_SCORES);
#ifdef M_CLASSES
    (void)m_proba(ROW(i), proba + i * M_CLASSES);
#endif
  }}
}}
"""


class Native:
    """A model's header compiled for this machine."""

    def __init__(self, model, folder, flags=("-std=c99", "-O1", *WARNINGS)):
        kind = "int16_t" if model.options.dtype == "int16" else "float"
        write_forest(model, folder)
        stubs = "".join(
            f"{kind} {c.function}(void *user) {{ return ((const {kind} *)user)[{n}]; }}\n"
            for c, n in zip(model.callbacks, model.lowered.features, strict=bool(model.callbacks))
        )
        field = "label" if model.ensemble.labels else "value"
        (folder / "all.c").write_text(ALL.format(type=kind, stubs=stubs, field=field))
        compile_c([folder / "all.c"], folder / "all.so", [*flags, "-shared", "-fPIC", f"-I{folder}"])
        self.library, self.model = ctypes.CDLL(str(folder / "all.so")), model
        self.dtype = np.int16 if kind == "int16_t" else np.float32

    def run(self, rows):
        """(answers of predict, answers of scores, scores, probabilities, costs) of each row."""
        rows = np.ascontiguousarray(rows, dtype=self.dtype)
        n, outputs = len(rows), len(self.model.ensemble.bias)
        answers, scores = np.zeros((n, 2), np.int32), np.zeros((n, outputs), np.int32)
        proba, costs = np.zeros((n, max(1, len(self.model.ensemble.labels))), np.uint16), np.zeros((n, 2), np.uint32)
        arrays = [ctypes.c_void_p(a.ctypes.data) for a in (answers, scores, proba, costs)]
        self.library.all(ctypes.c_void_p(rows.ctypes.data), n, *arrays)
        return answers[:, 0], answers[:, 1], scores, proba / 32768, costs


def check(model, folder, rows):
    """C equals the reference on rows; returns the probabilities and costs."""
    predicted, told, scores, proba, costs = Native(model, folder).run(rows)
    np.testing.assert_array_equal(scores, model.scores(rows))
    np.testing.assert_array_equal(predicted, model.labels(rows))
    np.testing.assert_array_equal(told, model.labels(rows))
    return proba, costs


def exact_scores(model, rows):
    """Scores as the library computes them, and the device's in the same unit."""
    unit = 2.0**-model.sums.bits if model.sums else 2.0**-model.votes.bits / model.ensemble.trees
    return model.ensemble.scores(rows.astype(np.float64)), model.scores(rows) * unit


@pytest.mark.parametrize("optimise", ["size", "speed"])
@pytest.mark.parametrize(("task", "kind"), LIGHTGBM)
def test_lightgbm_in_c(task, kind, optimise, tmp_path):
    ensemble = lightgbm_model(task, kind)[1]
    dtype = "int16" if kind == "int16" else "float32"
    model = prepare(ensemble, Options("m", dtype, optimise=optimise, exits=2))
    rows = edge_rows(ensemble, 7, 300, whole=kind == "int16").astype(np.int16 if kind == "int16" else np.float32)
    np.testing.assert_array_equal(model.lowered.leaf_numbers(rows), ensemble.leaf_numbers(rows.astype(np.float64)))
    proba, _ = check(model, tmp_path, rows)
    exact, got = exact_scores(model, rows)
    assert np.abs(exact - got).max() <= model.error * (1 + 1e-9) + 1e-12
    if task != "regression":
        np.testing.assert_allclose(proba, true_proba(ensemble, exact), atol=3e-4)


def true_proba(ensemble, scores):
    if ensemble.task == "votes":
        return scores
    if ensemble.task == "binary" or ensemble.one_versus_all:
        p = 1 / (1 + np.exp(-ensemble.sigmoid * scores))
        return np.hstack([1 - p, p]) if ensemble.task == "binary" else p
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("optimise", ["size", "speed"])
@pytest.mark.parametrize("name", list(SKLEARN))
def test_sklearn_in_c(name, optimise, tmp_path):
    kind = "plain" if name.startswith("boosting") else "nan"
    ensemble = sklearn_model(name, kind)[1]
    model = prepare(ensemble, Options("m", "float32", optimise=optimise))
    rows = edge_rows(ensemble, 8, 300)
    np.testing.assert_array_equal(model.lowered.leaf_numbers(rows), ensemble.leaf_numbers(rows.astype(np.float64)))
    proba, _ = check(model, tmp_path, rows)
    exact, got = exact_scores(model, rows)
    assert np.abs(exact - got).max() <= model.error * (1 + 1e-9) + 1e-12
    if ensemble.task != "regression":
        np.testing.assert_allclose(proba, true_proba(ensemble, exact), atol=3e-4)


def voting(trees, classes=3):
    """Trees of one test each on one feature; `trees` gives (threshold, counts on the left, counts on the right)."""
    n = len(trees)
    counts = np.array([c for _, left, right in trees for c in (left, right)], dtype=np.int64)
    whole = np.arange(n, dtype=np.int32)
    return Ensemble(
        source="test", task="votes", feature_names=("a",), labels=tuple("xyz"[:classes]),
        feature=np.zeros(n, np.int32), threshold=np.array([t for t, _, _ in trees], float),
        missing=np.full(n, NAN, np.uint8), default_left=np.zeros(n, bool), categories=np.full(n, NUMERIC, np.int32),
        left=~(2 * whole), right=~(2 * whole + 1), values=counts / counts.sum(axis=1, keepdims=True),
        roots=whole, outputs=np.full(n, VECTOR, np.int32), bias=np.zeros(classes), counts=counts,
    )  # fmt: skip


@pytest.mark.parametrize("optimise", ["size", "speed"])
@pytest.mark.parametrize("seed", range(6))
def test_ties_and_near_ties_go_as_rounding_takes_them_in_python(seed, optimise, tmp_path):
    """Votes built to tie in exact arithmetic, where the sums of doubles differ in the last bit or not at all."""
    rng = np.random.default_rng(seed)
    trees = []
    for i in range(12):
        left, right = rng.integers(0, 8, 3), rng.integers(0, 8, 3)
        left[rng.integers(3)] += 1
        right[rng.integers(3)] += 1
        trees += [(i, left, right), (i, np.roll(left, 1), np.roll(right, 2)), (i, np.roll(left, 2), np.roll(right, 1))]
    order = rng.permutation(len(trees))
    ensemble = voting([trees[i] for i in order])
    model = prepare(ensemble, Options("m", "int16", optimise=optimise, exits=4))
    rows = np.arange(-2, 15, dtype=np.int16)[:, None]
    scores = ensemble.scores(rows.astype(float))
    assert np.abs(np.diff(np.sort(scores, axis=1)[:, 1:])).max() < 1e-12  # all of them tie but for rounding
    check(model, tmp_path, rows)


@pytest.mark.parametrize("optimise", ["size", "speed"])
def test_exits_change_no_answer_and_save_trees(optimise, tmp_path):
    from codegen.target.cores import find_core
    from codegen.target.cross import find_cross

    ensemble = sklearn_model("forest", "int16")[1]
    rows = table(2, "int16")[0][:200].astype(np.int16)
    with_exits = prepare(ensemble, Options("m", "int16", optimise=optimise, exits=1))
    assert len(with_exits.ends) == 2
    check(with_exits, tmp_path, rows)
    pytest.importorskip("unicorn")
    from codegen.forests.measure import measure

    core = find_core("cortex-m4")
    models = [prepare(ensemble, Options("m", "int16", optimise=optimise, exits=e)) for e in (0, 1)]
    costs = [measure(model, rows[:40], core, find_cross()) for model in models]
    assert costs[0].agree == costs[1].agree == 40
    assert costs[1].instructions < costs[0].instructions


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_callbacks_are_asked_once_and_only_when_needed(dtype, tmp_path):
    ensemble = lightgbm_model("multiclass", "int16")[1]
    callbacks = tuple(Callback(name, f"read_{i}", 10**i) for i, name in enumerate(ensemble.feature_names))
    model = prepare(ensemble, Options("m", dtype, callbacks))
    rows = edge_rows(ensemble, 9, 200, whole=True).astype(np.int16 if dtype == "int16" else np.float32)
    _, costs = check(model, tmp_path, rows)
    costs_seen = [visited_cost(model, row) for row in rows]
    np.testing.assert_array_equal(costs[:, 0], costs_seen)
    text = header(model)
    low, high = (int(text.split(f"#define M_COST_{w} ")[1].split()[0]) for w in ("MIN", "MAX"))
    assert low <= min(costs_seen) and max(costs_seen) <= high
    assert costs[:, 1].min() < len(callbacks)


def visited_cost(model, row):
    """Declared costs of the features on the paths of all trees."""
    values = model.lowered.column_values(row[None])[0]
    seen, stack = set(), list(model.lowered.trees)
    while stack:
        tree = stack.pop()
        if hasattr(tree, "column"):
            seen.add(model.lowered.columns[tree.column].feature)
            stack.append(tree.left if values[tree.column] <= tree.k else tree.right)
    cost = {model.ensemble.feature_names.index(c.feature): c.cost for c in model.callbacks}
    return sum(cost[f] for f in seen)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("language", [["-std=c99"], ["-x", "c++", "-std=c++11"]])
@pytest.mark.parametrize("optimise", ["size", "speed"])
def test_the_files_are_clean_under_warnings_and_the_example_agrees(compiler, language, optimise, tmp_path):
    ensemble = sklearn_model("forest", "nan")[1]
    callbacks = tuple(Callback(n, f"get_{n}", 3) for n in ensemble.feature_names) if optimise == "size" else None
    write_forest(prepare(ensemble, Options("m", "float32", callbacks, optimise)), tmp_path)
    flags = [w for w in WARNINGS if language[0] == "-std=c99" or w != "-Wstrict-prototypes"]
    compile_c([tmp_path / "example_main.c"], tmp_path / "example", ["-O2", *language, *flags], compiler)
    done = subprocess.run([tmp_path / "example"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("self test: all 8 rows agree\n"), done.stdout


def test_another_runtime_version_is_an_error_that_names_the_remedy(tmp_path):
    write_forest(prepare(sklearn_model("tree", "plain")[1], Options("m")), tmp_path)
    runtime = tmp_path / "hyb_forest.h"
    runtime.write_text(runtime.read_text().replace("#define HYB_FOREST_API 1", "#define HYB_FOREST_API 2"))
    with pytest.raises(CompilerError, match="compile the model again"):
        compile_c([tmp_path / "example_main.c"], tmp_path / "example", ["-std=c99"])


def test_same_model_same_bytes_whatever_the_hash_seed():
    code = "from tests.trained import *; from codegen.forests import *; import hashlib;"
    code += "t = header(prepare(lightgbm_model('multiclass', 'categories')[1], Options('m')));"
    code += "print(hashlib.sha256(t.encode()).hexdigest())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


def test_a_threshold_is_rounded_down_to_float32():
    for threshold in (0.1, -0.1, 1 + 2**-30, -1 - 2**-30, 16777217.0, 1e300, -1e300, 5.0):
        cut = float_cut(threshold, False)
        below = np.float32(0.1)
        for x in np.float32([below, np.nextafter(below, np.float32(1)), threshold if abs(threshold) < 3e38 else 0]):
            assert (float_key(np.array([x]))[0] <= cut) == (float(x) <= threshold)


@pytest.mark.parametrize("members", [(0,), (3, 4, 5), (0, 1, 9), (2, 4, 6, 7)])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_set_edges_tell_members_as_truncation_does(members, dtype):
    cuts = np.array(set_cuts(members, dtype))
    x = np.arange(-3, 12) if dtype == "int16" else np.float32(np.arange(-24, 96) / 8)
    key = x if dtype == "int16" else float_key(x)
    inside = np.array([(cuts < k).sum() % 2 == 1 for k in key])
    whole = np.trunc(x).astype(int)
    np.testing.assert_array_equal(inside, np.isin(np.where(x > -1, whole, -1), members))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "No"}, "C identifier"),
        ({"name": "double"}, "C identifier"),
        ({"name": "hyb_x"}, "C identifier"),
        ({"dtype": "int8"}, "int16"),
        ({"callbacks": (Callback("f0", "a"),)}, "has no callback"),
        ({"callbacks": (Callback("gone", "a"),)}, "does not have"),
        ({"callbacks": tuple(Callback(f"f{i}", "a") for i in range(6))}, "twice"),
        ({"callbacks": (Callback("f0", "no good"),)}, "no C identifier"),
        ({"callbacks": (Callback("f0", "m_predict"),)}, "begins like"),
        ({"callbacks": (Callback("f0", "a", -1),)}, "cost of feature"),
        ({"callbacks": tuple(Callback(f"f{i}", f"a{i}", 2**30) for i in range(6))}, "larger unit"),
    ],
)
def test_options_that_cannot_be_met_are_refused_in_one_line(options, message):
    with pytest.raises(ForestError, match=message) as told:
        prepare(sklearn_model("tree", "plain")[1], Options(**{"name": "m", **options}))
    assert "\n" not in str(told.value)


def test_more_thresholds_than_the_tables_can_number_are_refused():
    n = 66_000
    whole = np.arange(n, dtype=np.int32)
    ensemble = Ensemble(
        source="test", task="regression", feature_names=("a",), labels=(), feature=np.zeros(n, np.int32),
        threshold=whole / 8, missing=np.zeros(n, np.uint8), default_left=np.zeros(n, bool),
        categories=np.full(n, NUMERIC, np.int32), left=~(2 * whole), right=~(2 * whole + 1),
        values=np.ones((2 * n, 1)), roots=whole, outputs=np.zeros(n, np.int32), bias=np.zeros(1),
    )  # fmt: skip
    with pytest.raises(ForestError, match="different thresholds"):
        prepare(ensemble, Options("m"))


def test_drawn_rows_lie_at_thresholds():
    ensemble = sklearn_model("forest", "plain")[1]
    rows = drawn_rows(prepare(ensemble, Options("m")), 50)
    near = [np.abs(ensemble.threshold[ensemble.feature == f][None] - rows[:, [f]]).min() for f in ensemble.used()]
    assert max(near) < 1e-5
