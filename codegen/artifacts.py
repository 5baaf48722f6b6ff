"""The files of a generated model: header, runtime header, host example, test vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codegen.cwriter import CWriter
from codegen.header import HEADER, header
from codegen.interpret import Results
from codegen.plan import Plan
from codegen.runtime import runtime_header
from codegen.streaming import can_stream

VECTORS = 4


def write_code(plan: Plan, folder: Path) -> None:
    """Write `<name>.h`, the runtime header and `example_main.c` into `folder`."""
    (folder / f"{plan.name}.h").write_text(header(plan), encoding="utf-8")
    (folder / HEADER).write_text(runtime_header(), encoding="utf-8")
    (folder / "example_main.c").write_text(example_main(plan), encoding="utf-8")


def write_test_vectors(plan: Plan, pcm: np.ndarray, results: Results, folder: Path) -> None:
    """Write `<name>_vectors.h`: a few windows with the exact answers, and a check that a target can run.

    pcm: int16 (n, samples); results: the interpreter's, of the same windows. One window per class where there is one.
    """
    _, first = np.unique(results.label, return_index=True)
    (folder / f"{plan.name}_vectors.h").write_text(
        test_vectors(plan, pcm, results, sorted(first[:VECTORS].tolist())), encoding="utf-8"
    )


def test_vectors(plan: Plan, pcm: np.ndarray, results: Results, chosen: list[int]) -> str:
    """The text of the test-vector file for the chosen windows."""
    p, big, out = plan.name, plan.name.upper(), CWriter()
    out.comment(
        f"Test vectors of {p}: windows of samples and the exact result of each. Do not edit.",
        f"Include after {p}.h; {p}_self_test returns 0, or the number (from 1) of the first vector that differs.",
    )
    out.lines([f"#ifndef {big}_VECTORS_H", f"#define {big}_VECTORS_H", f'#include "{p}.h"'])
    out.line(f"#define {big}_VECTORS {len(chosen)}")
    for number, i in enumerate(chosen):
        out.table(f"{p}_vector{number}", pcm[i].astype(np.int16), plan.labels[results.label[i]])
    with out.block(f"static const int16_t *const {p}_vectors[{big}_VECTORS] =", "};"):
        out.line(", ".join(f"{p}_vector{n}" for n in range(len(chosen))))
    with out.block(f"static const {p}_result {p}_expected[{big}_VECTORS] =", "};"):
        for i in chosen:
            fields = (results.label[i], results.stage[i], results.margin[i], results.cost[i])
            out.line("{" + ", ".join(str(int(f)) for f in fields) + "},")
    out.table(f"{p}_expected_scores", results.scores[chosen].astype(np.int32))
    with out.block(f"static inline int {p}_self_test({p}_context *ctx)"):
        with out.block(f"for (int i = 0; i < {big}_VECTORS; i++)"):
            out.lines(
                [
                    f"const {p}_result r = {p}_classify(ctx, {p}_vectors[i]);",
                    f"const {p}_result *e = &{p}_expected[i];",
                    "if (r.label != e->label || r.stage != e->stage || r.margin != e->margin || r.cost != e->cost) "
                    "return i + 1;",
                    f"if (memcmp(ctx->scores, {p}_expected_scores + i * {big}_CLASSES, sizeof ctx->scores) != 0) "
                    "return i + 1;",
                ]
            )
        out.line("return 0;")
    out.line("#endif")
    return out.text()


STREAM = """
 * Where sound never ends, #define @P@_STREAM before the include, @p@_push samples as they come and @p@_decide now and
 * then."""
EXAMPLE = r"""/* Reads a WAV file on a PC and prints the decision of @p@. Build in this folder with
 *   cc -std=c99 -O2 example_main.c -o example && ./example some.wav
 * On a microcontroller, keep the two lines marked (1) and (2) and feed samples from the ADC or microphone.@stream@ */
#include <stdio.h>
#include <stdlib.h>

#define @P@_IMPLEMENTATION
#include "@p@.h"

