/* On-demand evaluation: memo bits, features, and hooks that watch requests. */
#ifndef HYB_LAZY_H
#define HYB_LAZY_H
#include "hyb_core.h"

/* What a tree node reads: an element of a map, and the tile that holds it. */
typedef struct {
  uint32_t element;
  uint16_t tile;
  uint8_t map;
} hyb_feature;

/* Test and set the memo bit of a tile; non-zero if it was set. */
static inline uint32_t hyb_memo(uint32_t *memo, int32_t tile) {
  const uint32_t bit = (uint32_t)1 << ((uint32_t)tile & 31u);
  uint32_t *word = memo + ((uint32_t)tile >> 5);
  const uint32_t before = *word & bit;
  *word |= bit;
  return before;
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
#define HYB_ON_HIT(ctx, map, tile)                                                                                     \
  do {                                                                                                                 \
    (ctx)->hits[map]++;                                                                                                \
    HYB_ON_EVENT(ctx, 1, map, tile);                                                                                   \
  } while (0)
#define HYB_ON_COMPUTE(ctx, map, tile)                                                                                 \
  do {                                                                                                                 \
    (ctx)->computes[map]++;                                                                                            \
    HYB_ON_EVENT(ctx, 0, map, tile);                                                                                   \
  } while (0)
#define HYB_ON_VISIT(ctx) ((ctx)->visits++)
#define HYB_ON_BEGIN(ctx)                                                                                              \
  do {                                                                                                                 \
    memset((ctx)->computes, 0, sizeof(ctx)->computes);                                                                 \
    memset((ctx)->hits, 0, sizeof(ctx)->hits);                                                                         \
    (ctx)->visits = 0;                                                                                                 \
  } while (0)
#else
#define HYB_ON_HIT(ctx, map, tile) ((void)0)
#define HYB_ON_COMPUTE(ctx, map, tile) ((void)0)
#define HYB_ON_VISIT(ctx) ((void)0)
#define HYB_ON_BEGIN(ctx) ((void)0)
#endif

#endif /* HYB_LAZY_H */
