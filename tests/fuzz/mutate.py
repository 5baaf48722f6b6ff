"""Random damage to JSON values, arrays, text and bytes. All of it follows from the generator that is passed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

NUMBERS = [0, 1, -1, 2, 31, 32, 127, 128, -128, 255, 256, 32767, -32768, 65536, 2**31 - 1, -(2**31), 2**31, 2**63]
REALS = [0.5, -0.5, 1e-40, 1e40, 1e308, float("inf"), float("-inf"), float("nan")]
WORDS = ["", "x", "None", "nan", "-1", "a" * 300, "ü\u2028", "pcm", "a0", "../a"]
DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint64", "float32", "float64", "bool", "complex64", "U3"]


def one(rng: np.random.Generator, choices: Any) -> Any:
    """One of a sequence."""
    return choices[int(rng.integers(len(choices)))]


def scalar(rng: np.random.Generator) -> Any:
    """A JSON value that is likely to be wrong somewhere."""
    odd: list[Any] = [None, True, False, [], {}, [[]], [0] * 5, {"array": "a0"}, {"array": 1}]
    kinds: tuple[Sequence[Any], ...] = (NUMBERS, REALS, WORDS, odd)
    return copy.deepcopy(one(rng, one(rng, kinds)))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    found, stack = [], [value]
    while stack:
        at = stack.pop()
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
        found += [(at, key) for key in keys]
        stack += [at[key] for key in keys]
    return found


def damage_json(rng: np.random.Generator, document: dict[str, Any]) -> None:
    """Change one place: another value, a small step, gone, doubled, or that of another place."""
    all_places = places(document)
    if not all_places:
        return
    holder, key = one(rng, all_places)
    kind = int(rng.integers(6))
    if kind == 0:
        holder[key] = scalar(rng)
    elif kind == 1 and isinstance(holder[key], int | float):
        holder[key] = holder[key] + one(rng, [-2, -1, 1, 2])
    elif kind == 2:
        del holder[key]
    elif kind == 3 and isinstance(holder, list):
        holder.insert(int(rng.integers(len(holder) + 1)), copy.deepcopy(holder[key]))
    elif kind == 4:
        other, name = one(rng, all_places)
        holder[key] = copy.deepcopy(other[name])
    elif isinstance(holder[key], list):
        rng.shuffle(holder[key])


def damage_array(rng: np.random.Generator, arrays: dict[str, np.ndarray]) -> None:
    """Change one array: elements, shape, type, or the one of another name."""
    name = one(rng, sorted(arrays))
    array, kind = arrays[name].copy(), int(rng.integers(7))
    if kind <= 2 and array.size and array.dtype.kind != "U":
        where = rng.integers(0, array.size, int(rng.integers(1, 4)))
        flat = array.reshape(-1)
        with np.errstate(all="ignore"):
            step = rng.integers(-2, 3, len(where))
            flat[where] = flat[where] + step if kind else np.array(one(rng, NUMBERS), object).astype(np.float64)
    elif kind == 3:
        array = array.reshape(-1)[: int(rng.integers(0, array.size + 1))]
    elif kind == 4:
        array = array.reshape(one(rng, [(-1,), (1, -1), (-1, 1), (1, 1, -1)]))
    elif kind == 5:
        with np.errstate(all="ignore"):
            array = array.astype(one(rng, DTYPES))
    else:
        array = arrays[one(rng, sorted(arrays))]
    arrays[name] = array


def damage_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """Flip, cut, double, insert or overwrite bytes."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not out:
            break
        at, kind = int(rng.integers(len(out))), int(rng.integers(5))
        length = int(rng.integers(1, 20))
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del out[at : at + length]
        elif kind == 2:
            out[at:at] = out[int(rng.integers(len(out))) :][:length]
        elif kind == 3:
            out[at : at + length] = rng.bytes(length)
        else:
            del out[at:]
    return bytes(out)


def damage_lines(rng: np.random.Generator, text: str, other: str) -> str:
    """Change a word of a line, or drop, double, move or import a line."""
    lines, kind = text.split("\n"), int(rng.integers(8))
    at = int(rng.integers(len(lines)))
    if kind <= 3:
        lines[at] = _damage_words(rng, lines[at])
    elif kind == 4:
        del lines[at]
    elif kind == 5:
        lines.insert(at, one(rng, lines))
    elif kind == 6:
        lines.insert(at, one(rng, other.split("\n")))
    else:
        del lines[at : at + int(rng.integers(1, 30))]
    return "\n".join(lines)


def _damage_words(rng: np.random.Generator, line: str) -> str:
    key, equals, rest = line.partition("=")
    words, kind = rest.split(" "), int(rng.integers(4))
    at = int(rng.integers(len(words)))
    if kind <= 1:
        words[at] = str(one(rng, [*NUMBERS, *REALS, *WORDS, "1e999", "0x10", "1_0", "٣", "+1", " "]))
    elif kind == 2:
        del words[at]
    else:
        words.insert(at, one(rng, words))
    return key + equals + " ".join(words)
