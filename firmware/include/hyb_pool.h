/* Pooling: sums and maxima over a region, four channels at a time.
 * Equals feature_extractors/ops/pool.py bit for bit. */
#ifndef HYB_POOL_H
#define HYB_POOL_H
#include "hyb_core.h"
#include "hyb_simd.h"

/* A region of the input, kernel rows [i0, i1) and columns [j0, j1), as `rows` runs of `n` positions. */
typedef struct {
  int32_t first, rows, n, skip; /* elements before the first position, and from the end of a run to the next one */
} hyb_region;

static inline hyb_region hyb_region_of(int32_t bands, int32_t channels, int32_t i0, int32_t i1, int32_t j0,
                                       int32_t j1) {
  hyb_region r = {(i0 * bands + j0) * channels, i1 - i0, j1 - j0, (bands - (j1 - j0)) * channels};
  if (r.skip == 0) {
    r.n *= r.rows;
    r.rows = 1;
  }
  return r;
}

/* Add n positions of four channels, `step` elements apart, to sum. */
#define HYB_DEFINE_SUM_PLAIN(suffix, type)                                                                             \
  static inline void hyb_sum_##suffix(const type *x, int32_t n, int32_t step, int32_t *sum) {                          \
    int32_t a = sum[0], b = sum[1], c = sum[2], d = sum[3];                                                            \
    for (; n > 0; n--, x += step) {                                                                                    \
      a += x[0];                                                                                                       \
      b += x[1];                                                                                                       \
      c += x[2];                                                                                                       \
      d += x[3];                                                                                                       \
    }                                                                                                                  \
    sum[0] = a;                                                                                                        \
    sum[1] = b;                                                                                                        \
    sum[2] = c;                                                                                                        \
    sum[3] = d;                                                                                                        \
  }

/* best = the maximum of best and n positions of four channels. */
#define HYB_DEFINE_MAX_PLAIN(suffix, type)                                                                             \
  static inline void hyb_max_##suffix(const type *x, int32_t n, int32_t step, int16_t *best) {                         \
    int32_t a = best[0], b = best[1], c = best[2], d = best[3];                                                        \
    for (; n > 0; n--, x += step) {                                                                                    \
      a = hyb_max(a, x[0]);                                                                                            \
      b = hyb_max(b, x[1]);                                                                                            \
      c = hyb_max(c, x[2]);                                                                                            \
      d = hyb_max(d, x[3]);                                                                                            \
    }                                                                                                                  \
    best[0] = (int16_t)a;                                                                                              \
    best[1] = (int16_t)b;                                                                                              \
    best[2] = (int16_t)c;                                                                                              \
    best[3] = (int16_t)d;                                                                                              \
  }

HYB_DEFINE_SUM_PLAIN(s16, int16_t)

#ifdef HYB_SIMD

/* 256 bytes cannot leave a 16-bit lane. half: the type of a lane. */
#define HYB_DEFINE_SUM(suffix, type, half)                                                                             \
  static inline void hyb_sum_##suffix(const type *x, int32_t n, int32_t step, int32_t *sum) {                          \
    while (n > 0) {                                                                                                    \
      uint32_t even = 0, odd = 0;                                                                                      \
      int32_t left = hyb_min(n, 256);                                                                                  \
      n -= left;                                                                                                       \
      for (; left > 0; left--, x += step) {                                                                            \
        const uint32_t word = hyb_load(x);                                                                             \
        even = hyb_add_even_##suffix(even, word);                                                                      \
        odd = hyb_add_odd_##suffix(odd, word);                                                                         \
      }                                                                                                                \
      sum[0] += (half)even;                                                                                            \
      sum[1] += (half)odd;                                                                                             \
      sum[2] += (half)(even >> 16);                                                                                    \
      sum[3] += (half)(odd >> 16);                                                                                     \
    }                                                                                                                  \
  }

HYB_DEFINE_SUM(u8, uint8_t, uint16_t)
HYB_DEFINE_SUM(s8, int8_t, int16_t)

/* All maxima in one register; `best` goes in and out of it once. */
#define HYB_DEFINE_MAX(suffix, type)                                                                                   \
  static inline void hyb_max_##suffix(const type *x, int32_t n, int32_t step, int16_t *best) {                         \
    type each[4];                                                                                                      \
    uint32_t word = hyb_load(x);                                                                                       \
    for (x += step; n > 1; n--, x += step) word = hyb_lanes_max_##suffix(word, hyb_load(x));                           \
    __builtin_memcpy(each, &word, sizeof each);                                                                        \
    for (int32_t k = 0; k < 4; k++) best[k] = (int16_t)hyb_max(best[k], each[k]);                                      \
  }

