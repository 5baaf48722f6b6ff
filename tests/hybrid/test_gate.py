"""A gate settles what it can tell for certain, and leaves everything else alone."""

import numpy as np
import pytest

from codegen import interpret
from codegen.artifacts import write_code
from codegen.host import NativeModel, NativeStream
from codegen.interpret import values_of
from codegen.plan import Plan
from feature_extractors.graph import Graph
from feature_extractors.ops.contrast import Contrast
from feature_extractors.ops.frame_energy import FrameEnergy
from feature_extractors.ops.samples import Samples
from feature_extractors.ops.zero_crossings import ZeroCrossings
from hybrid.config import GateConfig, load_config
from hybrid.fit import _settled
from hybrid.gate import Gate, Windows, background, behind, contrasts, fit_gate, gate_features, trimmed
from hybrid.training import Console, fit_windows
from hybrid.windows import Windows as Labelled
from tree_backends.build import ForestBuilder
from tree_backends.evaluate import stage_scores
from tree_backends.forest import NEVER, Feature

RATE, HISS, WORD = 4000, 0, 1
CONFIG = GateConfig(on=True, widths=(1, 4), lost=0.002)


def graph() -> Graph:
    found = Graph()
    found.add("pcm", Samples(RATE, RATE))
    found.add("loudness", FrameEnergy(80, 80, centred=True), ["pcm"])
    for width in (1, 4):
        found.add(f"contrast_{width}", Contrast(width), ["loudness"])
    found.add("crossings", ZeroCrossings(200, 200), ["pcm"])
    return found


