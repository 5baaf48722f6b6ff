/* chain: classifier of 2 classes, written by hybrid. Do not edit.
 * 
 * Use: #define CHAIN_IMPLEMENTATION in one C or C++ file before including this header.
 * Input: 16 int16 samples at 16000 Hz.
 * Forest: 2 stages, 2 trees, 3 nodes, 3 features.
 * Costs: instructions of a cortex-m4, from version 3 of its price table (zig 0.17.0).
 * Maps, in order of computation (shape is time x band x channel):
 *   avg: conv 4x1x1 int16, on demand, tile 1x1x1, 392 instructions (4 MAC) a tile; for top, trees
 *   top: pool 2x1x1 int16, on demand, tile 1x1x1, 209 instructions (0 MAC) a tile; for trees
 */
#ifndef CHAIN_H
#define CHAIN_H
#include "hyb_runtime.h"
#if HYB_RUNTIME_API != 3
#error "chain.h was written for HYB_RUNTIME_API 3: regenerate the model with this hybrid, or use the hyb_runtime.h written beside it"
#endif
#if defined(CHAIN_STREAM) && defined(CHAIN_EAGER)
#error "CHAIN_STREAM decides on a stream, CHAIN_EAGER on windows: define one of them"
#endif
#if defined(CHAIN_KEEP_SAMPLES) && !defined(CHAIN_STREAM)
#error "CHAIN_KEEP_SAMPLES is a way to stream: define CHAIN_STREAM, too"
#endif
#if defined(HYB_STATS) && defined(CHAIN_EAGER)
#error "HYB_STATS counts what is computed on demand, CHAIN_EAGER computes everything: define one"
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define CHAIN_CLASSES 2
#define CHAIN_STAGES 2
#define CHAIN_WINDOW 16
#define CHAIN_RATE 16000
#define CHAIN_MAPS 2
#define CHAIN_TILES 6
/* Bounds of `.cost`, in instructions of a cortex-m4, front end included: no input leaves them. */
#define CHAIN_COST_MAX 2389
#define CHAIN_COST_MIN 1218
/* Scores and margins divided by this are logits. */
#define CHAIN_SCORE_ONE 100

typedef struct {
  int32_t label;   /* class number, see the labels below */
  int32_t stage;   /* stage after which the decision left, from 0 */
  int32_t margin;  /* best score minus second best */
  uint32_t cost;   /* instructions of a cortex-m4 that this decision was priced at */
} chain_result;

