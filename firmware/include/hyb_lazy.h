/* On-demand evaluation: memo bits, features, and hooks that watch requests. */
#ifndef HYB_LAZY_H
#define HYB_LAZY_H
#include "hyb_core.h"
#include "hyb_stats.h"

/* What a tree node reads: an element of a map, and the tile that holds it. */
typedef struct {
  uint32_t element;
  uint16_t tile;
  uint8_t map;
} hyb_feature;

/* The memo bit of a tile: non-zero once the tile is there. */
static inline uint32_t hyb_memo(const uint32_t *memo, int32_t tile) {
  return (memo[(uint32_t)tile >> 5] >> ((uint32_t)tile & 31u)) & 1u;
}

static inline void hyb_memo_set(uint32_t *memo, int32_t tile) {
  memo[(uint32_t)tile >> 5] |= (uint32_t)1 << ((uint32_t)tile & 31u);
}

/* The type of scratch memory: whatever a kernel keeps there, a member of the union has its type. */
#define HYB_SCRATCH(size)                                                                                              \
  union {                                                                                                              \
    uint64_t longs[((size) + 7) / 8];                                                                                  \
    int32_t words[((size) + 3) / 4];                                                                                   \
    int16_t halves[((size) + 1) / 2];                                                                                  \
    uint8_t bytes[size];                                                                                               \
  }

/* The class with the best score (the lowest number on a tie) and its lead over the second. */
static inline int32_t hyb_best(const int32_t *scores, int32_t classes, int32_t *margin) {
  int32_t best = 0, second = INT32_MIN;
  for (int32_t c = 1; c < classes; c++) {
    if (scores[c] > scores[best]) {
      second = scores[best];
      best = c;
    } else if (scores[c] > second) {
      second = scores[c];
    }
  }
  *margin = scores[best] - second;
  return best;
}

/* With HYB_TRACE the context counts computes, hits and node visits, and may call back at each request. */
#ifdef HYB_TRACE
#define HYB_ON_EVENT(ctx, hit, map, tile)                                                                              \
  do {                                                                                                                 \
    if ((ctx)->on_request) (ctx)->on_request((ctx)->user, (hit), (map), (tile));                                       \
  } while (0)
#define HYB_TRACE_HIT(ctx, map, tile)                                                                                  \
  do {                                                                                                                 \
    (ctx)->hits[map]++;                                                                                                \
    HYB_ON_EVENT(ctx, 1, map, tile);                                                                                   \
  } while (0)
#define HYB_TRACE_COMPUTE(ctx, map, tile)                                                                              \
  do {                                                                                                                 \
    (ctx)->computes[map]++;                                                                                            \
    HYB_ON_EVENT(ctx, 0, map, tile);                                                                                   \
  } while (0)
#define HYB_TRACE_VISIT(ctx) ((ctx)->visits++)
#define HYB_ON_BEGIN(ctx)                                                                                              \
  do {                                                                                                                 \
    memset((ctx)->computes, 0, sizeof(ctx)->computes);                                                                 \
    memset((ctx)->hits, 0, sizeof(ctx)->hits);                                                                         \
    (ctx)->visits = 0;                                                                                                 \
  } while (0)
#else
#define HYB_TRACE_HIT(ctx, map, tile) ((void)0)
#define HYB_TRACE_COMPUTE(ctx, map, tile) ((void)0)
#define HYB_TRACE_VISIT(ctx) ((void)0)
#define HYB_ON_BEGIN(ctx) ((void)0)
#endif

/* What the generated code tells: a tile was there, was computed, a node is passed. */
#define HYB_ON_HIT(ctx, map, tile)                                                                                     \
  do {                                                                                                                 \
    HYB_TRACE_HIT(ctx, map, tile);                                                                                     \
    HYB_STATS_HIT(ctx, map);                                                                                           \
  } while (0)
#define HYB_ON_COMPUTE(ctx, map, tile)                                                                                 \
  do {                                                                                                                 \
    HYB_TRACE_COMPUTE(ctx, map, tile);                                                                                 \
    HYB_STATS_COMPUTE(ctx, map);                                                                                       \
  } while (0)
#define HYB_ON_VISIT(ctx, node)                                                                                        \
  do {                                                                                                                 \
    HYB_TRACE_VISIT(ctx);                                                                                              \
    HYB_STATS_VISIT(ctx, node);                                                                                        \
  } while (0)

#endif /* HYB_LAZY_H */
