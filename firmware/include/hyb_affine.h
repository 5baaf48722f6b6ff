/* Dot products of affine maps. Equals feature_extractors/ops/affine.py bit for bit. */
#ifndef HYB_AFFINE_H
#define HYB_AFFINE_H
#include "hyb_core.h"
#include "hyb_simd.h"

#ifdef HYB_SIMD

/* Products of four neighbouring elements. */
#define HYB_DEFINE_DOT_4(suffix, type)                                                                                 \
  static inline int32_t hyb_dot_4_##suffix(const type *x, const int8_t *w, int32_t acc) {                              \
    const uint32_t xs = hyb_load(x), ws = hyb_load(w);                                                                 \
    acc = hyb_mac_d(hyb_even_##suffix(xs), hyb_even_s8(ws), acc);                                                      \
    return hyb_mac_d(hyb_odd_##suffix(xs), hyb_odd_s8(ws), acc);                                                       \
  }

HYB_DEFINE_DOT_4(u8, uint8_t)
HYB_DEFINE_DOT_4(s8, int8_t)

static inline int32_t hyb_dot_4_s16(const int16_t *x, const int8_t *w, int32_t acc) {
  const uint32_t ws = hyb_load(w);
  acc = hyb_mac_d(hyb_load(x), hyb_even_s8(ws), acc);
  return hyb_mac_d(hyb_load(x + 2), hyb_odd_s8(ws), acc);
}

#else

#define HYB_DEFINE_DOT_4(suffix, type)                                                                                 \
  static inline int32_t hyb_dot_4_##suffix(const type *x, const int8_t *w, int32_t acc) {                              \
    return acc + (int32_t)x[0] * w[0] + (int32_t)x[1] * w[1] + (int32_t)x[2] * w[2] + (int32_t)x[3] * w[3];            \
  }

HYB_DEFINE_DOT_4(u8, uint8_t)
HYB_DEFINE_DOT_4(s8, int8_t)

static inline int32_t hyb_dot_4_s16(const int16_t *x, const int8_t *w, int32_t acc) {
  return acc + (int32_t)x[0] * w[0] + (int32_t)x[1] * w[2] + (int32_t)x[2] * w[1] + (int32_t)x[3] * w[3];
}

#endif

/* Dot product of n elements with a row of weights. Beside int16, the second and third weight of each complete four have
 * changed places, so that the bytes that one SXTB16 takes apart meet neighbouring elements. */
#define HYB_DEFINE_DOT(suffix, type)                                                                                   \
  HYB_SHARED int32_t hyb_dot_##suffix(const type *x, const int8_t *w, int32_t n) {                                     \
    int32_t acc = 0;                                                                                                   \
    for (; n >= 8; n -= 8, x += 8, w += 8)                                                                             \
      acc = hyb_dot_4_##suffix(x + 4, w + 4, hyb_dot_4_##suffix(x, w, acc));                                           \
    if (n >= 4) {                                                                                                      \
      acc = hyb_dot_4_##suffix(x, w, acc);                                                                             \
      x += 4;                                                                                                          \
      w += 4;                                                                                                          \
      n -= 4;                                                                                                          \
    }                                                                                                                  \
    for (; n > 0; n--) acc += (int32_t)*x++ * *w++;                                                                    \
    return acc;                                                                                                        \
  }

HYB_DEFINE_DOT(u8, uint8_t)
HYB_DEFINE_DOT(s8, int8_t)
HYB_DEFINE_DOT(s16, int16_t)

#endif /* HYB_AFFINE_H */