#ifdef @P@_SELF_TEST
#include "@p@_vectors.h"
#endif

static @p@_context ctx;

static uint32_t little(const unsigned char *at, int bytes) {
  uint32_t value = 0;
  for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

/* Reads 16-bit mono PCM at @P@_RATE into pcm (centred, cut or padded with zeros). Returns 0, or says what is wrong. */
static int read_wav(const char *path, int16_t *pcm) {
  unsigned char head[12], chunk[8], format[16] = {0};
  FILE *file = fopen(path, "rb");
  if (file == NULL) return fprintf(stderr, "%s: cannot be opened\n", path), 1;
  if (fread(head, 1, 12, file) != 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0) {
    fclose(file);
    return fprintf(stderr, "%s: not a WAV file\n", path), 1;
  }
  while (fread(chunk, 1, 8, file) == 8) {
    const uint32_t size = little(chunk + 4, 4);
    if (memcmp(chunk, "fmt ", 4) == 0 && size >= 16) {
      if (fread(format, 1, 16, file) != 16) break;
      if (fseek(file, (long)(size - 16 + (size & 1u)), SEEK_CUR) != 0) break;
    } else if (memcmp(chunk, "data", 4) == 0) {
      long samples = (long)(size / 2), first = 0;
      if (little(format, 2) != 1 || little(format + 2, 2) != 1 || little(format + 14, 2) != 16 ||
          little(format + 4, 4) != @P@_RATE) {
        fclose(file);
        return fprintf(stderr, "%s: must be 16-bit mono PCM at %d Hz\n", path, @P@_RATE), 1;
      }
      memset(pcm, 0, sizeof(int16_t) * @P@_WINDOW);
      if (samples > @P@_WINDOW) {
        if (fseek(file, (samples - @P@_WINDOW) / 2 * 2, SEEK_CUR) != 0) break;
        samples = @P@_WINDOW;
      } else {
        first = (@P@_WINDOW - samples) / 2;
      }
      for (long i = 0; i < samples; i++) {
        unsigned char pair[2];
        if (fread(pair, 1, 2, file) != 2) break;
        const uint32_t bits = little(pair, 2);
        pcm[first + i] = (int16_t)(bits < 32768u ? (int32_t)bits : (int32_t)bits - 65536);
      }
      fclose(file);
      return 0;
    } else if (fseek(file, (long)(size + (size & 1u)), SEEK_CUR) != 0) {
      break;
    }
  }
  fclose(file);
  return fprintf(stderr, "%s: no samples in it\n", path), 1;
}

int main(int argc, char **argv) {
  static int16_t pcm[@P@_WINDOW];
  @p@_init(&ctx); /* (1) once */
#ifdef @P@_SELF_TEST
  if (argc == 1) {
    const int wrong = @p@_self_test(&ctx);
    printf(wrong ? "self test: vector %d differs\n" : "self test: all %d vectors agree\n", wrong ? wrong : @P@_VECTORS);
    return wrong != 0;
  }
#endif
  if (argc < 2) return fprintf(stderr, "usage: %s file.wav ...\n", argv[0]), 2;
  for (int i = 1; i < argc; i++) {
    if (read_wav(argv[i], pcm)) return 2;
    const @p@_result r = @p@_classify(&ctx, pcm); /* (2) per window */
    printf("%s: %s  margin %.2f  stage %d of %d  cost %u of at most %u instructions\n", argv[i], @p@_labels[r.label],
           (double)r.margin / @P@_SCORE_ONE, (int)r.stage + 1, @P@_STAGES, (unsigned)r.cost, (unsigned)@P@_COST_MAX);
  }
  return 0;
}
"""


def example_main(plan: Plan) -> str:
    """A host program that classifies WAV files with the generated header."""
    return (
        EXAMPLE.replace("@stream@", STREAM if can_stream(plan) else "")
        .replace("@p@", plan.name)
        .replace("@P@", plan.name.upper())
    )
