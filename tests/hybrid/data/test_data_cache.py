"""The cache: right answers whatever happens to its files."""

import os
import warnings

import numpy as np
import pytest

from hybrid.data.cache import CacheWarning, cache_folder, cached, prune

VALUE = {"a": np.arange(5000, dtype=np.int16), "names": np.array(["x", "é"])}


class Counting:
    """`compute` that counts its calls."""

    def __init__(self, value=VALUE):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return self.value


def same(arrays):
    return arrays.keys() == VALUE.keys() and all(np.array_equal(arrays[name], VALUE[name]) for name in VALUE)


def test_a_result_is_computed_once_per_key():
    compute = Counting()
    assert same(cached(["k", 1], compute))
    assert same(cached(["k", 1], compute))
    assert compute.calls == 1
    cached(["k", 2], compute)
    cached([["k"], 1], compute)
    assert compute.calls == 3


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "flipped", "pickle"])
def test_a_damaged_entry_is_computed_again_and_replaced(own_cache, damage):
    compute = Counting()
    cached(["k"], compute)
    (entry,) = own_cache.glob("*.npz")
    data = bytearray(entry.read_bytes())
    if damage == "cut":
        entry.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "text":
        entry.write_text("not a cache entry")
    elif damage == "flipped":
        data[3000] ^= 1
        entry.write_bytes(data)
    else:
        np.savez(entry, a=np.array([{"an": "object"}], dtype=object))
    assert same(cached(["k"], compute))
    assert compute.calls == 2
    assert same(cached(["k"], compute))
    assert compute.calls == 2


def test_python_objects_are_never_stored():
    with pytest.raises(TypeError, match="array a has dtype object"):
        cached(["k"], lambda: {"a": np.array([None])})


def test_an_unwritable_cache_only_warns(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(CacheWarning, match="cache not written .*set HYBRID_CACHE"):
        assert same(cached(["k"], Counting()))


def test_a_full_disk_only_warns_and_leaves_no_litter(own_cache, monkeypatch):
    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(CacheWarning, match="No space left on device"):
        assert same(cached(["k"], Counting()))
    assert list(own_cache.iterdir()) == []


def test_the_entries_used_longest_ago_go_when_the_limit_is_passed(own_cache, monkeypatch):
    for i in range(4):
        cached([i], Counting())
    entries = sorted(own_cache.glob("*.npz"))
    for age, entry in enumerate(entries):
        os.utime(entry, (1000 - age, 1000 - age))
    monkeypatch.setenv("HYBRID_CACHE_GB", str(2.5 * entries[0].stat().st_size / 1e9))
    prune(own_cache)
    assert sorted(own_cache.glob("*.npz")) == entries[:2]


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRID_CACHE", "~/here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("HYBRID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "hybrid"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "hybrid"


def test_a_working_cache_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached(["k"], Counting())
