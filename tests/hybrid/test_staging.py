import pytest

from hybrid.staging import dense_forest


def test_a_dense_head_is_a_stage_without_trees():
    forest = dense_forest(3, "head", 2, 1 / 1024)
    assert (forest.trees, forest.stages[0].base, forest.stages[0].base_shift) == (0, "head", 2)
    assert forest.bias.tolist() == [0, 0, 0]
    assert pytest.approx(forest.unit) == 1 / 1024
