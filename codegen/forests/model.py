"""A stand-alone model made ready: columns and sums or votes, with what the generated C answers for any row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from codegen.forests.bytes import LARGEST_K
from codegen.forests.columns import TYPES
from codegen.forests.lower import Lowered, Test, Tree, lower
from codegen.forests.sums import Sums, sums_of
from codegen.forests.votes import Votes, votes_of
from tree_backends.ensemble import Ensemble
from tree_backends.forest import ForestError

C_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
CALLBACK_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "main",
        "bool",
        "class",
        "delete",
        "friend",
        "new",
        "operator",
        "private",
        "protected",
        "public",
        "template",
        "this",
        "throw",
        "try",
        "virtual",
        "namespace",
        "using",
        "true",
        "false",
        "and",
        "or",
        "not",
        "xor",
        "catch",
        "explicit",
        "export",
        "mutable",
        "typename",
        "asm",
    ]
)
OPTIMISE = ("size", "speed")
LARGEST_COST = 2**31 - 1
MOST_VOTING_TREES = 16_000
MOST_CUTS = 65535
VOTE_EXITS = 6


@dataclass(frozen=True)
class Callback:
    """A feature that a C function of the user's computes. cost: in units of the user's choice, 0 .. 2**31 - 1."""

    feature: str
    function: str
    cost: int = 0


@dataclass(frozen=True)
class Options:
    """name: C prefix; dtype: 'int16' or 'float32'; callbacks: features by function instead of as an array;
    optimise: 'size' or 'speed'; exits: places where a decision may leave early, None for what suits the model."""

    name: str = "model"
    dtype: str = "float32"
    callbacks: tuple[Callback, ...] | None = None
    optimise: str = "size"
    exits: int | None = None
    nan: bool = True
    """Whether a float feature can be NaN."""


@dataclass(frozen=True, eq=False)
class Model:
    """What is printed as C. `ends`: trees that a vote has passed at each exit, the last one all of them."""

    options: Options
    lowered: Lowered
    sums: Sums | None
    votes: Votes | None
    ends: tuple[int, ...]
    coarse: Lowered
    """What the fast layout of votes compares: features themselves where `lowered` needs columns."""

    @property
    def ensemble(self) -> Ensemble:
        """The trees as they were trained."""
        return self.lowered.ensemble

    @property
    def error(self) -> float:
        """No score (or probability of a forest of votes) differs by more from the ensemble's."""
        return self.sums.error if self.sums else self.votes.error if self.votes else 0.0

    @cached_property
    def callbacks(self) -> list[Callback]:
        """The functions that can be called, in the order of the features."""
        given = {c.feature: c for c in self.options.callbacks or ()}
        return [given[self.ensemble.feature_names[f]] for f in self.lowered.features] if given else []

    def scores(self, x: np.ndarray) -> np.ndarray:
        """What NAME_scores writes for rows of features of the device's type, int64 (n, outputs)."""
        if self.votes:
            leaves = self.lowered.leaf_numbers(x)
            return self.votes.shares[leaves].sum(axis=1)
        assert self.sums is not None
        columns = self.lowered.column_values(x).tolist()
        return np.array([self.sums.scores(row) for row in columns], dtype=np.int64).reshape(len(x), -1)

    def labels(self, x: np.ndarray) -> np.ndarray:
        """What NAME_predict answers: class numbers, or the integer value of a regression."""
        if self.votes:
            if not self.votes.exact:
                return self.scores(x).argmax(axis=1)
            return self.ensemble.decide(self.ensemble.scores(x))
        scores = self.scores(x)
        return scores[:, 0] if self.ensemble.task == "regression" else self.ensemble.decide(scores)


def prepare(ensemble: Ensemble, options: Options) -> Model:
    """Lay an ensemble out for C. Raises ForestError naming what cannot be done and the remedy."""
    _check_options(ensemble, options)
    if ensemble.task == "votes" and ensemble.trees > MOST_VOTING_TREES:
        raise ForestError(f"{ensemble.trees} voting trees are more than {MOST_VOTING_TREES}: train fewer")
    lowered = coarse = lower(ensemble, options.dtype, options.callbacks is None, options.nan)
    if lowered.direct and (options.optimise == "size" or ensemble.task == "votes") and not _fits_bytes(lowered):
        lowered = lower(ensemble, options.dtype, False, options.nan)
    if not lowered.direct and sum(len(c.cuts) for c in lowered.columns) > MOST_CUTS:
        raise ForestError(
            f"more than {MOST_CUTS} different thresholds: train fewer or smaller trees, or give features as int16"
        )
    votes = votes_of(ensemble, lowered.trees) if ensemble.task == "votes" else None
    ends = _ends(ensemble, options)
    sums = None if votes else sums_of(lowered, len(ends))
    return Model(options, lowered, sums, votes, ends, coarse if coarse.direct else lowered)


