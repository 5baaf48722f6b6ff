"""What every part of a stand-alone header shares: the model, its names, and how C reads a column."""

from __future__ import annotations

from functools import cached_property

from codegen.cwriter import CWriter
from codegen.forests.bytes import Coding
from codegen.forests.model import Model, span_of_k


class Printing:
    """One header being written. p: prefix of symbols; P: prefix of macros."""

    def __init__(self, model: Model) -> None:
        self.model, self.p, self.P = model, model.options.name, model.options.name.upper()
        self.out = CWriter()
        self.lowered, self.ensemble = model.lowered, model.ensemble
        self.by_callback = model.options.callbacks is not None
        self.c_type = "int16_t" if model.options.dtype == "int16" else "float"

    @property
    def outputs(self) -> int:
        """Number of scores."""
        return len(self.ensemble.bias)

    @property
    def parameter(self) -> str:
        """How a user passes features."""
        return "void *user" if self.by_callback else f"const {self.c_type} *x"

    @property
    def values(self) -> str:
        """The C type of what trees read columns from, with its name `v`."""
        if self.by_callback:
            return f"{self.p}_state *v"
        return "const int16_t *v" if self.lowered.direct else "const uint8_t *v"

    def column(self, number: str | int) -> str:
        """C that reads a column."""
        return f"{self.p}_column(v, {number})" if self.by_callback else f"v[{number}]"

    @property
    def splits(self) -> bool:
        """Whether coarse votes read features themselves, and only the exact ones need columns."""
        return self.model.coarse.direct and not self.lowered.direct

    @property
    def coarse_values(self) -> str:
        """As `values`, for coarse votes."""
        return "const int16_t *v" if self.splits else self.values

    def coarse_column(self, number: int) -> str:
        """As `column`, for coarse votes."""
        return f"v[{number}]" if self.splits else self.column(number)

    @cached_property
    def coding(self) -> Coding:
        """How the small layout writes tests."""
        least, most = span_of_k(self.lowered.trees)
        base = least if self.lowered.direct and (least < 0 or most > 255) else 0
        # columns are numbered from the first feature that is read: the smaller the numbers, the shorter the tests
        first = self.lowered.features[0] if self.lowered.direct and self.lowered.features else 0
        return Coding(len(self.lowered.columns) - first, base, first)
