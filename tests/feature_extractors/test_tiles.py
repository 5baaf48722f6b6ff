import itertools

from hypothesis import given
from hypothesis import strategies as st

from feature_extractors.tiles import BAND, CHANNEL, TIME, All, Grid, Regions, Sliding, reads, whole

sizes = st.integers(1, 12)


@given(sizes, sizes, sizes, sizes, sizes, sizes)
def test_the_tiles_of_a_grid_cover_every_element_once(a, b, c, x, y, z):
    grid = Grid((a, b, c), (x, y, z))
    seen = [(i, j, k) for t in range(grid.size) for i, j, k in _elements(grid.box(t))]
    assert sorted(seen) == sorted(_elements(whole(grid.shape)))


@given(sizes, sizes, sizes, sizes, sizes, sizes)
def test_tile_of_an_element_is_the_tile_whose_box_holds_it(a, b, c, x, y, z):
    grid = Grid((a, b, c), (x, y, z))
    for tile in range(grid.size):
        assert {grid.tile_of(index) for index in _elements(grid.box(tile))} == {tile}
        assert list(grid.tiles_in(grid.box(tile))) == [tile]


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 6), st.integers(1, 9))
def test_a_sliding_rule_reads_exactly_the_positions_of_its_windows(size, stride, pad, length):
    rule, out = Sliding(0, stride, -pad, length), ((1, 4), (0, 1), (0, 1))
    windows = {p * stride - pad + k for p in range(1, 4) for k in range(length)}
    hull = set(range(min(windows), max(windows) + 1)) & set(range(size))
    assert set(range(*rule.range(out, size))) == hull


@given(st.integers(1, 40), st.integers(1, 8))
def test_regions_part_an_axis_without_gap_or_overlap(size, count):
    count = min(count, size)
    ends = [Regions(0, count).range(((i, i + 1), (0, 1), (0, 1)), size) for i in range(count)]
    assert ends[0][0] == 0 and ends[-1][1] == size
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))


def test_a_copy_reads_its_own_box_and_all_reads_the_axis():
    box = ((1, 2), (0, 3), (4, 6))
    assert reads((Sliding(TIME), Sliding(BAND), Sliding(CHANNEL)), box, (9, 9, 9)) == box
    assert All().range(box, 7) == (0, 7)


def _elements(box):
    return [(i, j, k) for i in range(*box[0]) for j in range(*box[1]) for k in range(*box[2])]
