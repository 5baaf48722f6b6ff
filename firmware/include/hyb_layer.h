/* What standard and depthwise convolutions share: parameters, window geometry, requantisation.
 * Maps are [time][band][channel]. Every kernel has data-independent control flow. */
#ifndef HYB_LAYER_H
#define HYB_LAYER_H
#include "hyb_core.h"
#include "hyb_simd.h"

/* Elements [t0, t1) x [b0, b1) x [c0, c1) of an output map. */
typedef struct {
  int32_t t0, t1, b0, b1, c0, c1;
} hyb_box;

typedef struct {
  const int8_t *weights; /* conv: [channel pair][tap][2], see hyb_conv.h; depthwise: [kt][kb][channel] */
  const int32_t *bias;   /* this and the next two: zeros up to a multiple of 4 channels */
  const int32_t *multiplier;
  const uint8_t *shift; /* `high`: less 33 */
  int32_t in_times, in_bands, in_channels;
  int32_t bands, channels; /* of the output */
  int32_t kernel_t, kernel_b, stride_t, stride_b, pad_t, pad_b;
  int32_t taps;  /* conv: weights of a channel, a multiple of 4 */
  int32_t block; /* conv: positions computed together, 1 or 4 */
  int32_t high;  /* whether all shifts are above 32, so that the high word of a product is enough */
  int32_t point; /* conv: pointwise over fours of bytes, with `high`; a single position needs no window */
} hyb_layer;

/* The part of a kernel's window at one output position that lies inside the input. */
typedef struct {
  int32_t t, b;           /* input position of its first tap */
  int32_t i0, i1, j0, j1; /* kernel rows and columns */
} hyb_window;

static inline hyb_window hyb_window_at(const hyb_layer *p, int32_t t, int32_t b) {
  const int32_t t_at = t * p->stride_t - p->pad_t, b_at = b * p->stride_b - p->pad_b;
  hyb_window w;
  w.i0 = hyb_max(-t_at, 0);
  w.i1 = hyb_min(p->in_times - t_at, p->kernel_t);
  w.j0 = hyb_max(-b_at, 0);
  w.j1 = hyb_min(p->in_bands - b_at, p->kernel_b);
  w.t = t_at + w.i0;
  w.b = b_at + w.j0;
  return w;
}

/* A walk over the positions of a box, bands before times. */
typedef struct {
  int32_t t, b, left;
} hyb_walk;

static inline hyb_walk hyb_first(const hyb_box *box) {
  hyb_walk at;
  at.t = box->t0;
  at.b = box->b0;
  at.left = (box->t1 - box->t0) * (box->b1 - box->b0);
  return at;
}

static inline void hyb_next(const hyb_box *box, hyb_walk *at) {
  at->left--;
  if (++at->b == box->b1) {
    at->b = box->b0;
    at->t++;
  }
}

/* Elements of the output before a position. */
static inline int32_t hyb_offset(const hyb_layer *p, const hyb_walk *at) {
  return (at->t * p->bands + at->b) * p->channels;
}

/* Twice the requantised value, its rounding half added: hyb_half_* makes it the value. `shift` is less 33. */
static inline int32_t hyb_scaled(int32_t acc, int32_t multiplier, int32_t shift) {
  return (hyb_mul_high(acc, multiplier) >> shift) + 1;
}

/* Requantise the sums of channels [c0, c1) at one position to to[c0 .. c1). */
#define HYB_DEFINE_STORE(suffix, type, lo, hi)                                                                         \
  HYB_SHARED void hyb_store_##suffix(const hyb_layer *p, const int32_t *acc, int32_t c0, int32_t c1, type *to) {       \
    const int32_t *m = p->multiplier + c0;                                                                             \
    const uint8_t *s = p->shift + c0;                                                                                  \
    to += c0;                                                                                                          \
    if (p->high)                                                                                                       \
      HYB_REPEAT(c1 - c0, *to++ = (type)hyb_half_##suffix(hyb_scaled(*acc++, *m++, *s++)));                            \
    else                                                                                                               \
      for (int32_t c = c0; c < c1; c++) *to++ = (type)hyb_requant(*acc++, *m++, *s++, lo, hi);                         \
  }

HYB_DEFINE_STORE(u8, uint8_t, 0, 255)
HYB_DEFINE_STORE(s8, int8_t, -128, 127)
HYB_DEFINE_STORE(s16, int16_t, -32768, 32767)

/* `definition` for every pair of input and output types; what a model does not call is dropped. */
#define HYB_FOR_TYPES(definition)                                                                                      \
  definition(u8, uint8_t, u8, uint8_t) definition(u8, uint8_t, s8, int8_t) definition(u8, uint8_t, s16, int16_t)       \
  definition(s8, int8_t, u8, uint8_t) definition(s8, int8_t, s8, int8_t) definition(s8, int8_t, s16, int16_t)          \
  definition(s16, int16_t, u8, uint8_t) definition(s16, int16_t, s8, int8_t) definition(s16, int16_t, s16, int16_t)

#endif /* HYB_LAYER_H */
