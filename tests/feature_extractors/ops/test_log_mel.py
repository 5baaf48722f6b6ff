"""The integer log-mel against librosa on real recordings, and what the op refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from feature_extractors.graph import Graph, GraphError, make_op, parameters
from feature_extractors.mel import dense
from feature_extractors.ops.base import OpError, Value
from feature_extractors.ops.log_mel import LogMel, log_mel
from feature_extractors.ops.samples import Samples
from feature_extractors.tiles import reads, whole
from tests import recordings

FLOOR = np.log2(1e-4)
OP = log_mel(16000, 512, 320, 40, 20, 8000)


def value(pcm: np.ndarray) -> Value:
    return Value((pcm.shape[1], 1, 1), "int16", -32768, 32767)


def run(op: LogMel, pcm: np.ndarray) -> np.ndarray:
    out = op.out([value(pcm)])
    return op.evaluate([pcm[:, :, None, None]], whole(out.shape), [value(pcm)])[..., 0]


def librosa_log2(op: LogMel, pcm: np.ndarray, floor: float = 1e-4) -> np.ndarray:
    librosa = pytest.importorskip("librosa")
    power = librosa.feature.melspectrogram(
        y=pcm / 32768, sr=op.rate, n_fft=op.frame, hop_length=op.hop, center=False, power=2.0, n_mels=op.bands,
        fmin=op.fmin, fmax=op.fmax, htk=False, norm="slaney",
    )  # fmt: skip
    return np.log2(np.maximum(np.swapaxes(power, 1, 2), floor))


def snr(reference: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10((reference**2).sum() / (((found - reference) ** 2).sum() + 1e-30)))


@pytest.mark.parametrize(
    "kind, op, least_snr, most_db",
    [
        ("speech", OP, 68, 0.05),
        ("speech", log_mel(16000, 512, 256, 32, 0, 8000), 68, 0.05),
        ("digits", log_mel(8000, 256, 160, 40, 20, 4000), 68, 0.05),
        ("sounds", log_mel(44100, 1024, 640, 64, 20, 22050), 63, 0.08),
        ("speech", log_mel(16000, 128, 80, 12, 60, 7600), 68, 0.05),
    ],
)
def test_real_recordings_agree_with_librosa(kind, op, least_snr, most_db):
    pcm = recordings.clips(kind, 40)
    reference, found = librosa_log2(op, pcm), run(op, pcm) / 256 + FLOOR
    assert snr(reference, found) > least_snr
    assert np.quantile(np.abs(found - reference), 0.99) * 10 * np.log10(2) < most_db


@pytest.mark.parametrize("attenuation", [2, 5, 8, 11])
def test_quiet_recordings_lose_nothing_but_their_own_bits(attenuation):
    """The block floats: what is left of a clip 12 to 66 dB down is transformed as exactly as the clip itself."""
    pcm = recordings.clips("speech", 20) >> attenuation
    reference, found = librosa_log2(OP, pcm), run(OP, pcm) / 256 + FLOOR
    assert snr(reference, found) > 70


@pytest.mark.parametrize("floor, least_snr", [(1e-6, 65), (1e-8, 60)])
def test_a_lower_floor_hears_what_librosa_hears(floor, least_snr):
    pcm = recordings.clips("digits", 40)
    op = log_mel(8000, 256, 160, 40, 20, 4000, floor)
    reference, found = librosa_log2(op, pcm, floor), run(op, pcm) / 256 + np.log2(floor)
    assert snr(reference, found) > least_snr
    assert not run(op, np.zeros((1, 8000), np.int16)).any()


def test_a_floor_below_silence_is_refused():
    with pytest.raises(OpError, match="floor of 1e-30"):
        log_mel(8000, 256, 160, 40, 20, 4000, 1e-30)


def test_silence_is_zero_and_the_range_holds_for_the_loudest():
    n = np.arange(16000)
    loud = [32767 * np.sign(np.sin(2 * np.pi * f * n / 16000 + 0.01)) for f in (0, 30, 62.5, 440, 1000, 2000, 7999)]
    pcm = np.stack([np.zeros(16000), *loud, np.full(16000, -32768)]).astype(np.int16)
    found = run(OP, pcm)
    assert not found[0].any()
    assert 0.9 * OP.hi < found.max() <= OP.hi and found.min() >= 0


def test_a_frame_reads_only_what_its_tile_rule_says():
    rng = np.random.default_rng(0)
    pcm = rng.integers(-3000, 3000, (1, 16000)).astype(np.int16)
    expected = run(OP, pcm)
    (first, last), _, _ = reads(OP.rules([])[0], ((7, 9), (0, 40), (0, 1)), (16000, 1, 1))
    assert (first, last) == (7 * 320, 8 * 320 + 512)
    pcm[:, :first], pcm[:, last:] = 32767, -32768
    part = OP.evaluate([pcm[:, :, None, None]], ((7, 9), (3, 20), (0, 1)), [value(pcm)])
    assert (part[..., 0] == expected[:, 7:9, 3:20]).all()


def test_frames_are_counted_as_librosa_does_without_centering():
    graph = Graph()
    graph.add("pcm", Samples(16000, 16000))
    graph.add("mel", OP, ["pcm"])
    assert graph["mel"].value.shape == (49, 40, 1) and graph["mel"].grid.tile == (1, 40, 1)
    assert graph["mel"].grid.size == 49


def test_multiplications_of_a_frame_are_counted_by_hand():
    window, passes, split, power = 512, 3 * 64 * 12, 127 * 4, 2 * 257
    assert OP.cost([]).macs == window + passes + split + power + len(OP.weights) + 40


@pytest.mark.parametrize(
    "settings, message",
    [
        ((16000, 500, 320, 40, 20, 8000), "128, 256, 512 or 1024"),
        ((16000, 2048, 320, 40, 20, 8000), "frame"),
        ((16000, 512, 0, 40, 20, 8000), "hop"),
        ((16000, 512, 320, 40, 20, 8001), "fmax"),
        ((16000, 512, 320, 40, 8000, 8000), "fmin"),
        ((16000, 512, 320, 129, 20, 8000), "bands"),
        ((16000, 128, 80, 64, 20, 8000), "use fewer bands or a longer frame"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(OpError, match=message):
        log_mel(*settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"edges": OP.edges[:-1]},
        {"edges": OP.edges[::-1].copy()},
        {"edges": OP.edges + np.uint16(200)},
        {"edges": OP.edges.astype(np.int32)},
        {"weights": OP.weights[:-1]},
        {"weights": OP.weights.astype(np.int32)},
        {"offsets": OP.offsets[:-1]},
        {"offsets": np.full(40, -(2**31), np.int32)},
        {"offsets": np.full(40, 2**24 + 1, np.int32)},
        {"bands": 39},
        {"frame": 256},
    ],
)
def test_damaged_tables_of_a_model_file_are_refused(changes):
    with pytest.raises(GraphError):
        make_op("log_mel", parameters(OP) | changes)


def test_extreme_but_legal_tables_stay_in_range():
    odd = dataclasses.replace(
        OP, offsets=np.full(40, 2**24, np.int32), weights=np.full(len(OP.weights), 65535, np.uint16)
    )
    pcm = np.full((1, 1024), -32768, np.int16)
    assert odd.out([value(pcm)]).hi == 32767
    assert run(odd, pcm).min() >= 0 and run(odd, pcm).max() <= 32767


def test_a_map_that_is_not_samples_is_refused():
    with pytest.raises(OpError, match="int16 samples"):
        OP.out([Value((16000, 2, 1), "int16", 0, 1)])
    with pytest.raises(OpError, match="less than one frame"):
        OP.out([Value((511, 1, 1), "int16", 0, 1)])


KEPT = (0, 3, 4, 5, 7, 20, 21, 39)


def test_kept_bands_are_those_of_the_whole_bank():
    rng = np.random.default_rng(4)
    pcm = rng.integers(-9000, 9000, (3, 4000)).astype(np.int16)
    some = log_mel(16000, 512, 320, 40, 20, 8000, kept=KEPT)
    np.testing.assert_array_equal(run(some, pcm), run(OP, pcm)[..., list(KEPT)])
    assert some.runs == (1, 3, 1, 2, 1) and some.bands == 8
    part = some.evaluate([pcm[:, :, None, None]], ((1, 3), (2, 6), (0, 1)), [value(pcm)])
    np.testing.assert_array_equal(part[..., 0], run(OP, pcm)[:, 1:3, [4, 5, 7, 20]])


def test_the_weights_of_bins_that_no_band_reads_are_gone():
    bank = dense(OP.edges, OP.weights, 257)
    for kept in (tuple(range(30)), tuple(range(10, 40)), KEPT):
        some = log_mel(16000, 512, 320, 40, 20, 8000, kept=kept)
        assert len(some.weights) < len(OP.weights)
        read = (bank[:, list(kept)] > 0).any(axis=1).sum()
        assert read <= len(some.weights) <= read + len(some.runs)  # the first bin of a segment may have weight 0
        assert some.cost([]).macs == OP.cost([]).macs - (len(OP.weights) - len(some.weights)) - (40 - len(kept))


def test_all_bands_kept_is_the_whole_bank():
    assert parameters(log_mel(16000, 512, 320, 40, 20, 8000, kept=tuple(range(40))))["kept"] == ()


@pytest.mark.parametrize("kept", [(3, 2), (2, 2), (-1, 4), (39, 40), (0.5,)])
def test_wrong_numbers_of_kept_bands_are_refused(kept):
    with pytest.raises(OpError, match="kept band"):
        log_mel(16000, 512, 320, 40, 20, 8000, kept=kept)


@pytest.mark.parametrize("changes", [{"kept": (0, 1)}, {"kept": (*KEPT[:-1], 128)}, {"kept": tuple(range(8))}])
def test_damaged_numbers_of_kept_bands_are_refused(changes):
    with pytest.raises(GraphError):
        make_op("log_mel", parameters(log_mel(16000, 512, 320, 40, 20, 8000, kept=KEPT)) | changes)