/* Owned by the caller. The scores are those of the last decision. */
typedef struct {
#ifdef CHAIN_STREAM
#ifdef CHAIN_KEEP_SAMPLES
  /* Maps and scratch.
   * What is alive in no common step shares bytes. Steps: 0 push, 1 trees of stage 0, 2 trees of stage 1.
   */
  union {
    uint64_t all[12];
    /* bytes 72 .. 87, steps 0 .. 2 */
    struct { uint8_t before[72]; int16_t x[8]; } avg_map;
    /* bytes 0 .. 71, steps 1 .. 2 */
    struct { HYB_SCRATCH(72) x; } avg_scratch;
    /* bytes 88 .. 91, steps 1 .. 1 */
    struct { uint8_t before[88]; int16_t x[2]; } top_map;
  } memory;
  int16_t samples[20]; /* a ring of 20, and its beginning once more */
  int32_t slot; /* where in the ring the frame to come is, counted in frames */
  uint32_t avg_rows[1]; /* a bit for every row that is there */
#else
  /* Maps and scratch.
   * What is alive in no common step shares bytes. Steps: 0 push, 1 trees of stage 0, 2 trees of stage 1.
   */
  union {
    uint64_t all[10];
    /* bytes 72 .. 79, steps 0 .. 2 */
    struct { uint8_t before[72]; int16_t x[4]; } avg_map;
    /* bytes 0 .. 71, steps 0 .. 0 */
    struct { HYB_SCRATCH(72) x; } avg_scratch;
    /* bytes 0 .. 3, steps 1 .. 1 */
    struct { int16_t x[2]; } top_map;
  } memory;
  int16_t frame[4]; /* samples of the frame to come */
#endif
  int32_t filled; /* how many samples of the frame to come are there, negative for as many to be dropped */
  int32_t rows;   /* rows in memory, the last ones are the window */
  int32_t fresh;  /* frames pushed since the decision before */
  int32_t moved[2]; /* frames pushed since each stage last ran */
#else
  /* Maps and scratch.
   * What is alive in no common step shares bytes. Steps: 0 trees of stage 0, 1 trees of stage 1.
   */
  union {
    uint64_t all[11];
    /* bytes 72 .. 79, steps 0 .. 1 */
    struct { uint8_t before[72]; int16_t x[4]; } avg_map;
    /* bytes 0 .. 71, steps 0 .. 1 */
    struct { HYB_SCRATCH(72) x; } avg_scratch;
    /* bytes 80 .. 83, steps 0 .. 0 */
    struct { uint8_t before[80]; int16_t x[2]; } top_map;
  } memory;
  const int16_t *pcm;
#endif
  uint32_t cost;
  int32_t scores[2];
  struct {
    uint32_t avg_map[1];
    uint32_t top_map[1];
  } memo;
#ifdef CHAIN_EAGER
  int32_t eager;
#endif
#ifdef HYB_TRACE
  int32_t decided;
  uint32_t computes[2];
  uint32_t hits[2];
  uint32_t visits;
  void (*on_request)(void *user, int32_t hit, int32_t map, int32_t tile);
  void *user;
#endif
#ifdef HYB_STATS
  /* Counters of all decisions since init; each stays at its largest value. */
  struct {
    uint64_t cost_sum;
    uint32_t cost_max;
    uint32_t decisions;
    uint32_t stages[2];
    uint32_t classes[2];
    uint32_t computes[2];
    uint32_t hits[2];
    uint32_t visits[3];
  } stats;
#endif
} chain_context;

extern const char *const chain_labels[CHAIN_CLASSES];
/* The context depends on these settings: a program whose files differ in one does not link. */
#if defined(CHAIN_KEEP_SAMPLES) && defined(HYB_TRACE) && defined(HYB_STATS)
#define chain_init chain_init_keep_samples_trace_stats
#elif defined(CHAIN_KEEP_SAMPLES) && defined(HYB_TRACE)
#define chain_init chain_init_keep_samples_trace
#elif defined(CHAIN_KEEP_SAMPLES) && defined(HYB_STATS)
#define chain_init chain_init_keep_samples_stats
#elif defined(CHAIN_KEEP_SAMPLES)
#define chain_init chain_init_keep_samples
#elif defined(CHAIN_STREAM) && defined(HYB_TRACE) && defined(HYB_STATS)
#define chain_init chain_init_stream_trace_stats
#elif defined(CHAIN_STREAM) && defined(HYB_TRACE)
#define chain_init chain_init_stream_trace
#elif defined(CHAIN_STREAM) && defined(HYB_STATS)
#define chain_init chain_init_stream_stats
#elif defined(CHAIN_STREAM)
#define chain_init chain_init_stream
#elif defined(CHAIN_EAGER) && defined(HYB_TRACE)
#define chain_init chain_init_eager_trace
#elif defined(CHAIN_EAGER)
#define chain_init chain_init_eager
#elif defined(HYB_TRACE) && defined(HYB_STATS)
#define chain_init chain_init_trace_stats
#elif defined(HYB_TRACE)
#define chain_init chain_init_trace
#elif defined(HYB_STATS)
#define chain_init chain_init_stats
#endif
void chain_init(chain_context *ctx);
#ifdef CHAIN_STREAM
/* Windows begin at frames, which are CHAIN_HOP samples apart; CHAIN_FRAMES of them are a window.
 * Decisions a multiple of CHAIN_STRIDE frames apart keep the most work. */
#define CHAIN_HOP 4
#define CHAIN_FRAMES 4
#define CHAIN_STRIDE 1
/* Bounds of `.cost`: of every hop of samples begun since the decision before, of every call of push, and
 * of all else. With CHAIN_KEEP_SAMPLES frames cost next to nothing until a decision asks for them. */
