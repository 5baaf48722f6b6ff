"""Class names: the reserved ones, their order, and C names made from them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

SILENCE = "_silence_"
UNKNOWN = "_unknown_"
BACKGROUND = "_background_noise_"  # a folder of long noise recordings, never a class

_LAST = (SILENCE, UNKNOWN)

# C11 and C++20 keywords, alternative spellings included: generated headers are valid in both languages.
_KEYWORD_TEXT = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default
delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long
mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct switch
template this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile
wchar_t while xor xor_eq
"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())


def sort_labels(labels: Iterable[str]) -> list[str]:
    """Distinct labels in the order of the model's outputs: words sorted, then `_silence_`, then `_unknown_`."""
    return sorted(set(labels), key=lambda label: (_LAST.index(label) + 1 if label in _LAST else 0, label))


def c_identifier(label: str, taken: set[str] | None = None) -> str:
    """A readable name for `label` that is an identifier in C and C++.

    Accents are dropped, other characters become ``_`` (or ``u1f600`` where nothing else would be left); leading
    underscores go, since such names are reserved in C. With `taken` the name is also made unique among the names
    there by a number, and is added to it. `taken` holds lower case: names must differ when a macro shouts them, too.
    """
    plain = unicodedata.normalize("NFKD", label)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    spelled = "".join(char if char.isascii() else f"_u{ord(char):x}_" for char in plain)
    name = re.sub(r"[^0-9A-Za-z]+", "_", spelled).strip("_") or "label"
    if name[0].isdigit():
        name = f"n{name}"
    if name in _KEYWORDS:
        name = f"{name}_"
    if taken is None:
        return name
    unique, number = name, 2
    while unique.lower() in taken:
        unique, number = f"{name.rstrip('_')}_{number}", number + 1
    taken.add(unique.lower())
    return unique


def c_identifiers(labels: Sequence[str]) -> list[str]:
    """One C name per label, in order, all different (also when case is ignored)."""
    taken: set[str] = set()
    return [c_identifier(label, taken) for label in labels]
