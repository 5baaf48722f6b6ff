"""What an ensemble answers is what the library that trained it answers, leaf by leaf, on inputs chosen to hurt."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trained import LIGHTGBM, SKLEARN, edge_rows, lightgbm_model, sklearn_model, table
from tree_backends.ensemble import Ensemble
from tree_backends.ensemble_file import dump_ensemble, read_ensemble
from tree_backends.forest import ForestError
from tree_backends.lightgbm import load_lightgbm
from tree_backends.lightgbm_text import read_lightgbm_text
from tree_backends.sklearn import read_sklearn


def own_leaves(ensemble, x):
    """Leaf numbers counted within each tree, from the left."""
    leaves = ensemble.leaf_numbers(x)
    return leaves - leaves.min(axis=0)


@pytest.mark.parametrize(("task", "kind"), LIGHTGBM)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_lightgbm_reaches_the_same_leaves(task, kind, seed):
    booster, ensemble = lightgbm_model(task, kind)
    x = edge_rows(ensemble, seed)
    told = booster.predict(x, pred_leaf=True).reshape(len(x), -1).astype(int)
    leaves = ensemble.leaf_numbers(x)
    dump = booster.dump_model()["tree_info"]
    for tree, info in enumerate(dump):
        values = leaf_values(info["tree_structure"])
        np.testing.assert_array_equal(ensemble.values[leaves[:, tree], 0], [values[i] for i in told[:, tree]])
    raw = booster.predict(x, raw_score=True).reshape(len(x), -1)
    np.testing.assert_allclose(ensemble.scores(x), raw, rtol=1e-12, atol=1e-12)


def leaf_values(node, found=None):
    found = {} if found is None else found
    if "split_feature" not in node:
        found[node.get("leaf_index", 0)] = node["leaf_value"]
        return found
    leaf_values(node["left_child"], found)
    return leaf_values(node["right_child"], found)


NAN_KINDS = [n for n in SKLEARN if not n.startswith("boosting")]


@pytest.mark.parametrize(
    ("name", "kind"), [(n, "plain") for n in SKLEARN] + [(n, "nan") for n in NAN_KINDS] + [("forest", "int16")]
)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_sklearn_predicts_the_same(name, kind, seed):
    model, ensemble = sklearn_model(name, kind)
    x = edge_rows(ensemble, seed, nan=False)
    x[~np.isfinite(x)] = 0
    if kind == "nan":
        x[np.random.default_rng(seed).random(x.shape) < 0.2] = np.nan
    if hasattr(model, "apply") and not name.startswith("boosting"):
        told = model.apply(x).reshape(len(x), -1)
        leaves = ensemble.leaf_numbers(x)
        for tree in range(told.shape[1]):  # the same partition of the rows, tree by tree
            pairs = set(zip(told[:, tree].tolist(), leaves[:, tree].tolist(), strict=True))
            assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    scores = ensemble.scores(x)
    if ensemble.task == "regression":
        np.testing.assert_allclose(scores[:, 0], model.predict(x), rtol=1e-12, atol=1e-12)
    else:
        np.testing.assert_array_equal(ensemble.decide(scores), np.searchsorted(model.classes_, model.predict(x)))
    if ensemble.task == "votes":
        np.testing.assert_array_equal(scores, model.predict_proba(x))


def test_leaves_of_forests_are_exact_counts_unless_rows_were_weighted():
    assert sklearn_model("forest", "plain")[1].counts is not None
    assert sklearn_model("weighted forest", "plain")[1].counts is None


@pytest.mark.parametrize(("task", "kind"), LIGHTGBM[::3])
def test_an_ensemble_file_gives_the_same_ensemble(task, kind):
    ensemble = lightgbm_model(task, kind)[1]
    text = dump_ensemble(ensemble)
    again = read_ensemble(text)
    assert dump_ensemble(again) == text
    x = edge_rows(ensemble, 5)
    np.testing.assert_array_equal(again.scores(x), ensemble.scores(x))


def test_a_votes_file_keeps_its_counts():
    ensemble = sklearn_model("forest", "plain")[1]
    np.testing.assert_array_equal(read_ensemble(dump_ensemble(ensemble)).counts, ensemble.counts)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"task":"votes"', '"task":"guess"', "cannot be compiled"),
        ('"format":"hybrid-ensemble-1"', '"format":"x"', "not an ensemble"),
        ('"left":[', '"left":[99999,', "length|child"),
        ('"feature":[', '"feature":[0.5,', "damaged"),
        ('"counts":[[', '"counts":[[1,', "damaged"),
        ('"roots":[', '"roots":[true,"a",', "damaged"),
        ('"feature_names":["f0"', '"feature_names":["f1"', "same name"),
    ],
)
def test_damaged_ensemble_files_are_refused(old, new, message):
    text = dump_ensemble(sklearn_model("forest", "plain")[1])
    assert old in text
    with pytest.raises(ForestError, match=message):
        read_ensemble(text.replace(old, new, 1))


def test_no_json_is_refused():
    for text in ("", "{", "[1]", "[" * 100_000):
        with pytest.raises(ForestError, match=r"JSON|not an ensemble"):
            read_ensemble(text)


def mutate(text, rng):
    """One of the ways in which a file goes bad."""
    kind, at = rng.integers(0, 6), int(rng.integers(0, len(text)))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + text[at + int(rng.integers(1, 400)) :]
    if kind == 2:
        lines = text.splitlines()
        lines[int(rng.integers(0, len(lines)))] = rng.choice(
            ["", "x", "num_leaves=3", "threshold=nan", "=", "left_child="]
        )
        return "\n".join(lines)
    if kind == 3:
        return text[:at] + chr(int(rng.integers(32, 126))) + text[at + 1 :]
    if kind == 4:
        numbers = [i for i, c in enumerate(text) if c.isdigit()]
        at = int(rng.choice(numbers))
        return text[:at] + str(rng.choice(["9", "-1", "999999999999", "1e999", "0"])) + text[at + 1 :]
    lines = text.splitlines()
    i, j = rng.integers(0, len(lines), 2)
    lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["plain", "categories"])
def test_mutated_model_texts_are_refused_or_valid_models(kind):
    """No mutation crashes or hangs; what is taken can be walked, so it is a model."""
    text = lightgbm_model("multiclass", kind)[0].model_to_string()
    rng = np.random.default_rng(3)
    refused = taken = 0
    x = table(1, kind)[0][:5]
    for _ in range(400):
        try:
            ensemble = read_lightgbm_text(mutate(text, rng))
        except ForestError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        if len(ensemble.feature_names) == x.shape[1]:
            assert np.isfinite(ensemble.scores(x)).all()
        taken += 1
    assert refused > 100 and taken > 20


def one_set(words, trees=1):
    """A model text of trees with one split: whether the category is among the bits of `words`."""
    tree = (
        "num_leaves=2\nnum_cat=1\nsplit_feature=0\nthreshold=0\ndecision_type=1\nleft_child=-1\nright_child=-2\n"
        f"leaf_value=1 2\ncat_boundaries=0 {len(words)}\ncat_threshold={' '.join(map(str, words))}\n"
    )
    head = (
        "tree\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\nfeature_names=c\n"
        f"tree_sizes={' '.join(['1'] * trees)}\n"
    )
    return head + "".join(f"Tree={n}\n{tree}" for n in range(trees)) + "end of trees\n"


def test_a_category_set_takes_memory_by_its_members_not_by_its_largest():
    ensemble = read_lightgbm_text(one_set([5] + [0] * (2**19 - 2) + [2**31]))
    assert ensemble.category_sets == ((0, 2, 2**24 - 1),)
    np.testing.assert_array_equal(ensemble.scores([[0], [1], [2], [2**24 - 1], [2**24 - 2]])[:, 0], [1, 2, 1, 1, 2])


@pytest.mark.parametrize(("words", "trees", "where"), [(2**19, 1, "tree 0"), (2**14, 3, "tree 2")])
def test_category_sets_with_too_many_members_are_refused_before_they_take_memory(words, trees, where):
    # the same set counts once: those of the last case differ by a bit
    text = one_set([2**32 - 1] * words, trees)
    sections = text.split("cat_threshold=")
    text = "cat_threshold=".join([sections[0], *(f"{2**32 - 1 - n}{s[10:]}" for n, s in enumerate(sections[1:]))])
    tracemalloc.start()
    with pytest.raises(ForestError, match=f"{where}: the category sets up to here have .* max_cat_threshold"):
        read_lightgbm_text(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160 * 2**20


def test_linear_trees_are_refused_with_the_remedy():
    lgb = load_lightgbm()
    x, target = table(1, "plain")
    params = {"objective": "regression", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(params, lgb.Dataset(x, target.astype(float)), 2)
    with pytest.raises(ForestError, match="linear_tree"):
        read_lightgbm_text(booster.model_to_string())


@pytest.mark.parametrize("objective", ["poisson", "gamma", "tweedie"])
def test_objectives_that_transform_the_sum_are_refused(objective):
    lgb = load_lightgbm()
    x, target = table(1, "plain")
    booster = lgb.train({"objective": objective, "verbosity": -1, "num_threads": 1}, lgb.Dataset(x, target + 1.0), 2)
    with pytest.raises(ForestError, match="transforms the sum"):
        read_lightgbm_text(booster.model_to_string())


def test_an_average_of_trees_is_an_average():
    lgb = load_lightgbm()
    x, target = table(1, "plain")
    params = {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1, "verbosity": -1,
              "num_threads": 1}  # fmt: skip
    booster = lgb.train(params, lgb.Dataset(x, target > 0), 7)
    got = read_lightgbm_text(booster.model_to_string()).scores(x)[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-got)), booster.predict(x), rtol=1e-12)  # its raw scores are sums


def test_models_that_cannot_be_compiled_say_why():
    from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier

    x, target = table(1, "plain")
    with pytest.raises(ForestError, match="cannot be compiled: pass one of"):
        read_sklearn(AdaBoostClassifier(n_estimators=2).fit(x, target))
    with pytest.raises(ForestError, match="call fit first"):
        read_sklearn(RandomForestClassifier())
    with pytest.raises(ForestError, match="one model for each"):
        read_sklearn(RandomForestClassifier(2).fit(x, np.stack([target, target], axis=1)))


def test_a_tree_that_shares_a_child_is_refused():
    good = sklearn_model("tree", "plain")[1]
    fields = {f: getattr(good, f) for f in good.__dataclass_fields__}
    left = good.left.copy()
    left[0] = good.right[0]
    with pytest.raises(ForestError, match="share a child"):
        Ensemble(**{**fields, "left": left})