#ifdef CHAIN_KEEP_SAMPLES
#define CHAIN_COST_FRAME 1326
#define CHAIN_COST_PUSH 252
#define CHAIN_COST_DECIDE_MAX 2788
#define CHAIN_COST_CENTRED 63
#else
#define CHAIN_COST_FRAME 907
#define CHAIN_COST_PUSH 126
#define CHAIN_COST_DECIDE_MAX 912
#define CHAIN_COST_CENTRED 63
#endif
/* Take n samples, any n; every whole frame is looked at at once. Nothing happens if pcm is NULL. */
void chain_push(chain_context *ctx, const int16_t *pcm, size_t n);
/* Non-zero once a whole window of frames has been pushed. */
int32_t chain_ready(const chain_context *ctx);
/* As ready: this model hears the whole window, wherever a sound is. */
int32_t chain_centred(chain_context *ctx, int32_t frames);
/* Decide the last whole window; ctx->scores holds the scores afterwards. `.cost` includes what push has
 * spent since the decision before. Before the first whole window label and stage are -1, margin is 0. */
chain_result chain_decide(chain_context *ctx);
#ifdef CHAIN_WITHIN
/* The same decision inside a budget of instructions, which it never exceeds: the best answer so far.
 * From CHAIN_WITHIN_MAX on, a budget changes nothing. One too small for any work gives the prior's
 * class, 0, with stage -1 and margin 0; that takes at most CHAIN_WITHIN_MIN. */
#ifdef CHAIN_KEEP_SAMPLES
#define CHAIN_WITHIN_MIN 455
#define CHAIN_WITHIN_MAX 3371
#else
#define CHAIN_WITHIN_MIN 455
#define CHAIN_WITHIN_MAX 1495
#endif
chain_result chain_decide_within(chain_context *ctx, uint32_t budget);
#endif
#else
#ifdef CHAIN_WITHIN
/* The same decision inside a budget of instructions, which it never exceeds: the best answer so far.
 * From CHAIN_WITHIN_MAX on, a budget changes nothing. One too small for any work gives the prior's
 * class, 0, with stage -1 and margin 0; that takes at most CHAIN_WITHIN_MIN. */
#define CHAIN_WITHIN_MIN 208
#define CHAIN_WITHIN_MAX 2725
chain_result chain_decide_within(chain_context *ctx, const int16_t *pcm, uint32_t budget);
#endif
/* Decide one window of CHAIN_WINDOW samples. ctx->scores holds the scores afterwards. */
chain_result chain_classify(chain_context *ctx, const int16_t *pcm);
#ifdef CHAIN_EAGER
/* The same decision with every map computed whole first: the baseline of lazy evaluation. */
chain_result chain_classify_eager(chain_context *ctx, const int16_t *pcm);
#endif
#endif
#ifdef HYB_STATS
/* Write the counters as text, one character at a time, for `hybrid stats DIR --from-dump FILE`. */
void chain_stats_dump(const chain_context *ctx, hyb_put put, void *user);
#endif
#ifdef __cplusplus
}
#endif
#endif /* CHAIN_H */

#ifdef CHAIN_IMPLEMENTATION
#ifndef CHAIN_IMPLEMENTED
#define CHAIN_IMPLEMENTED

const char *const chain_labels[CHAIN_CLASSES] = {
  "a",
  "b",
};
#ifdef CHAIN_STREAM

static inline const int16_t *chain_frame_of(const chain_context *ctx, int32_t row) {
#ifdef CHAIN_KEEP_SAMPLES
  const int32_t slot = ctx->slot + row - ctx->rows;
  return ctx->samples + (slot < 0 ? slot + 5 : slot) * 4;
#else
  (void)row;
  return ctx->frame;
#endif
}
#endif

/* ---- avg: conv ---- */
HYB_ALIGNED
static const int8_t chain_avg_weights[16] = {
  1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};