def span_of_k(trees: Sequence[Tree]) -> tuple[int, int]:
    """Least and largest number that a column is compared with."""
    least, most = 0, 0
    stack, first = list(trees), True
    while stack:
        tree = stack.pop()
        if isinstance(tree, Test):
            least, most = (tree.k, tree.k) if first else (min(least, tree.k), max(most, tree.k))
            first = False
            stack += [tree.left, tree.right]
    return least, most


def _fits_bytes(lowered: Lowered) -> bool:
    least, most = span_of_k(lowered.trees)
    return most - least <= LARGEST_K


def _ends(ensemble: Ensemble, options: Options) -> tuple[int, ...]:
    """After which trees a decision may leave; the last entry is the end."""
    if ensemble.task == "regression":
        return (ensemble.trees,)
    if ensemble.task != "votes":
        return tuple(range(1, 1 + min(1 + (options.exits or 0), max(1, ensemble.trees // len(ensemble.bias)))))
    # a vote cannot be decided before half of the trees have spoken
    exits = min(VOTE_EXITS if options.exits is None else options.exits, ensemble.trees // 4)
    steps = [ensemble.trees * (exits + 1 + i) // (2 * exits + 2) + 1 for i in range(1, exits + 1)]
    return (*(s for s in steps if s < ensemble.trees), ensemble.trees)


def _check_options(ensemble: Ensemble, options: Options) -> None:
    if not C_NAME.match(options.name) or options.name in KEYWORDS or options.name.startswith("hyb"):
        raise ForestError(
            f"name {options.name!r} is not a lower-case C identifier of at most 32 letters that no keyword and no "
            "runtime function has: choose another --name"
        )
    if options.dtype not in TYPES or options.optimise not in OPTIMISE:
        raise ForestError(f"choose a type from {', '.join(TYPES)} and optimise for one of {', '.join(OPTIMISE)}")
    if options.exits is not None and not 0 <= options.exits <= 1000:
        raise ForestError(f"{options.exits} exits are not between 0 and 1000")
    if len(ensemble.labels) > 4095:
        raise ForestError(f"{len(ensemble.labels)} classes are more than 4,095: group some of them")
    if len(ensemble.feature_names) > 65535:
        raise ForestError(f"{len(ensemble.feature_names)} features are more than 65,535: select some and train again")
    if options.callbacks is not None:
        _check_callbacks(ensemble, options.callbacks, options.name)


def _check_callbacks(ensemble: Ensemble, callbacks: Sequence[Callback], prefix: str) -> None:
    known, seen_features, seen_functions = set(ensemble.feature_names), set(), set()
    for callback in callbacks:
        if callback.feature not in known:
            raise ForestError(
                f"callback for feature {callback.feature!r}, which the model does not have: check the name"
            )
        if callback.feature in seen_features or callback.function in seen_functions:
            raise ForestError(f"feature {callback.feature!r} or function {callback.function!r} is named twice")
        if not CALLBACK_NAME.match(callback.function) or callback.function in KEYWORDS:
            raise ForestError(
                f"{callback.function!r} (for feature {callback.feature!r}) is no C identifier: name a function"
            )
        if callback.function.startswith((f"{prefix}_", "hyb_")):
            raise ForestError(
                f"function {callback.function!r} begins like the generated code's own: rename it or the model"
            )
        if not 0 <= callback.cost <= LARGEST_COST:
            raise ForestError(f"the cost of feature {callback.feature!r} is not in 0..{LARGEST_COST}")
        seen_features.add(callback.feature)
        seen_functions.add(callback.function)
    missing = [ensemble.feature_names[f] for f in ensemble.used() if ensemble.feature_names[f] not in seen_features]
    if missing:
        raise ForestError(f"the model reads feature {missing[0]!r}, which has no callback: name a function for it")
    if sum(c.cost for c in callbacks) > LARGEST_COST:
        raise ForestError("the costs of all features together leave int32: use a larger unit")
