"""What every part of the header printer shares: the plan, the text so far, and names."""

from __future__ import annotations

from functools import cached_property

from codegen.cwriter import CWriter
from codegen.emit.base import EMITTERS, Emitter
from codegen.plan import Plan
from feature_extractors.graph import FeatureMap


class Writing:
    """One header being written. p: prefix of symbols; P: prefix of macros."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.p, self.P = plan, plan.name, plan.name.upper()
        self.out = CWriter()

    @cached_property
    def ids(self) -> dict[str, int]:
        """Number of each map in the C."""
        return {m.name: i for i, m in enumerate(self.plan.maps)}

    def sources(self, item: FeatureMap) -> list[FeatureMap]:
        """The maps that a map is computed from."""
        return [self.plan.graph[i] for i in item.inputs]

    def emitter(self, item: FeatureMap) -> Emitter:
        """What prints the map's op."""
        return EMITTERS[item.op.name]


def c_string(text: str) -> str:
    """A C string literal of the UTF-8 bytes of `text`, with nothing that a compiler could read otherwise."""
    plain = {chr(c) for c in range(32, 127)} - set('"\\?')
    return '"' + "".join(ch if ch in plain else "".join(f"\\{b:03o}" for b in ch.encode()) for ch in text) + '"'