static const int32_t chain_avg_bias[4] = {
  0, 0, 0, 0,
};
static const int32_t chain_avg_multiplier[4] = {
  1073741824, 0, 0, 0,
};
static const uint8_t chain_avg_shift[4] = {
  32, 0, 0, 0,
};
static const hyb_layer chain_avg_layer = {
  chain_avg_weights, chain_avg_bias, chain_avg_multiplier, chain_avg_shift,
  16, 1, 1, 1, 1, 4, 1, 4, 1, 0, 0, 4, 4, 0, 0
};
#ifdef CHAIN_STREAM
HYB_SHARED void chain_avg_compute(chain_context *ctx, int32_t row) {
  int16_t *out = ctx->memory.avg_map.x + row * 1;
  const int16_t *in0 = chain_frame_of(ctx, row);
  void *scratch = &ctx->memory.avg_scratch.x;
  const int32_t t0 = 0, t1 = 1;
  const int32_t b0 = 0, b1 = 1;
  const int32_t c0 = 0, c1 = 1;
  const hyb_box box = {t0, t1, b0, b1, c0, c1};
  hyb_conv_s16_s16(&chain_avg_layer, in0, &box, scratch, out);
}
static inline int16_t *chain_avg_at(chain_context *ctx)
{ return ctx->memory.avg_map.x + (ctx->rows - 4) * 1; }
#ifdef CHAIN_KEEP_SAMPLES
HYB_SHARED void chain_avg_row(chain_context *ctx, int32_t row) {
  HYB_ON_COMPUTE(ctx, 0, 0);
  hyb_memo_set(ctx->avg_rows, row);
  ctx->cost += 455u;
  chain_avg_compute(ctx, row);
}
HYB_SHARED void chain_avg_rows(chain_context *ctx, int32_t first, int32_t last) {
  ctx->cost += (uint32_t)(last - first) * 14u;
  for (int32_t row = ctx->rows - 4 + first, end = row + last - first; row < end; row++)
    if (!hyb_memo(ctx->avg_rows, row)) chain_avg_row(ctx, row);
}
static inline void chain_avg_need(chain_context *ctx, int32_t tile) {
  if (hyb_memo(ctx->memo.avg_map, tile)) return;
  hyb_memo_set(ctx->memo.avg_map, tile);
  chain_avg_rows(ctx, tile, tile + 1);
}
#else
HYB_SHARED void chain_avg_rows(chain_context *ctx, int32_t first, int32_t last) {
  (void)ctx, (void)first, (void)last;
}
static inline void chain_avg_need(chain_context *ctx, int32_t tile) {
  (void)ctx, (void)tile;
}
#endif
#else
static inline int16_t *chain_avg_at(chain_context *ctx) { return ctx->memory.avg_map.x; }
HYB_SHARED void chain_avg_compute(chain_context *ctx, int32_t t0, int32_t t1) {
  int16_t *out = ctx->memory.avg_map.x;
  const int16_t *in0 = ctx->pcm;
  void *scratch = &ctx->memory.avg_scratch.x;
  const int32_t b0 = 0, b1 = 1;
  const int32_t c0 = 0, c1 = 1;
  const hyb_box box = {t0, t1, b0, b1, c0, c1};
  hyb_conv_s16_s16(&chain_avg_layer, in0, &box, scratch, out);
}
HYB_SHARED void chain_avg_tile(chain_context *ctx, int32_t tile) {
  HYB_ON_COMPUTE(ctx, 0, tile);
  const int32_t t0 = tile, t1 = t0 + 1;
  hyb_memo_set(ctx->memo.avg_map, tile);
  ctx->cost += 392u;
  chain_avg_compute(ctx, t0, t1);
}
static inline void chain_avg_need(chain_context *ctx, int32_t tile) {
  if (hyb_memo(ctx->memo.avg_map, tile)) {
    HYB_ON_HIT(ctx, 0, tile);
  } else {
    chain_avg_tile(ctx, tile);
  }
}
#endif

