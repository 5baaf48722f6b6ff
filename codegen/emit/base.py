"""What the C backend must know of an op: its constant tables, its scratch, and the call that fills an output box.

One emitter per op, registered by the op's name. The backend prints the function around the call: it has already
made sure that every input tile is there, and declares these variables for the kernel call:

    out                     pointer to the map's buffer, [time][band][channel], whole map
    in0, in1, ...           pointers to the input maps' buffers (const), whole maps
    t0, t1, b0, b1, c0, c1  int32_t, the half-open output box
    scratch                 void *, 8-byte aligned, `scratch_bytes` long, nothing kept between calls
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from codegen.cwriter import CWriter
from feature_extractors.graph import FeatureMap


class Emitter(ABC):
    """Prints one op."""

    op: ClassVar[str]

    @abstractmethod
    def tables(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str, out: CWriter) -> None:
        """Write constant tables, each symbol prefixed `name_`. `name` is unique for the map (e.g. kws_dw1)."""

    @abstractmethod
    def call(self, item: FeatureMap, sources: Sequence[FeatureMap], name: str) -> list[str]:
        """C statements that compute the output box."""

    def scratch_bytes(self, item: FeatureMap, sources: Sequence[FeatureMap]) -> int:
        """Scratch bytes needed by one call."""
        return 0


EMITTERS: dict[str, Emitter] = {}


def emits(cls: type[Emitter]) -> type[Emitter]:
    """Class decorator: registers an instance under its op's name."""
    EMITTERS[cls.op] = cls()
    return cls
