"""Shapes, padding and multiply-accumulate counts."""

import dataclasses

import pytest

from feature_extractors.cnn.spec import Block, TrunkSpec, part_bounds, same_padding

SPEC = TrunkSpec("time", 49, 32, (Block(48, (9, 1), (2, 1)), Block(64, (11, 1))), (1, 2))


def test_shapes_and_macs_are_those_counted_by_hand():
    assert [tuple(s) for s in SPEC.shapes()] == [(49, 1, 32), (25, 1, 48), (25, 1, 64)]
    first, second = 25 * (32 * 9 + 32 * 48), 25 * (48 * 11 + 48 * 64)
    assert SPEC.block_macs(1) == first and SPEC.block_macs(2) == second
    assert SPEC.stage_macs(12) == [first + 96 * 12, first + second + (96 + 128) * 12]


def test_a_full_convolution_counts_all_its_channels():
    spec = TrunkSpec("dscnn", 49, 10, (Block(64, (10, 4), (2, 2), "conv"),), (1,))
    assert spec.shapes()[1] == (25, 5, 64)
    assert spec.block_macs(1) == 25 * 5 * 40 * 64


@pytest.mark.parametrize("size", range(1, 30))
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 2), (4, 2), (9, 2), (10, 3), (2, 4)])
def test_padding_gives_one_output_for_every_started_stride(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert before == (kernel - 1) // 2
    outputs = -(-size // stride)
    assert (outputs - 1) * stride + kernel <= size + before + after


def test_parts_cover_the_axis():
    assert part_bounds(25, 3) == [(0, 8), (8, 16), (16, 25)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "lstm"}, "family"),
        ({"blocks": ()}, "at least one block"),
        ({"heads": (1,)}, "last head"),
        ({"heads": (2, 1, 2)}, "increasing"),
        ({"extra_parts": (26,)}, "parts"),
        ({"family": "dscnn"}, "full conv"),
        ({"blocks": (Block(4, (3, 3)),), "heads": (1,)}, "over bands"),
    ],
)
def test_an_impossible_trunk_is_refused_with_a_reason(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SPEC, **change)