/* ---- top: pool ---- */
HYB_SHARED void chain_top_compute(chain_context *ctx, int32_t t0, int32_t t1) {
  int16_t *out = ctx->memory.top_map.x;
  const int16_t *in0 = chain_avg_at(ctx);
  const int32_t b0 = 0, b1 = 1;
  const int32_t c0 = 0, c1 = 1;
  for (int32_t t = t0; t < t1; t++) {
    for (int32_t b = b0; b < b1; b++) {
      const hyb_region region = hyb_region_of(1, 1, t * 4 / 2, (t + 1) * 4 / 2, b * 1 / 1, (b + 1) * 1 / 1);
      hyb_pool_max_s16(in0, &region, 1, c0, c1, out + (t * 1 + b) * 1);
    }
  }
}
HYB_SHARED void chain_top_tile(chain_context *ctx, int32_t tile) {
  HYB_ON_COMPUTE(ctx, 1, tile);
  const int32_t t0 = tile, t1 = t0 + 1;
  hyb_memo_set(ctx->memo.top_map, tile);
  ctx->cost += 209u;
  {
    const int32_t t_first = t0 * 4 / 2, t_last = t1 * 4 / 2;
    for (int32_t t = t_first; t < t_last; t++)
      chain_avg_need(ctx, t);
  }
  chain_top_compute(ctx, t0, t1);
}
static inline void chain_top_need(chain_context *ctx, int32_t tile) {
  if (hyb_memo(ctx->memo.top_map, tile)) {
    HYB_ON_HIT(ctx, 1, tile);
  } else {
    chain_top_tile(ctx, tile);
  }
}

/* ---- stage 0 computes nothing beforehand ---- */
#ifdef CHAIN_EAGER
static void chain_eager0(chain_context *ctx) {
  chain_avg_compute(ctx, 0, 4);
  memset(ctx->memo.avg_map, 0xff, sizeof ctx->memo.avg_map);
  chain_top_compute(ctx, 0, 2);
  memset(ctx->memo.top_map, 0xff, sizeof ctx->memo.top_map);
  (void)ctx;
}
#endif
static void chain_maps0(chain_context *ctx) {
#ifdef CHAIN_EAGER
  if (ctx->eager) {
    ctx->cost += 88u;
    chain_eager0(ctx);
    return;
  }
#endif
  ctx->cost += 88u;
  (void)ctx;
}

/* ---- stage 1 computes nothing beforehand ---- */
#ifdef CHAIN_EAGER
static void chain_eager1(chain_context *ctx) {
  (void)ctx;
}
#endif
static void chain_maps1(chain_context *ctx) {
#ifdef CHAIN_EAGER
  if (ctx->eager) {
    ctx->cost += 88u;
    chain_eager1(ctx);
    return;
  }
#endif
  ctx->cost += 88u;
  (void)ctx;
}

/* What the trees may ask for: map, tile, element. */
static const hyb_feature chain_features[3] = {
  {0, 0, 1}, /* top[0,0,0] */
  {1, 1, 1}, /* top[1,0,0] */
  {0, 0, 0}, /* avg[0,0,0] */
};
static int32_t chain_feature(chain_context *ctx, uint32_t number) {
  const hyb_feature *f = &chain_features[number];
  switch (f->map) {
  case 0:
    chain_avg_need(ctx, f->tile);
    return chain_avg_at(ctx)[f->element];
  default:
    chain_top_need(ctx, f->tile);
    return ctx->memory.top_map.x[f->element];
  }
}

/* The forest, in preorder: the left child is the next node. A node's bits, from the lowest: 2 feature,
 * 0 which of its thresholds (x <= it goes left), the rest: the way to the right child.
 */
static const uint16_t chain_nodes[3] = {
  8, 5, 6,
};
static const int16_t chain_thresholds[3] = {
  100, 100, 100,
};
static const uint16_t chain_first[3] = {
  0, 1, 2,
};
static const int16_t chain_leaves[5] = {
  100, 200, 300, 0, 50,
};
static const uint8_t chain_sizes[2] = {
  2, 1,
};

