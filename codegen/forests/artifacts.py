"""The files of a stand-alone model: header, runtime header, test vectors, host example."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codegen.cwriter import CWriter
from codegen.forests.columns import TYPES
from codegen.forests.header import header
from codegen.forests.interface import RUNTIME
from codegen.forests.model import Model
from codegen.runtime import runtime_header

VECTORS = 8
MARK = "written by hybrid"


def files_of(model: Model) -> dict[str, str]:
    """File name -> text. Same model, same bytes."""
    name = model.options.name
    return {
        f"{name}.h": header(model),
        RUNTIME: f"/* Copied here as {MARK}. */\n" + runtime_header(RUNTIME),
        f"{name}_vectors.h": vectors(model, drawn_rows(model, VECTORS)),
        "example_main.c": example(model),
    }


def write_forest(model: Model, folder: Path) -> list[Path]:
    """Write all files into `folder`, which is there."""
    paths = []
    for name, text in files_of(model).items():
        (folder / name).write_text(text, encoding="utf-8")
        paths.append(folder / name)
    return paths


def drawn_rows(model: Model, n: int, seed: int = 0) -> np.ndarray:
    """Rows of features drawn at the model's own thresholds and beside them: (n, features) of the device's type."""
    rng = np.random.default_rng(seed)
    e, kind = model.ensemble, np.int16 if model.options.dtype == TYPES[0] else np.float32
    rows = np.zeros((n, len(e.feature_names)), dtype=kind)
    for feature in e.used():
        at = e.threshold[e.feature == feature]
        sets = [c for s in e.categories[e.feature == feature] if s >= 0 for c in e.category_sets[s]]
        with np.errstate(over="ignore"):
            chosen = np.clip(rng.choice(np.append(at, sets), n), -3e38, 3e38).astype(np.float32)
            step = rng.integers(-1, 2, n)
            if kind is np.int16:
                rows[:, feature] = np.clip(np.floor(chosen) + step, -32768, 32767)
            else:
                rows[:, feature] = np.where(
                    step == 0, chosen, np.nextafter(chosen, np.where(step < 0, -3e38, 3e38), dtype=np.float32)
                )
    return rows


def vectors(model: Model, rows: np.ndarray) -> str:
    """Rows with the exact answers, and a check that a target can run."""
    p, big, out = model.options.name, model.options.name.upper(), CWriter()
    outputs = len(model.ensemble.bias)
    out.comment(
        f"Test vectors of {p}, {MARK}: rows of features and the exact answers. Do not edit.",
        f"{p}_self_test returns 0, or the number (from 1) of the first row whose answer differs.",
        *(["The callbacks must read the row that `user` points to."] if model.options.callbacks is not None else []),
    )
    out.lines([f"#ifndef {big}_VECTORS_H", f"#define {big}_VECTORS_H", f'#include "{p}.h"'])
    out.line(f"#define {big}_VECTORS {len(rows)}")
    kind = "int16_t" if model.options.dtype == TYPES[0] else "float"
    with out.block(f"static const {kind} {p}_rows[{big}_VECTORS][{big}_FEATURES] =", "};"):
        for row in rows:
            numbers = [_number(v, kind) for v in row.tolist()]
            with out.block("", "},"):
                out.lines(" ".join(f"{n}," for n in numbers[i : i + 10]) for i in range(0, len(numbers), 10))
    out.table(f"{p}_expected", model.labels(rows).astype(np.int32))
    out.table(f"{p}_expected_scores", model.scores(rows).astype(np.int32))
    user = f"(void *)(uintptr_t){p}_rows[i]" if model.options.callbacks is not None else f"{p}_rows[i]"
    answer = f"{p}_predict({user})"
    if model.options.callbacks is not None:
        answer += ".label" if model.ensemble.labels else ".value"
    with out.block(f"static inline int {p}_self_test(void)"), out.block(f"for (int i = 0; i < {big}_VECTORS; i++)"):
        out.line(f"int32_t scores[{big}_SCORES];")
        out.line(f"if ({answer} != {p}_expected[i]) return i + 1;")
        out.line(f"(void){p}_scores({user}, scores);")
        out.line(f"if (memcmp(scores, {p}_expected_scores + i * {outputs}, sizeof scores) != 0) return i + 1;")
    lines = out.text().rstrip("\n").split("\n")
    return "\n".join([*lines[:-1], "  return 0;", "}", "#endif", ""])


def _number(value: float, kind: str) -> str:
    if kind == "int16_t":
        return str(int(value))
    text = f"{value:.9g}"
    return f"{text}f" if any(c in text for c in ".en") else f"{text}.0f"


EXAMPLE = """/* Checks @p@ against its test vectors on a PC, @mark@. Build in this folder with
 *   cc -std=c99 -O2 example_main.c -o example && ./example
 * On a microcontroller, keep what is marked (1) and (2). */
#include <stdio.h>
#include <string.h>

#define @P@_IMPLEMENTATION /* (1) in one file */
#include "@p@.h"
#include "@p@_vectors.h"
@callbacks@
int main(void) {
  const int wrong = @p@_self_test();
  for (int i = 0; i < @P@_VECTORS; i++) {
@use@
  }
  printf(wrong ? "self test: row %d differs\\n" : "self test: all %d rows agree\\n", wrong ? wrong : @P@_VECTORS);
  return wrong != 0;
}
"""


def example(model: Model) -> str:
    """A host program that runs the test vectors and prints each answer."""
    p, by_callback = model.options.name, model.options.callbacks is not None
    row = f"(void *)(uintptr_t){p}_rows[i]" if by_callback else f"{p}_rows[i]"
    lines = [f"const {f'{p}_result' if by_callback else 'int32_t'} answer = {p}_predict({row}); /* (2) */"]
    value = "answer" if not by_callback else "answer.label" if model.ensemble.labels else "answer.value"
    if model.ensemble.labels:
        lines.append(f'printf("row %d: %s\\n", i + 1, {p}_labels[{value}]);')
    else:
        lines.append(f'printf("row %d: %d * 2**-%d\\n", i + 1, (int){value}, {p.upper()}_SCORE_BITS);')
    if by_callback:
        lines.append('printf("  asked for %u features, cost %u of at most %u\\n", (unsigned)answer.asked,')
        lines.append(f"       (unsigned)answer.cost, (unsigned){p.upper()}_COST_MAX);")
    text = EXAMPLE.replace("@use@", "\n".join(f"    {line}" for line in lines))
    text = text.replace("@callbacks@", _callbacks(model)).replace("@mark@", MARK)
    return text.replace("@p@", p).replace("@P@", p.upper())


def _callbacks(model: Model) -> str:
    """Functions for the example that read the row that `user` points to."""
    if model.options.callbacks is None:
        return ""
    kind = "int16_t" if model.options.dtype == TYPES[0] else "float"
    lines = ["", "/* Replace these by functions that measure or compute the feature. */"]
    for callback, number in zip(model.callbacks, model.lowered.features, strict=True):
        body = f"return ((const {kind} *)user)[{number}];"
        lines.append(f"{kind} {callback.function}(void *user) {{ {body} }}")
    return "\n".join(lines) + "\n"
