"""Decoding: exact where it can be, and every kind of bad file refused with its name and a remedy."""

import numpy as np
import pytest
import soundfile

from hybrid.data import SILENCE, Clip, load_clip
from hybrid.errors import DataError

RATE = 16000


def tone(rate, seconds=0.5, hz=440.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def decode(path, rate=RATE, label="yes", **ranges):
    pcm = load_clip(Clip(path, label, name=path.name, **ranges), rate)
    assert pcm.dtype == np.int16
    assert pcm.ndim == 1
    return pcm


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_int16_files_at_the_rate_come_out_bit_for_bit(tmp_path, write_audio, name):
    samples = np.random.default_rng(0).integers(-32768, 32768, 2000).astype(np.int16)
    assert np.array_equal(decode(write_audio(tmp_path / name, samples, RATE)), samples)


def test_a_range_is_cut_to_the_sample(tmp_path, write_audio):
    samples = np.arange(1, 16001, dtype=np.int16)
    path = write_audio(tmp_path / "a.flac", samples, RATE)
    assert np.array_equal(decode(path, start=0.25, stop=0.5), samples[4000:8000])
    assert np.array_equal(decode(path, start=0.999), samples[15984:])
    assert np.array_equal(decode(path, stop=1.005), samples)  # rounding, not an error


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_other_sample_formats_come_close(tmp_path, write_audio, subtype):
    path = write_audio(tmp_path / "a.wav", tone(RATE), RATE, subtype)
    tolerance = {"PCM_U8": 300, "ULAW": 600}.get(subtype, 1)
    assert np.abs(decode(path) - np.rint(32768 * tone(RATE))).max() <= tolerance


def test_floats_are_rounded_and_saturate(tmp_path, write_audio):
    samples = np.array([1.0, -1.0, 2.0, -3.0, 0.6 / 32768, -0.6 / 32768, 0.4 / 32768], np.float32)
    path = write_audio(tmp_path / "a.wav", samples, RATE, "FLOAT")
    assert decode(path).tolist() == [32767, -32768, 32767, -32768, 1, -1, 0]


def test_channels_are_averaged(tmp_path, write_audio):
    stereo = np.array([[100, 300], [-32768, -32768], [32767, 32767], [5, -5]], np.int16)
    assert decode(write_audio(tmp_path / "a.wav", stereo, RATE)).tolist() == [200, -32768, 32767, 0]


@pytest.mark.parametrize("file_rate", [8000, 11025, 44100, 48000])
def test_any_sample_rate_is_resampled_to_the_models(tmp_path, write_audio, file_rate):
    pcm = decode(write_audio(tmp_path / "a.wav", tone(file_rate), file_rate))
    assert abs(len(pcm) - 8000) <= 1
    inner = slice(500, 7500)  # the filter rings at the ends
    assert np.abs(pcm[inner] / 32768 - tone(RATE)[inner]).max() < 2e-3


def test_resampling_filters_what_would_alias(tmp_path, write_audio):
    pcm = decode(write_audio(tmp_path / "a.wav", tone(44100, hz=12000.0), 44100))
    assert np.abs(pcm[500:-500]).max() < 10


def test_ogg_is_read(tmp_path, write_audio):
    assert abs(decode(write_audio(tmp_path / "a.ogg", tone(44100), 44100)).std() / 32768 - 0.354) < 0.01


def refused(path, *parts, **kwargs):
    with pytest.raises(DataError) as caught:
        decode(path, **kwargs)
    message = str(caught.value)
    for part in (path.name, *parts):
        assert part in message
    assert "\n" not in message
    return message


def test_files_that_are_no_audio_are_refused(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("this is not audio at all, but somebody named it so")
    refused(path, "not readable as audio", "begins with the text 'this is not audi'", "remove it")
    path.write_bytes(b"")
    refused(path, "is empty (0 bytes)")
    path.write_bytes(bytes(range(256)) * 9)
    refused(path, "not readable as audio")
    path.unlink()
    refused(path, "no such file")


def test_a_file_without_samples_is_refused(tmp_path, write_audio):
    refused(write_audio(tmp_path / "a.wav", np.zeros(0, np.int16)), "has no samples", "--skip-bad")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_truncated_files_are_refused(tmp_path, write_audio, name):
    noise = np.random.default_rng(0).integers(-9999, 9999, 3 * RATE).astype(np.int16)
    path = write_audio(tmp_path / name, noise, RATE)
    whole = path.read_bytes()
    decode(path)
    for share in (0.95, 0.6):
        path.write_bytes(whole[: int(share * len(whole))])
        refused(path, "remove it", "--skip-bad")
    path.write_bytes(whole[:60])
    refused(path, "remove it")


def test_a_wav_that_a_pipe_wrote_is_not_taken_for_truncated(tmp_path, write_audio):
    path = write_audio(tmp_path / "a.wav", np.arange(1, 1001, dtype=np.int16), RATE)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(decode(path)) == 1000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, write_audio, value):
    samples = tone(RATE)
    samples[7] = value
    refused(write_audio(tmp_path / "a.wav", samples, RATE, "FLOAT"), "1 samples are NaN or infinite", "export it again")


@pytest.mark.parametrize("rate", [8000, RATE])
def test_digital_silence_is_refused_unless_it_is_labelled_so(tmp_path, write_audio, rate):
    path = write_audio(tmp_path / "a.wav", np.zeros(800, np.int16), rate)
    refused(path, "every sample is zero", "label it _silence_, or pass --skip-bad")
    assert not decode(path, label=SILENCE).any()


def test_a_range_outside_the_file_is_refused(tmp_path, write_audio):
    path = write_audio(tmp_path / "a.wav", np.ones(RATE, np.int16), RATE)
    refused(path, "ends beyond the file (1.000 s)", "correct start and stop", start=0.5, stop=2.0)
    refused(path, "ends beyond the file", start=1.0)


def test_every_truncation_of_a_wav_is_refused_or_harmless(tmp_path):
    """A range of cuts, header included: never an exception of another kind, never much audio lost unheard."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.arange(1, 501, dtype=np.int16), RATE)
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        try:
            left = len(decode(path))
        except DataError:
            continue
        assert left >= 495