/* Trees first .. last - 1, whose nodes begin at `node` and whose leaves at `leaf`. */
static void chain_trees(chain_context *ctx, uint32_t first, uint32_t last, uint32_t node, uint32_t leaf) {
  uint32_t visits = 0;
  for (uint32_t tree = first; tree < last; tree++) {
    uint32_t size = chain_sizes[tree], reached = leaf;
    const uint16_t *at = chain_nodes + node;
    node += size;
    leaf += size + 1;
    while (size != 0) {
      const uint32_t word = *at, feature = word & 3u, right = word >> 2;
      visits++;
      HYB_ON_VISIT(ctx, at - chain_nodes);
      if (chain_feature(ctx, feature) <= chain_thresholds[chain_first[feature]]) {
        at++;
        size = right - 1;
      }
      else {
        at += right;
        reached += right;
        size -= right;
      }
    }
    ctx->scores[tree % CHAIN_CLASSES] += chain_leaves[reached];
  }
  ctx->cost += visits * 45u;
}

static const int32_t chain_bias[2] = {
  0, 0,
};
HYB_SHARED void chain_stage0(chain_context *ctx) {
  chain_maps0(ctx);
  chain_trees(ctx, 0, 1, 0, 0);
}
HYB_SHARED void chain_stage1(chain_context *ctx) {
  chain_maps1(ctx);
  chain_trees(ctx, 1, 2, 2, 3);
}
static chain_result chain_run(chain_context *ctx) {
  chain_result result;
  memcpy(ctx->scores, chain_bias, sizeof chain_bias);
  chain_stage0(ctx);
  result.stage = 0;
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  chain_stage1(ctx);
  result.stage = 1;
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  result.cost = ctx->cost;
  HYB_ON_RESULT(ctx, result);
  return result;
}

void chain_init(chain_context *ctx) {
  memset(ctx, 0, sizeof *ctx);
#ifdef CHAIN_STREAM
  for (int32_t s = 0; s < CHAIN_STAGES; s++) ctx->moved[s] = 4;
#endif
}

