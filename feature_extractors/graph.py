"""The feature graph: named maps, each computed by one op from earlier maps.

Shapes, ranges, tiles and prices are derived by the ops, never passed in. Adding a map that is already there (same op,
same parameters by content, same inputs) returns the one there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import feature_extractors.ops  # noqa: F401  registers every op
from feature_extractors.ops.base import REGISTRY, Cost, Op, OpError, Value
from feature_extractors.tiles import Grid, Rule, reads

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
MAX_ELEMENTS = 1 << 24


class GraphError(ValueError):
    """A graph that cannot be built or read. The message names the map."""


@dataclass(frozen=True)
class FeatureMap:
    """One map: the output of `op` on the maps named by `inputs`."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    value: Value
    grid: Grid
    rules: tuple[Rule, ...]
    cost: Cost
    key: str
    """Content hash of op, parameters and inputs."""


class Graph:
    """Maps in the order in which they were added, which is a topological order."""

    def __init__(self) -> None:
        self._maps: dict[str, FeatureMap] = {}
        self._by_key: dict[str, str] = {}

    def add(self, name: str, op: Op, inputs: Sequence[str] = ()) -> str:
        """Add a map and return its name, or the name of the equal map that is there. Raises GraphError."""
        sources = [self[i] for i in inputs]
        if op.arity is not None and len(sources) != op.arity:
            raise GraphError(f"map {name}: op {op.name} takes {op.arity} inputs, not {len(sources)}")
        key = _content_key(op, [m.key for m in sources])
        if key in self._by_key:
            return self._by_key[key]
        if not NAME.match(name):
            raise GraphError(f"map name {name!r} is not a lower-case C identifier of at most 48 letters")
        if name in self._maps:
            raise GraphError(f"map {name} is there already, with other parameters: choose another name")
        self._maps[name] = _derive(name, op, sources, key)
        self._by_key[key] = name
        return name

    def __getitem__(self, name: str) -> FeatureMap:
        try:
            return self._maps[name]
        except KeyError:
            raise GraphError(f"map {name!r} is not in the graph ({', '.join(self._maps) or 'empty'})") from None

    def __contains__(self, name: str) -> bool:
        return name in self._maps

    def __iter__(self) -> Iterator[FeatureMap]:
        return iter(self._maps.values())

    def __len__(self) -> int:
        return len(self._maps)

    @property
    def source(self) -> FeatureMap:
        """The map of input samples."""
        found = [m for m in self if m.op.family == "source"]
        if len(found) != 1:
            raise GraphError(f"a graph needs one source map, this one has {len(found)}")
        return found[0]

    def closure(self, names: Iterable[str], given: Container[str] = ()) -> list[FeatureMap]:
        """The named maps and all that they are computed from, in topological order; `given` maps need no inputs."""
        wanted = set(names)
        for item in reversed(list(self)):
            if item.name in wanted and item.name not in given:
                wanted.update(item.inputs)
        return [m for m in self if m.name in wanted]

    def tile_inputs(self, name: str) -> list[list[tuple[str, int]]]:
        """For each tile of map `name`: the (map, tile) pairs it asks for, in order."""
        item = self[name]
        result = []
        for tile in range(item.grid.size):
            box = item.grid.box(tile)
            asked = []
            for source_name, rule in zip(item.inputs, item.rules, strict=True):
                source = self[source_name]
                asked += [(source_name, t) for t in source.grid.tiles_in(reads(rule, box, source.value.shape))]
            result.append(asked)
        return result


def _derive(name: str, op: Op, sources: Sequence[FeatureMap], key: str) -> FeatureMap:
    values = [m.value for m in sources]
    try:
        value = op.out(values)
        if int(np.prod(value.shape, dtype=np.int64)) > MAX_ELEMENTS:
            raise OpError(f"shape {value.shape} is too large")
        grid = Grid(value.shape, op.tile(values))
        if min(grid.tile) < 1:
            raise OpError(f"tile {grid.tile} has an empty axis")
        return FeatureMap(
            name, op, tuple(m.name for m in sources), value, grid, op.rules(values), op.cost(values), key
        )
    except OpError as error:
        raise GraphError(f"map {name} ({op.name}): {error}") from error


def parameters(op: Op) -> dict[str, Any]:
    """Field names and values of an op, in declaration order."""
    return {f.name: getattr(op, f.name) for f in dataclasses.fields(op)}  # type: ignore[arg-type]


def make_op(name: str, fields: dict[str, Any]) -> Op:
    """An op by name from its parameters, checked. Raises GraphError for an unknown op or wrong fields."""
    if name not in REGISTRY:
        raise GraphError(f"op {name!r} is unknown (known: {', '.join(sorted(REGISTRY))})")
    cls = REGISTRY[name]
    own = dataclasses.fields(cls)  # type: ignore[arg-type]
    expected = {f.name for f in own}
    needed = {f.name for f in own if f.default is dataclasses.MISSING}  # a model of before may lack the others
    if not needed <= set(fields) <= expected:
        raise GraphError(f"op {name} takes {sorted(expected)}, not {sorted(fields)}")
    try:
        return cls(**fields)
    except (OpError, TypeError, ValueError) as error:
        raise GraphError(f"op {name}: {error}") from error


def _content_key(op: Op, input_keys: Sequence[str]) -> str:
    digest = hashlib.sha256(op.name.encode())
    for field, value in parameters(op).items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, np.ndarray):
                digest.update(f"{field}:{part.dtype}{part.shape}".encode())
                digest.update(np.ascontiguousarray(part).tobytes())
            else:
                digest.update(f"{field}={part!r}".encode())
    for key in input_keys:
        digest.update(key.encode())
    return digest.hexdigest()