def sounds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Steady hiss, and words of two classes in it that sound alike, at any level: int16 (n, RATE), classes (n,)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    pcm = rng.standard_normal((n, RATE))
    for row, kind in zip(pcm, truth, strict=True):
        start = rng.integers(0, RATE // 2)
        row[start : start + (0 if kind == HISS else 1000)] *= 8
    level = 10 ** rng.uniform(1, 3, (n, 1))
    return np.rint(pcm * level).astype(np.int16), truth


def windows(n: int = 900, seed: int = 0) -> Windows:
    pcm, truth = sounds(n, seed)
    values = contrasts(graph(), iter([pcm]))
    return Windows(values, truth, np.ones(n, dtype=bool), np.arange(n) % 2 == 1)


def rest() -> ForestBuilder:
    """A forest of one stage that never says hiss."""
    builder = ForestBuilder(3, [Feature("crossings", (3, 0, 0))], 1 / 1024)
    node = builder.node()
    builder.set_node(node, 0, 90, builder.leaf(2.0), builder.leaf(1.0))
    builder.tree(node, WORD)
    builder.stage()
    return builder


def fitted():
    return fit_gate(windows(), gate_features(graph()), 3, 1 / 1024, CONFIG, 0)


def said(gate: Gate, pcm: np.ndarray) -> np.ndarray:
    """Scores after the gate, (n, 3)."""
    maps = interpret.evaluate_maps(graph(), interpret.source_map(graph(), pcm), ["contrast_1", "contrast_4"])
    return stage_scores(gate.forest, values_of(maps, gate.forest.features), lambda name: np.zeros(0))[0]


def test_what_is_steady_is_settled_and_nothing_else():
    gate = fitted()
    (found,) = gate.settled
    assert found.cls == HISS
    assert found.settled > 0.9 and found.lost <= CONFIG.lost
    pcm, truth = sounds(600, 7)
    settles = said(gate, pcm)[:, HISS] > 0
    assert settles[truth == HISS].mean() > 0.9 and settles[truth != HISS].mean() < 0.01


def test_levels_do_not_matter():
    gate = fitted()
    pcm, _ = sounds(300, 8)
    score = [said(gate, heard) for heard in (pcm, np.clip(pcm.astype(int) * 3, -32768, 32767).astype(np.int16))]
    same = (score[0] == score[1]).all(axis=1).mean()
    assert same > 0.93, "rounding of the quietest samples alone may move a window over a threshold"


def test_no_gate_where_nothing_can_be_told():
    told = windows()
    shuffled = Windows(told.values, np.random.default_rng(0).permutation(told.truth), told.matter, told.judged)
    assert fit_gate(shuffled, gate_features(graph()), 3, 1 / 1024, CONFIG, 0) is None


def test_windows_that_the_forest_gets_wrong_anyway_are_no_loss():
    told = windows()
    rng = np.random.default_rng(1)
    spoiled = (told.truth == HISS) & (rng.random(len(told.truth)) < 0.3)
    truth = np.where(spoiled, WORD, told.truth)
    features = gate_features(graph())
    assert fit_gate(Windows(told.values, truth, told.matter, told.judged), features, 3, 1 / 1024, CONFIG, 0) is None
    found = fit_gate(Windows(told.values, truth, ~spoiled, told.judged), features, 3, 1 / 1024, CONFIG, 0)
    assert HISS in [f.cls for f in found.settled]


def test_windows_that_pass_are_decided_as_without_a_gate_in_c_too(tmp_path):
    gate, forest = fitted(), rest().finish(None)
    plan = Plan("rest", ("hiss", "word", "other word"), graph(), forest)
    gated = Plan("gated", plan.labels, plan.graph, behind(gate, forest).with_margins([8 * 1024, 0]))
    pcm, _ = sounds(200, 9)
    with_gate, without = interpret.run(gated, pcm), interpret.run(plan, pcm)
    passed = with_gate.stage == 1
    assert 0.4 < passed.mean() < 0.9
    np.testing.assert_array_equal(with_gate.scores[passed], without.scores[passed])
    assert not with_gate.computed["crossings"][~passed].any()
    write_code(gated, tmp_path)
    native = NativeModel(tmp_path, "gated").run(pcm)
    for name in ("label", "stage", "scores", "cost"):
        np.testing.assert_array_equal(getattr(native, name), getattr(with_gate, name))


def test_leaves_that_no_decision_leaves_by_are_dropped():
    gate = fitted()
    bias = np.zeros(3, dtype=np.int32)
    highest = int(gate.forest.leaf_scores.max())
    assert trimmed(gate, [NEVER] * 3, bias) is None
    assert np.array_equal(trimmed(gate, [1] * 3, bias).forest.leaf_scores, gate.forest.leaf_scores)
    left = trimmed(gate, [highest] * 3, bias)
    assert set(np.unique(left.forest.leaf_scores)) == {0, highest}
    assert trimmed(gate, [highest] * 3, np.array([-5, 0, -5], dtype=np.int32)) is None


@pytest.mark.parametrize("late", [False, True])
def test_background_is_cut_from_one_half_at_all_levels(late):
    ramp = np.concatenate([np.full(8000, 100), np.full(8000, 1000)]).astype(np.int16)
    config = GateConfig(on=True, noise_windows=200, noise_db=(-20, 6))
    found = background([ramp], 1000, late, config, np.random.default_rng(0))
    assert found.shape == (100, 1000) and (found == found[:, :1]).all()
    level = found[:, 0] / (1000 if late else 100)
    assert 0.09 < level.min() < 0.2 and 1.5 < level.max() < 2.1


def labelled(n: int, seed: int) -> Labelled:
    pcm, truth = sounds(n, seed)
    return Labelled(pcm, truth, np.arange(n), truth, tuple(map(str, range(n))))


def test_a_fit_puts_the_gate_in_front_and_says_what_it_settles(tiny, tmp_path):
    settings = {"audio": {"rate": RATE, "window_s": 1.0}, "front_end": {"fmax": 2000, "hop": 80, "frame": 128},
                "gate": {"on": True, "widths": [1, 4], "lost": 0.01},
                "augment": {"shift_seconds": 0.0, "speed": 0.0}}  # fmt: skip
    config = load_config(path=tiny, overrides=settings)
    labels = ("hiss", "word", "other word")
    fitted = fit_windows(labelled(400, 1), labelled(200, 2), [], labels, config, "gated", 0, Console())
    assert fitted.gate is not None and fitted.gate.settled[0].cls == HISS
    first = fitted.plan.forest.stages[0]
    assert (first.base, first.last) == (None, 3) and first.margin < NEVER
    test = labelled(200, 3)
    (row,) = _settled(fitted.plan, fitted.gate, test)
    assert (row["class"], row["others"]) == ("hiss", int((test.truth != HISS).sum()))
    assert row["settled"] > 0.8 and row["lost"] <= 2
    found = interpret.run(fitted.plan, test.pcm)
    assert found.cost[found.stage == 0].max() < found.cost[found.stage > 0].min() / 4
    write_code(fitted.plan, tmp_path)
    native = NativeModel(tmp_path, "gated").run(test.pcm)
    np.testing.assert_array_equal(native.scores, found.scores)
    np.testing.assert_array_equal(native.cost, found.cost)


def test_a_gate_runs_over_a_stream(tmp_path):
    found = Graph()
    found.add("pcm", Samples(RATE, RATE))
    found.add("loudness", FrameEnergy(80, 80, centred=True), ["pcm"])
    for width in (1, 4):
        found.add(f"contrast_{width}", Contrast(width), ["loudness"])
    found.add("crossings", ZeroCrossings(80, 80), ["pcm"])
    gate, forest = fitted(), rest().finish(None)
    plan = Plan("gated", ("a", "b", "c"), found, behind(gate, forest).with_margins([8 * 1024, 0]))
    write_code(plan, tmp_path)
    stream, (pcm, _) = NativeStream(tmp_path, "gated"), sounds(30, 5)
    expected = interpret.run(plan, pcm)
    assert 0 < (expected.stage == 0).mean() < 1
    for row, stage, scores in zip(pcm, expected.stage, expected.scores, strict=True):
        stream.push(row)
        decided = stream.decide()
        assert decided.stage == stage
        np.testing.assert_array_equal(decided.scores, scores)