#ifdef CHAIN_STREAM
HYB_SHARED void chain_frame(chain_context *ctx) {
  HYB_ON_SPEND(ctx);
#ifdef CHAIN_KEEP_SAMPLES
  if (ctx->rows == 8) {
    hyb_copy(ctx->memory.avg_map.x, ctx->memory.avg_map.x + 5, 3);
    ctx->rows = 3;
    hyb_memo_slide(ctx->avg_rows, 1, 0, 3, 5);
    ctx->cost = hyb_spend(ctx->cost, 186u, 4294964507u);
  }
#else
  if (ctx->rows == 4) {
    memmove(ctx->memory.avg_map.x, ctx->memory.avg_map.x + 1, 6);
    ctx->rows = 3;
    ctx->cost = hyb_spend(ctx->cost, 131u, 4294966383u);
  }
#endif
#ifdef CHAIN_KEEP_SAMPLES
  ctx->cost = hyb_spend(ctx->cost, 126u, 4294964507u);
  ctx->slot = ctx->slot == 4 ? 0 : ctx->slot + 1;
  ctx->filled = 0;
#else
  HYB_ON_COMPUTE(ctx, 0, 0);
  chain_avg_compute(ctx, ctx->rows);
  ctx->cost = hyb_spend(ctx->cost, 518u, 4294966383u);
  hyb_next_frame(ctx->frame, &ctx->filled, 4, 4);
#endif
  ctx->rows++;
  ctx->fresh = hyb_min(ctx->fresh + 1, 4);
}
static size_t chain_take(chain_context *ctx, const int16_t *pcm, size_t n) {
#ifdef CHAIN_KEEP_SAMPLES
  const size_t room = (size_t)(ctx->filled < 0 ? -ctx->filled : 4 - ctx->filled);
  size_t taken = n < room ? n : room;
  uint32_t times = 1;
  if (ctx->filled >= 0) {
    int32_t at = ctx->slot * 4 + ctx->filled;
    if (at >= 20) at -= 20;
    taken = hyb_keep(ctx->samples, 20, 0, at, pcm, taken);
  }
  ctx->filled += (int32_t)taken;
  ctx->cost = hyb_spend(ctx->cost, times * (126u + ((uint32_t)taken * 435u >> 8)), 4294964507u);
#else
  const size_t taken = hyb_take(ctx->frame, &ctx->filled, 4, pcm, n);
  ctx->cost = hyb_spend(ctx->cost, 126u + ((uint32_t)taken * 435u >> 8), 4294966383u);
#endif
  return taken;
}
void chain_push(chain_context *ctx, const int16_t *pcm, size_t n) {
  if (pcm == NULL) return;
  while (n > 0) {
    const size_t taken = chain_take(ctx, pcm, n);
    pcm += taken;
    n -= taken;
    if (ctx->filled == 4) chain_frame(ctx);
  }
}
int32_t chain_ready(const chain_context *ctx) { return ctx->rows >= 4; }
int32_t chain_centred(chain_context *ctx, int32_t frames) {
  if (!chain_ready(ctx)) return 0;
  ctx->cost = hyb_spend(ctx->cost, CHAIN_COST_CENTRED, 4294966383u);
  (void)frames;
  return 1;
}
static void chain_move(chain_context *ctx) {
  const int32_t frames = ctx->fresh;
  ctx->fresh = 0;
  for (int32_t s = 0; s < CHAIN_STAGES; s++)
    ctx->moved[s] = hyb_min(ctx->moved[s] + frames, 4);
  memset(ctx->memo.avg_map, 0, sizeof ctx->memo.avg_map);
  memset(ctx->memo.top_map, 0, sizeof ctx->memo.top_map);
}
chain_result chain_decide(chain_context *ctx) {
  chain_result result = {-1, -1, 0, 0};
  result.cost = ctx->cost;
  if (!chain_ready(ctx)) return result;
  HYB_ON_SPEND(ctx);
  chain_move(ctx);
  ctx->cost += 183u;
  result = chain_run(ctx);
  ctx->cost = 0;
  HYB_ON_DECIDED(ctx);
  return result;
}
#ifdef CHAIN_WITHIN
#ifdef CHAIN_KEEP_SAMPLES
#define CHAIN_WITHIN_START 766u
static const uint32_t chain_steps[4][2] = {
  {88u, 854u},
  {2384u, 3238u},
  {88u, 3326u},
  {514u, 3371u},
};
#else
#define CHAIN_WITHIN_START 766u
static const uint32_t chain_steps[4][2] = {
  {88u, 854u},
  {508u, 1362u},
  {88u, 1450u},
  {45u, 1495u},
};
#endif
static chain_result chain_prior(chain_context *ctx) {
  chain_result result = {0, -1, 0, 0};
  memcpy(ctx->scores, chain_bias, sizeof chain_bias);
  result.cost = ctx->cost;
  return result;
}
/* What was spent before counts to nobody's budget. */
static chain_result chain_run_within(chain_context *ctx, uint32_t before, uint32_t budget) {
  chain_result result;
  memcpy(ctx->scores, chain_bias, sizeof chain_bias);
  result.stage = 0;
  chain_maps0(ctx);
  if (ctx->cost - before + chain_steps[1][0] > budget && budget < chain_steps[1][1]) goto spent;
  chain_trees(ctx, 0, 1, 0, 0);
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  if (ctx->cost - before + chain_steps[2][0] > budget && budget < chain_steps[2][1]) goto done;
  result.stage = 1;
  chain_maps1(ctx);
  if (ctx->cost - before + chain_steps[3][0] > budget && budget < chain_steps[3][1]) goto spent;
  chain_trees(ctx, 1, 2, 2, 3);
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  goto done;
  spent:
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  done:
  result.cost = ctx->cost;
  HYB_ON_RESULT(ctx, result);
  return result;
}
chain_result chain_decide_within(chain_context *ctx, uint32_t budget) {
  chain_result result = {-1, -1, 0, 0};
  const uint32_t before = ctx->cost;
  result.cost = before;
  if (!chain_ready(ctx)) return result;
  HYB_ON_SPEND(ctx);
  chain_move(ctx);
  if (CHAIN_WITHIN_START + chain_steps[0][0] > budget && budget < chain_steps[0][1]) {
    ctx->cost += CHAIN_WITHIN_MIN;
    result = chain_prior(ctx);
  }
  else {
    ctx->cost += CHAIN_WITHIN_START;
    result = chain_run_within(ctx, before, budget);
  }
  ctx->cost = 0;
  HYB_ON_DECIDED(ctx);
  return result;
}
#endif
#else
static void chain_begin(chain_context *ctx, const int16_t *pcm) {
  ctx->pcm = pcm;
  ctx->cost = 92u;
  memset(&ctx->memo, 0, sizeof ctx->memo);
  HYB_ON_BEGIN(ctx);
}

