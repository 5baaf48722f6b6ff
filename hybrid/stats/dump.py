"""Reading the counters that a device dumped: docs/stats-dump.md says how they are written."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from codegen.header.compact import compact
from codegen.header.stats import COST_LIST, DUMP_FORMAT, counter_sizes, model_hash
from codegen.plan import Plan
from hybrid.errors import HybridError
from hybrid.stats.counts import Counts

MAX_BYTES = 64 << 20
HEAD = "hyb-stats "
MODEL = re.compile(r"model ([a-z][a-z0-9_]{0,31}) ([0-9a-f]{16}) (windows|stream)\Z")
LIST = re.compile(r"([a-z]+) ([0-9a-f]{1,8})((?: [0-9a-f]{1,8}){1,16})\Z")
AGAIN = "dump again"
FULL = 2**32 - 1


class DumpError(HybridError):
    """A dump that cannot be used."""


def read_dump(path: Path, plan: Plan) -> Counts:
    """The counters of the last dump in a file, which may be the whole log of a serial line.

    Raises DumpError for a file without a dump, one that is cut short or damaged, counters that are full,
    and those of another model.
    """
    lines = _last_dump(path)
    streamed = _check_head(path, lines, plan)
    _check_sum(path, lines)
    sizes = {COST_LIST: 3} | counter_sizes(plan)
    found = _lists(path, lines[2:-1], {key: size for key, size in sizes.items() if size})
    full = [key for key, numbers in found.items() if key != COST_LIST and (numbers == FULL).any()]
    if full:
        raise DumpError(f"{path}: counters of {', '.join(full)} are full: dump sooner, and begin anew with init")
    visits = np.zeros(plan.forest.nodes, dtype=np.int64)
    np.add.at(visits, compact(plan.forest).order, found.get("visits", np.zeros(0, np.int64)))
    low, high, most = found[COST_LIST].tolist()
    decisions = int(found["decisions"][0])
    if decisions == 0:
        raise DumpError(f"{path}: the device had decided nothing yet: let it run, then {AGAIN}")
    return Counts(
        plan=plan, decisions=decisions, cost_sum=low + (high << 32), cost_max=most, left=found["stages"],
        decided=found["classes"], computes=found["computes"], hits=found["hits"], node_visits=visits,
        streamed=streamed,
    )  # fmt: skip


def _last_dump(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DumpError(f"{path} is larger than {MAX_BYTES >> 20} MiB: cut the dump out of it")
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        raise DumpError(f"{path} cannot be read ({error.strerror}): name a file that holds a dump") from None
    lines = [line.rstrip("\r") for line in text.split("\n")]
    starts = [i for i, line in enumerate(lines) if line.startswith(HEAD)]
    if not starts:
        raise DumpError(f"{path}: no dump in it (no line begins with {HEAD.strip()}): see docs/stats-dump.md")
    rest = lines[starts[-1] :]
    ends = [i for i, line in enumerate(rest) if line.startswith("end ")]
    if not ends:
        raise DumpError(f"{path}: the dump is cut short (its line `end` is missing): {AGAIN}")
    return rest[: ends[0] + 1]


def _check_head(path: Path, lines: list[str], plan: Plan) -> bool:
    """Whether the device decided over a stream. Raises DumpError for another format or model."""
    if lines[0] != f"{HEAD}{DUMP_FORMAT}":
        raise DumpError(f"{path}: a dump of format {lines[0][len(HEAD) :]!r}, not {DUMP_FORMAT}: use matching versions")
    found = MODEL.match(lines[1])
    if found is None:
        raise DumpError(f"{path}: the dump is damaged (line 2 names no model): {AGAIN}")
    own = model_hash(plan)
    if found.groups()[:2] != (plan.name, own):
        theirs = f"{found[1]} {found[2]}"
        raise DumpError(f"{path}: counters of model {theirs}, not of {plan.name} {own}: name the folder of that model")
    return found[3] == "stream"


def _check_sum(path: Path, lines: list[str]) -> None:
    covered = "".join(f"{line}\n" for line in lines[:-1]).encode("latin-1")
    if lines[-1] != f"end {zlib.crc32(covered):x}":
        raise DumpError(f"{path}: the dump is damaged (its checksum differs): {AGAIN}")


def _lists(path: Path, lines: list[str], sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Each list of counters, int64; the lists must be those of `sizes`, in their order."""
    found: dict[str, list[int]] = {}
    for key, first, numbers in _rows(path, lines):
        if len(found.setdefault(key, [])) != first:
            raise DumpError(f"{path}: the dump is damaged (a line of {key} is missing): {AGAIN}")
        found[key] += numbers
    told = {key: len(numbers) for key, numbers in found.items()}
    if list(told.items()) != list(sizes.items()):
        raise DumpError(f"{path}: the dump holds {told}, this model counts {sizes}: use matching versions")
    return {key: np.array(numbers, dtype=np.int64) for key, numbers in found.items()}


def _rows(path: Path, lines: list[str]) -> Iterator[tuple[str, int, list[int]]]:
    for line in lines:
        found = LIST.match(line)
        if found is None:
            raise DumpError(f"{path}: the dump is damaged (line {line[:40]!r}): {AGAIN}")
        yield found[1], int(found[2], 16), [int(number, 16) for number in found[3].split()]
