"""Trees of class vectors whose splits have a price."""

import numpy as np

from tree_backends.build import ForestBuilder
from tree_backends.evaluate import run_stage
from tree_backends.forest import VECTOR, Feature
from tree_backends.priced import Growth, add_rounds, binned


class Meter:
    """Constant prices a row; keeps what was bought."""

    def __init__(self, *prices):
        self.prices, self.bought = np.array(prices, dtype=float), []

    def price(self, rows):
        return self.prices * len(rows)

    def buy(self, rows, feature):
        self.bought.append((len(rows), feature))


def example(features=2, n=600):
    rng = np.random.default_rng(1)
    values = rng.integers(-300, 300, (n, features)).astype(np.int32)
    values[:, 1] = values[:, 0] + rng.integers(-20, 20, n)  # nearly as good as the first
    return values, np.eye(3)[np.digitize(values[:, 0], (-100, 100))]


def fitted(values, target, meter, rounds=20, **growth):
    names = [Feature("m", (i, 0, 0)) for i in range(values.shape[1])]
    builder = ForestBuilder(3, names, 2.0**-16)
    settings = Growth(**({"leaves": 4, "learning_rate": 0.5} | growth))
    columns = np.arange(values.shape[1])
    scores = add_rounds(builder, binned(values), columns, target, np.zeros_like(target), rounds, settings, meter)
    builder.stage()
    return builder.finish(), scores


def test_they_learn_and_the_forest_gives_the_scores_that_were_trained():
    values, target = example()
    forest, scores = fitted(values, target, Meter(0, 0))
    assert (scores.argmax(axis=1) == target.argmax(axis=1)).mean() > 0.97
    assert (forest.tree_class == VECTOR).all() and forest.trees == 20
    used = [f.index[0] for f in forest.features]
    found = run_stage(forest, 0, values[:, used], None, np.zeros_like(target)).scores * forest.unit
    np.testing.assert_allclose(found, scores, atol=20 * forest.unit)


def test_a_price_moves_splits_to_the_cheaper_of_two_like_features():
    values, target = example()
    free, dear = Meter(0, 0), Meter(0.05, 0)
    fitted(values, target, free)
    fitted(values, target, dear)
    assert sum(f == 0 for _, f in free.bought) > sum(f == 0 for _, f in dear.bought)


def test_what_no_gain_pays_for_is_never_bought():
    values, target = example()
    meter = Meter(1e6, 1e6)
    forest, scores = fitted(values, target, meter, rounds=3)
    assert meter.bought == [] and forest.nodes == 0
    np.testing.assert_allclose(scores, np.tile(scores[0], (len(scores), 1)))


def test_leaves_and_rows_of_a_leaf_keep_their_limits():
    values, target = example()
    meter = Meter(0, 0)
    forest, _ = fitted(values, target, meter, rounds=2, leaves=5, min_leaf=150)
    assert forest.nodes <= 2 * 3, "600 rows hold four leaves of 150"
    assert len(meter.bought) == forest.nodes


def test_the_same_seed_draws_the_same_features():
    values, target = example(features=6)
    draws = [fitted(values, target, Meter(*[0] * 6), feature_fraction=0.3, seed=s)[1] for s in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_bins_are_cut_at_values():
    values = np.array([[5], [5], [-3], [9], [9]], dtype=np.int32)
    data = binned(values, 4)
    assert data.cuts[0].tolist() == [-3, 5, 9]
    assert data.bins[:, 0].tolist() == [1, 1, 0, 2, 2]