HYB_DEFINE_MAX(u8, uint8_t)
HYB_DEFINE_MAX(s8, int8_t)

static inline void hyb_max_s16(const int16_t *x, int32_t n, int32_t step, int16_t *best) {
  uint32_t first = hyb_load(best), second = hyb_load(best + 2);
  for (; n > 0; n--, x += step) {
    first = hyb_lanes_max_s16(first, hyb_load(x));
    second = hyb_lanes_max_s16(second, hyb_load(x + 2));
  }
  hyb_store(best, first);
  hyb_store(best + 2, second);
}

#else

HYB_DEFINE_SUM_PLAIN(u8, uint8_t)
HYB_DEFINE_SUM_PLAIN(s8, int8_t)
HYB_DEFINE_MAX_PLAIN(u8, uint8_t)
HYB_DEFINE_MAX_PLAIN(s8, int8_t)
HYB_DEFINE_MAX_PLAIN(s16, int16_t)

#endif

/* Channels [c0, c1) of one region: sums shifted right, rounded half up; or maxima. in: whole map; out: this region's
 * channels. `channels`: of the map, the step from one position to the next. */
#define HYB_DEFINE_POOL(suffix, type)                                                                                  \
  HYB_SHARED void hyb_pool_mean_##suffix(const type *in, const hyb_region *r, int32_t channels, int32_t shift,         \
                                         int32_t c0, int32_t c1, int16_t *out) {                                       \
    const int32_t fours = c0 + ((c1 - c0) & ~3);                                                                       \
    int32_t c = c0;                                                                                                    \
    for (; c < fours; c += 4) {                                                                                        \
      const type *x = in + r->first + c;                                                                               \
      int32_t sum[4] = {0, 0, 0, 0};                                                                                   \
      for (int32_t row = r->rows; row > 0; row--, x += r->n * channels + r->skip)                                      \
        hyb_sum_##suffix(x, r->n, channels, sum);                                                                      \
      for (int32_t k = 0; k < 4; k++) out[c + k] = (int16_t)hyb_shift_round(sum[k], shift);                            \
    }                                                                                                                  \
    for (; c < c1; c++) {                                                                                              \
      const type *x = in + r->first + c;                                                                               \
      int32_t sum = 0;                                                                                                 \
      for (int32_t row = r->rows; row > 0; row--, x += r->skip)                                                        \
        for (int32_t n = r->n; n > 0; n--, x += channels) sum += *x;                                                   \
      out[c] = (int16_t)hyb_shift_round(sum, shift);                                                                   \
    }                                                                                                                  \
  }                                                                                                                    \
  HYB_SHARED void hyb_pool_max_##suffix(const type *in, const hyb_region *r, int32_t channels, int32_t c0, int32_t c1, \
                                        int16_t *out) {                                                                \
    const int32_t fours = c0 + ((c1 - c0) & ~3);                                                                       \
    int32_t c = c0;                                                                                                    \
    for (; c < fours; c += 4) {                                                                                        \
      const type *x = in + r->first + c;                                                                               \
      int16_t best[4] = {INT16_MIN, INT16_MIN, INT16_MIN, INT16_MIN};                                                  \
      for (int32_t row = r->rows; row > 0; row--, x += r->n * channels + r->skip)                                      \
        hyb_max_##suffix(x, r->n, channels, best);                                                                     \
      for (int32_t k = 0; k < 4; k++) out[c + k] = best[k];                                                            \
    }                                                                                                                  \
    for (; c < c1; c++) {                                                                                              \
      const type *x = in + r->first + c;                                                                               \
      int32_t best = *x;                                                                                               \
      for (int32_t row = r->rows; row > 0; row--, x += r->skip)                                                        \
        for (int32_t n = r->n; n > 0; n--, x += channels) best = hyb_max(best, *x);                                    \
      out[c] = (int16_t)best;                                                                                          \
    }                                                                                                                  \
  }

HYB_DEFINE_POOL(u8, uint8_t)
HYB_DEFINE_POOL(s8, int8_t)
HYB_DEFINE_POOL(s16, int16_t)

#endif /* HYB_POOL_H */
