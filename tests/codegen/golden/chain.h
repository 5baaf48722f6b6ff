/* chain: classifier of 2 classes, written by hybrid. Do not edit.
 * 
 * Use: #define CHAIN_IMPLEMENTATION in one C or C++ file before including this header.
 * Input: 16 int16 samples at 16000 Hz.
 * Forest: 2 stages, 2 trees, 3 nodes, 3 features.
 * Maps, in order of computation (shape is time x band x channel):
 *   avg: conv 4x1x1 int16, tile 1x1x1, 4 MAC a tile; for top, trees
 *   top: pool 2x1x1 int16, tile 1x1x1, 0 MAC a tile; for trees
 */
#ifndef CHAIN_H
#define CHAIN_H
#include "hyb_runtime.h"
#if HYB_RUNTIME_API != 1
#error "chain.h was written for HYB_RUNTIME_API 1: regenerate the model with this hybrid, or use the hyb_runtime.h written beside it"
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
/* Bounds of `.cost`, in multiply-accumulates, front end included: no input leaves them. */
#define CHAIN_COST_MAX 16
#define CHAIN_COST_MIN 8
/* Scores and margins divided by this are logits. */
#define CHAIN_SCORE_ONE 100

typedef struct {
  int32_t label;   /* class number, see the labels below */
  int32_t stage;   /* stage after which the decision left, from 0 */
  int32_t margin;  /* best score minus second best */
  uint32_t cost;   /* multiply-accumulates spent */
} chain_result;

/* Owned by the caller; nothing in it needs to outlive a decision but the scores. */
typedef struct {
  uint64_t scratch[1];
  const int16_t *pcm;
  uint32_t cost;
  int32_t scores[2];
  uint32_t memo_avg[1];
  uint32_t memo_top[1];
  int16_t avg[4];
  int16_t top[2];
#ifdef HYB_TRACE
  uint32_t computes[2];
  uint32_t hits[2];
  uint32_t visits;
  void (*on_request)(void *user, int32_t hit, int32_t map, int32_t tile);
  void *user;
#endif
} chain_context;

extern const char *const chain_labels[CHAIN_CLASSES];
void chain_init(chain_context *ctx);
/* Decide one window of CHAIN_WINDOW samples. ctx->scores holds the scores afterwards. */
chain_result chain_classify(chain_context *ctx, const int16_t *pcm);
#ifdef CHAIN_EAGER
/* The same decision with every map computed whole first: the baseline of lazy evaluation. */
chain_result chain_classify_eager(chain_context *ctx, const int16_t *pcm);
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

/* ---- avg: conv ---- */
static const int8_t chain_avg_weights[4] = {
  1, 1, 1, 1,
};
static const int32_t chain_avg_bias[1] = {
  0,
};
static const int32_t chain_avg_multiplier[1] = {
  1073741824,
};
static const uint8_t chain_avg_shift[1] = {
  32,
};
static const hyb_conv chain_avg_conv = {
  chain_avg_weights, chain_avg_bias, chain_avg_multiplier, chain_avg_shift,
  16, 1, 1, 1, 1, 4, 1, 4, 1, 0, 0, -32768, 32767
};
HYB_SHARED void chain_avg_compute(chain_context *ctx, int32_t t0, int32_t t1, int32_t b0, int32_t b1, int32_t c0, int32_t c1) {
  int16_t *out = ctx->avg;
  const int16_t *in0 = ctx->pcm;
  void *scratch = ctx->scratch;
  for (int32_t t = t0; t < t1; t++) {
    for (int32_t b = b0; b < b1; b++) {
      hyb_conv_s16(&chain_avg_conv, in0, t, b, c0, c1, (int32_t *)scratch);
      hyb_store_s16(&chain_avg_conv, (const int32_t *)scratch, t, b, c0, c1, out);
    }
  }
}
HYB_SHARED void chain_avg_need(chain_context *ctx, int32_t tile) {
  if (hyb_memo(ctx->memo_avg, tile)) {
    HYB_ON_HIT(ctx, 0, tile);
    return;
  }
  const int32_t t0 = tile, t1 = t0 + 1;
  const int32_t b0 = 0, b1 = 1;
  const int32_t c0 = 0, c1 = 1;
  HYB_ON_COMPUTE(ctx, 0, tile);
  ctx->cost += 4u;
  chain_avg_compute(ctx, t0, t1, b0, b1, c0, c1);
}

