"""What every part of the header printer shares: the plan, the text so far, names, and where things lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from codegen import memory
from codegen.cwriter import CWriter, c_string
from codegen.emit.base import EMITTERS, Emitter
from codegen.plan import Plan
from codegen.streaming import StreamPlan, can_stream
from feature_extractors.graph import FeatureMap

__all__ = ["Writing", "c_string"]


class Writing:
    """One header being written. p: prefix of symbols; P: prefix of macros."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.p, self.P = plan, plan.name, plan.name.upper()
        self.out = CWriter()

    @cached_property
    def ids(self) -> dict[str, int]:
        """Number of each map in the C."""
        return {m.name: i for i, m in enumerate(self.plan.maps)}

    @cached_property
    def stream(self) -> StreamPlan | None:
        """How the plan streams, if it can."""
        return can_stream(self.plan)

    @cached_property
    def layout(self) -> memory.Layout:
        """Where maps and scratch lie in the context of a model that decides windows."""
        return memory.place(memory.blocks(self.plan.maps, self.plan.steps, self.plan.scheduled, self._scratch, {}))

    def stream_layout(self, how: StreamPlan) -> memory.Layout:
        """Where they lie in the context of a model that streams."""
        fixed = {*self.plan.scheduled, *how.at_push}
        return memory.place(memory.blocks(self.plan.maps, how.steps, fixed, self._scratch, how.always))

    @cached_property
    def _scratch(self) -> dict[str, int]:
        return {m.name: self.emitter(m).scratch_bytes(m, self.sources(m)) for m in self.plan.maps}

    def reads_frames(self, name: str) -> bool:
        """Whether a map is computed row by row where the model streams."""
        return self.stream is not None and name in self.stream.readers

    def has_gap(self, name: str) -> bool:
        """Whether a map may be computed in part where the model streams."""
        return self.stream is not None and name in self.stream.gaps

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Lines that only a build that streams has; `#else` may follow inside."""
        self.out.line(f"#ifdef {self.P}_STREAM")
        yield
        self.out.line("#endif")

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Of these, lines that only a build that keeps the samples has; `#else` may follow inside."""
        self.out.line(f"#ifdef {self.P}_KEEP_SAMPLES")
        yield
        self.out.line("#endif")

    def buffer(self, name: str) -> str:
        """C expression: the elements of a map, or the window's samples."""
        if name == self.plan.source.name:
            return "ctx->pcm"
        return f"{self.p}_{name}_at(ctx)" if self.reads_frames(name) else f"ctx->memory.{name}_map.x"

    def memo(self, name: str) -> str:
        """C expression: the memo bits of a map on demand."""
        return f"ctx->memo.{name}_map"

    def sources(self, item: FeatureMap) -> list[FeatureMap]:
        """The maps that a map is computed from."""
        return [self.plan.graph[i] for i in item.inputs]

    def emitter(self, item: FeatureMap) -> Emitter:
        """What prints the map's op."""
        return EMITTERS[item.op.name]