chain_result chain_classify(chain_context *ctx, const int16_t *pcm) {
  chain_begin(ctx, pcm);
  return chain_run(ctx);
}
#ifdef CHAIN_WITHIN
static chain_result chain_prior(chain_context *ctx) {
  chain_result result = {0, -1, 0, 0};
  memcpy(ctx->scores, chain_bias, sizeof chain_bias);
  result.cost = ctx->cost;
  return result;
}
/* What was spent before counts to nobody's budget. */
static chain_result chain_run_within(chain_context *ctx, uint32_t before, uint32_t budget) {
  chain_result result;
  memcpy(ctx->scores, chain_bias, sizeof chain_bias);
  result.stage = 0;
  chain_maps0(ctx);
  if (ctx->cost - before + 2076u > budget && budget < 2592u) goto spent;
  chain_trees(ctx, 0, 1, 0, 0);
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  if (ctx->cost - before + 88u > budget && budget < 2680u) goto done;
  result.stage = 1;
  chain_maps1(ctx);
  if (ctx->cost - before + 437u > budget && budget < 2725u) goto spent;
  chain_trees(ctx, 1, 2, 2, 3);
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  goto done;
  spent:
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  done:
  result.cost = ctx->cost;
  HYB_ON_RESULT(ctx, result);
  return result;
}
chain_result chain_decide_within(chain_context *ctx, const int16_t *pcm, uint32_t budget) {
  if (428u + 88u > budget && budget < 516u) {
    ctx->pcm = pcm;
    ctx->cost = 208u;
    HYB_ON_BEGIN(ctx);
    return chain_prior(ctx);
  }
  chain_begin(ctx, pcm);
  ctx->cost += 336u;
  return chain_run_within(ctx, 0, budget);
}
#endif

#ifdef CHAIN_EAGER
chain_result chain_classify_eager(chain_context *ctx, const int16_t *pcm) {
  chain_result result;
  chain_begin(ctx, pcm);
  ctx->cost += 1745u;
  ctx->eager = 1;
  result = chain_run(ctx);
  if (result.stage < 1) chain_eager1(ctx);
  ctx->eager = 0;
  return result;
}
#endif
#endif
#ifdef HYB_STATS
void chain_stats_dump(const chain_context *ctx, hyb_put put, void *user) {
  hyb_dump dump;
  uint32_t cost[3];
  cost[0] = (uint32_t)(ctx->stats.cost_sum & 0xFFFFFFFFu);
  cost[1] = (uint32_t)(ctx->stats.cost_sum >> 32);
  cost[2] = ctx->stats.cost_max;
#ifdef CHAIN_STREAM
  hyb_dump_begin(&dump, put, user, "hyb-stats 1\012" "model chain d5998faa8186bfc2 stream\012");
#else
  hyb_dump_begin(&dump, put, user, "hyb-stats 1\012" "model chain d5998faa8186bfc2 windows\012");
#endif
  hyb_dump_list(&dump, "cost", cost, 3);
  hyb_dump_list(&dump, "decisions", &ctx->stats.decisions, 1);
  hyb_dump_list(&dump, "stages", ctx->stats.stages, 2);
  hyb_dump_list(&dump, "classes", ctx->stats.classes, 2);
  hyb_dump_list(&dump, "computes", ctx->stats.computes, 2);
  hyb_dump_list(&dump, "hits", ctx->stats.hits, 2);
  hyb_dump_list(&dump, "visits", ctx->stats.visits, 3);
  hyb_dump_end(&dump);
}
#endif
#endif
#endif