/* ---- top: pool ---- */
static const hyb_pool chain_top_pool = {4, 1, 1, 2, 1, 0};
HYB_SHARED void chain_top_compute(chain_context *ctx, int32_t t0, int32_t t1, int32_t b0, int32_t b1, int32_t c0, int32_t c1) {
  int16_t *out = ctx->top;
  const int16_t *in0 = ctx->avg;
  for (int32_t t = t0; t < t1; t++) {
    for (int32_t b = b0; b < b1; b++) hyb_pool_max_s16(&chain_top_pool, in0, t, b, c0, c1, out);
  }
}
HYB_SHARED void chain_top_need(chain_context *ctx, int32_t tile) {
  if (hyb_memo(ctx->memo_top, tile)) {
    HYB_ON_HIT(ctx, 1, tile);
    return;
  }
  const int32_t t0 = tile, t1 = t0 + 1;
  const int32_t b0 = 0, b1 = 1;
  const int32_t c0 = 0, c1 = 1;
  HYB_ON_COMPUTE(ctx, 1, tile);
  {
    const int32_t t_first = t0 * 4 / 2, t_last = t1 * 4 / 2;
    for (int32_t t = t_first; t < t_last; t++)
      chain_avg_need(ctx, t);
  }
  chain_top_compute(ctx, t0, t1, b0, b1, c0, c1);
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
    return ctx->avg[f->element];
  case 1:
    chain_top_need(ctx, f->tile);
    return ctx->top[f->element];
  default:
    return 0;
  }
}

/* The forest. A child >= 0 is a node, a child < 0 is leaf ~child; x <= threshold goes left. */
typedef int16_t chain_child;
typedef struct { uint16_t feature; int16_t threshold; chain_child left, right; } chain_node;
static const chain_node chain_nodes[3] = {
  {0, 100, 1, -3}, {1, 100, -1, -2}, {2, 100, -4, -5},
};
static const int16_t chain_leaves[5] = {
  100, 200, 300, 0, 50,
};
static const int16_t chain_roots[2] = {
  0, 2,
};
static const uint8_t chain_tree_classes[2] = {
  0, 1,
};

static void chain_trees(chain_context *ctx, int32_t first, int32_t last) {
  for (int32_t tree = first; tree < last; tree++) {
    int32_t at = chain_roots[tree];
    while (at >= 0) {
      const chain_node *node = &chain_nodes[at];
      HYB_ON_VISIT(ctx);
      at = chain_feature(ctx, node->feature) <= node->threshold ? node->left : node->right;
    }
    ctx->scores[chain_tree_classes[tree]] += chain_leaves[~at];
  }
}

static const int32_t chain_bias[2] = {
  0, 0,
};
static chain_result chain_run(chain_context *ctx) {
  chain_result result;
  memcpy(ctx->scores, chain_bias, sizeof chain_bias);
  chain_trees(ctx, 0, 1);
  result.stage = 0;
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  chain_trees(ctx, 1, 2);
  result.stage = 1;
  result.label = hyb_best(ctx->scores, CHAIN_CLASSES, &result.margin);
  result.cost = ctx->cost;
  return result;
}

void chain_init(chain_context *ctx) {
  memset(ctx, 0, sizeof *ctx);
}

static void chain_begin(chain_context *ctx, const int16_t *pcm) {
  ctx->pcm = pcm;
  ctx->cost = 0;
  memset(ctx->memo_avg, 0, sizeof ctx->memo_avg);
  memset(ctx->memo_top, 0, sizeof ctx->memo_top);
  HYB_ON_BEGIN(ctx);
}

chain_result chain_classify(chain_context *ctx, const int16_t *pcm) {
  chain_begin(ctx, pcm);
  return chain_run(ctx);
}

#ifdef CHAIN_EAGER
chain_result chain_classify_eager(chain_context *ctx, const int16_t *pcm) {
  chain_begin(ctx, pcm);
  chain_avg_compute(ctx, 0, 4, 0, 1, 0, 1);
  memset(ctx->memo_avg, 0xff, sizeof ctx->memo_avg);
  chain_top_compute(ctx, 0, 2, 0, 1, 0, 1);
  memset(ctx->memo_top, 0xff, sizeof ctx->memo_top);
  ctx->cost = 16u;
  return chain_run(ctx);
}
#endif
#endif
#endif
