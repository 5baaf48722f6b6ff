/* Integer kernels of the trunk: convolution, depthwise convolution, pooling, dot products. Portable C99 and C++11.
 * Maps are [time][band][channel]. Every kernel has data-independent control flow. */
#ifndef HYB_NN_H
#define HYB_NN_H
#include "hyb_core.h"

typedef struct {
  const int8_t *weights; /* conv: [channel][kt][kb][input channel]; depthwise: [kt][kb][channel] */
  const int32_t *bias;
  const int32_t *multiplier;
  const uint8_t *shift;
  int32_t in_times, in_bands, in_channels;
  int32_t bands, channels; /* of the output */
  int32_t kernel_t, kernel_b, stride_t, stride_b, pad_t, pad_b;
  int32_t lo, hi;
} hyb_conv;

/* The kernel rows (or columns) [first, last) that fall inside an input of `size`, for a window that starts at `at`. */
static inline void hyb_taps(int32_t at, int32_t kernel, int32_t size, int32_t *first, int32_t *last) {
  *first = hyb_max(-at, 0);
  *last = hyb_min(size - at, kernel);
}

/* Accumulators of channels [c0, c1) at one output position into acc[0 .. c1 - c0). */
#define HYB_DEFINE_CONV(suffix, type)                                                                                  \
  static inline int32_t hyb_dot_##suffix(const type *x, const int8_t *w, int32_t n) {                                  \
    int32_t acc = 0;                                                                                                   \
    for (int32_t i = 0; i < n; i++) acc += (int32_t)x[i] * w[i];                                                       \
    return acc;                                                                                                        \
  }                                                                                                                    \
  HYB_SHARED void hyb_conv_##suffix(const hyb_conv *p, const type *in, int32_t t, int32_t b, int32_t c0,               \
                                       int32_t c1, int32_t *acc) {                                                     \
    const int32_t t_at = t * p->stride_t - p->pad_t, b_at = b * p->stride_b - p->pad_b;                                \
    int32_t i0, i1, j0, j1;                                                                                            \
    hyb_taps(t_at, p->kernel_t, p->in_times, &i0, &i1);                                                                \
    hyb_taps(b_at, p->kernel_b, p->in_bands, &j0, &j1);                                                                \
    for (int32_t c = c0; c < c1; c++) {                                                                                \
      int32_t sum = p->bias[c];                                                                                        \
      for (int32_t i = i0; i < i1; i++) {                                                                              \
        const type *x = in + ((t_at + i) * p->in_bands + b_at + j0) * p->in_channels;                                  \
        const int8_t *w = p->weights + ((c * p->kernel_t + i) * p->kernel_b + j0) * p->in_channels;                    \
        sum += hyb_dot_##suffix(x, w, (j1 - j0) * p->in_channels);                                                     \
      }                                                                                                                \
      acc[c - c0] = sum;                                                                                               \
    }                                                                                                                  \
  }                                                                                                                    \
  HYB_SHARED void hyb_depthwise_##suffix(const hyb_conv *p, const type *in, int32_t t, int32_t b, int32_t c0,          \
                                            int32_t c1, int32_t *acc) {                                                \
    const int32_t t_at = t * p->stride_t - p->pad_t, b_at = b * p->stride_b - p->pad_b;                                \
    int32_t i0, i1, j0, j1;                                                                                            \
    hyb_taps(t_at, p->kernel_t, p->in_times, &i0, &i1);                                                                \
    hyb_taps(b_at, p->kernel_b, p->in_bands, &j0, &j1);                                                                \
    for (int32_t c = c0; c < c1; c++) acc[c - c0] = p->bias[c];                                                        \
    for (int32_t i = i0; i < i1; i++) {                                                                                \
      for (int32_t j = j0; j < j1; j++) {                                                                              \
        const type *x = in + ((t_at + i) * p->in_bands + b_at + j) * p->in_channels;                                   \
        const int8_t *w = p->weights + (i * p->kernel_b + j) * p->in_channels;                                         \
        for (int32_t c = c0; c < c1; c++) acc[c - c0] += (int32_t)x[c] * w[c];                                         \
      }                                                                                                                \
    }                                                                                                                  \
  }

HYB_DEFINE_CONV(u8, uint8_t)
HYB_DEFINE_CONV(s8, int8_t)
HYB_DEFINE_CONV(s16, int16_t)

/* Requantise accumulators of channels [c0, c1) into the output map. */
#define HYB_DEFINE_STORE(suffix, type)                                                                                 \
  HYB_SHARED void hyb_store_##suffix(const hyb_conv *p, const int32_t *acc, int32_t t, int32_t b, int32_t c0,          \
                                        int32_t c1, type *out) {                                                       \
    type *to = out + (t * p->bands + b) * p->channels;                                                                 \
    for (int32_t c = c0; c < c1; c++)                                                                                  \
      to[c] = (type)hyb_requant(acc[c - c0], p->multiplier[c], p->shift[c], p->lo, p->hi);                             \
  }

HYB_DEFINE_STORE(u8, uint8_t)
HYB_DEFINE_STORE(s8, int8_t)
HYB_DEFINE_STORE(s16, int16_t)

typedef struct {
  int32_t in_times, in_bands, channels;
  int32_t times, bands; /* regions */
  int32_t shift;        /* of a mean's sum, rounding half up */
} hyb_pool;

#define HYB_DEFINE_POOL(suffix, type)                                                                                  \
  HYB_SHARED void hyb_pool_mean_##suffix(const hyb_pool *p, const type *in, int32_t t, int32_t b, int32_t c0,          \
                                            int32_t c1, int16_t *out) {                                                \
    const int32_t t_end = (t + 1) * p->in_times / p->times, b_end = (b + 1) * p->in_bands / p->bands;                  \
    for (int32_t c = c0; c < c1; c++) {                                                                                \
      int32_t sum = 0;                                                                                                 \
      for (int32_t i = t * p->in_times / p->times; i < t_end; i++)                                                     \
        for (int32_t j = b * p->in_bands / p->bands; j < b_end; j++)                                                   \
          sum += in[(i * p->in_bands + j) * p->channels + c];                                                          \
      out[(t * p->bands + b) * p->channels + c] = (int16_t)hyb_shift_round(sum, p->shift);                             \
    }                                                                                                                  \
  }                                                                                                                    \
  HYB_SHARED void hyb_pool_max_##suffix(const hyb_pool *p, const type *in, int32_t t, int32_t b, int32_t c0,           \
                                           int32_t c1, int16_t *out) {                                                 \
    const int32_t t_end = (t + 1) * p->in_times / p->times, b_end = (b + 1) * p->in_bands / p->bands;                  \
    for (int32_t c = c0; c < c1; c++) {                                                                                \
      int32_t best = INT32_MIN;                                                                                        \
      for (int32_t i = t * p->in_times / p->times; i < t_end; i++)                                                     \
        for (int32_t j = b * p->in_bands / p->bands; j < b_end; j++)                                                   \
          best = hyb_max(best, in[(i * p->in_bands + j) * p->channels + c]);                                           \
      out[(t * p->bands + b) * p->channels + c] = (int16_t)best;                                                       \
    }                                                                                                                  \
  }

HYB_DEFINE_POOL(u8, uint8_t)
HYB_DEFINE_POOL(s8, int8_t)
HYB_DEFINE_POOL(s16, int16_t)

#endif /* HYB_NN_H */
