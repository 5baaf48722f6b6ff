/* Fuzzing of a generated header's stream: pushes of any size and content, decisions and new beginnings at any time.
 * Every decision must keep the promises of the header's comments, and equal that of a fresh context which is given the
 * window alone. Bytes of the input choose what is done, and are samples. */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz_model.h"

enum { MOST = 1 << 16 };
static int16_t heard[MOST]; /* all samples since the beginning */
static size_t count;
static size_t paid, pushes; /* samples that decisions have paid for, and calls of push since then */

static void check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken promise: %s\n", what);
  abort();
}

static size_t frames(void) { return count < FRAME ? 0 : (count - FRAME) / HOP + 1; }

static uint32_t word(const uint8_t **data, size_t *size) {
  uint32_t value = 0;
  for (int i = 0; i < 2 && *size > 0; i++, ++*data, --*size) value = value << 8 | **data;
  return value;
}

/* Samples of one of several kinds, int16 [n], in memory of exactly that size. */
static int16_t *samples(uint32_t kind, size_t n, const uint8_t **data, size_t *size) {
  int16_t *pcm = (int16_t *)malloc(n ? n * sizeof *pcm : 1);
  uint32_t state = word(data, size) * 2654435761u + 1u, level = kind >> 4;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    switch (kind % 5u) {
      case 0: pcm[i] = (int16_t)((int32_t)(state >> 16) - 32768); break;
      case 1: pcm[i] = (int16_t)(((int32_t)(state >> 16) - 32768) / (1 << (level % 15u))); break;
      case 2: pcm[i] = i / (1u + level) % 2u ? INT16_MAX : INT16_MIN; break;
      case 3: pcm[i] = level % 2u ? INT16_MIN : 0; break;
      default: pcm[i] = (int16_t)((int32_t)word(data, size) - 32768); break;
    }
  }
  return pcm;
}

static void begin(CONTEXT *ctx) {
  INIT(ctx);
  count = paid = pushes = 0;
}

static void push(CONTEXT *ctx, uint32_t kind, size_t n, const uint8_t **data, size_t *size) {
  if (n > MOST - count) n = MOST - count;
  int16_t *pcm = samples(kind, n, data, size);
  PUSH(ctx, pcm, n);
  memcpy(heard + count, pcm, n * sizeof *pcm);
  free(pcm);
  count += n;
  pushes++;
}

static void decide(CONTEXT *ctx, CONTEXT *fresh) {
  const RESULT r = DECIDE(ctx);
  const size_t all = frames(), hops = count / HOP - paid / HOP + 1;
  check(!READY(ctx) == (all < FRAMES), "ready once a window of frames is there");
  check(r.cost <= hops * COST_FRAME + pushes * COST_PUSH + COST_DECIDE_MAX, "cost within its bound");
  if (all < FRAMES) {
    check(r.label == -1 && r.stage == -1 && r.margin == 0, "nothing decided before a whole window");
    return;
  }
  paid = count;
  pushes = 0;
  check(r.label >= 0 && r.label < CLASSES && r.stage >= 0 && r.stage < STAGES && r.margin >= 0, "a decision in range");
  for (int32_t c = 0; c < CLASSES; c++) {
    const int64_t ahead = (int64_t)ctx->scores[r.label] - ctx->scores[c];
    check(c == r.label || (ahead >= r.margin && (c > r.label || ahead > 0)), "label and margin as the scores say");
  }
  INIT(fresh);
  PUSH(fresh, heard + (all - FRAMES) * HOP, (size_t)(FRAMES - 1) * HOP + FRAME);
  const RESULT f = DECIDE(fresh);
  check(r.label == f.label && r.stage == f.stage && r.margin == f.margin, "as a fresh run decides the window");
  check(memcmp(ctx->scores, fresh->scores, sizeof ctx->scores) == 0, "scores as those of a fresh run");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CONTEXT *ctx = (CONTEXT *)malloc(sizeof *ctx), *fresh = (CONTEXT *)malloc(sizeof *fresh);
  memset(ctx, 0xA5, sizeof *ctx);
  memset(fresh, 0x5A, sizeof *fresh);
  begin(ctx);
  for (int steps = 0; size > 0 && steps < 200; steps++) {
    const uint32_t kind = *data++;
    size--;
    switch (kind % 8u) {
      case 0: decide(ctx, fresh); break;
      case 1: decide(ctx, fresh); decide(ctx, fresh); break;
      case 2: PUSH(ctx, NULL, word(&data, &size)); break;
      case 3: push(ctx, kind >> 3, HOP * (1u + word(&data, &size) % 9u), &data, &size); break;
      case 4: push(ctx, kind >> 3, word(&data, &size) % 3u, &data, &size); break;
      case 5: if (kind == 5u) begin(ctx); break;
      default: push(ctx, kind >> 3, word(&data, &size) % 2500u, &data, &size); break;
    }
  }
  free(ctx);
  free(fresh);
  return 0;
}

#ifdef FUZZ_ALONE
/* Without libFuzzer: random inputs from a seed, for so many seconds or executions. */
#include <time.h>
int main(int argc, char **argv) {
  static uint8_t input[4096];
  uint32_t state = (uint32_t)strtoul(argv[1], NULL, 10) * 2654435761u + 1u;
  const long seconds = strtol(argv[2], NULL, 10), runs = strtol(argv[3], NULL, 10);
  const time_t end = time(NULL) + (time_t)seconds;
  long done = 0;
  (void)argc;
  while (time(NULL) < end && (runs < 0 || done < runs)) {
    state = state * 1664525u + 1013904223u;
    const size_t size = 1 + (state >> 8) % (state >> 30 ? 200u : sizeof input);
    for (size_t i = 0; i < size; i++) {
      state = state * 1664525u + 1013904223u;
      input[i] = (uint8_t)(state >> 24);
    }
    LLVMFuzzerTestOneInput(input, size);
    done++;
  }
  printf("Done %ld runs\n", done);
  return 0;
}
#endif
