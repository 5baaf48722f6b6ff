/* Depthwise convolution, four channels at a time, taps read in place.
 * Equals feature_extractors/ops/convolution.py bit for bit. */
#ifndef HYB_DEPTHWISE_H
#define HYB_DEPTHWISE_H
#include "hyb_core.h"
#include "hyb_layer.h"
#include "hyb_simd.h"

/* The taps of a window inside the input: `rows` rows of `columns`, then `rest` (0 to 2) in a row of their own. In time
 * alone the one long row is folded into rows of three. x, w: elements before the first tap; *_row: to the next row;
 * x_rest: from the first tap to the rest. */
typedef struct {
  int32_t x, w, rows, columns, x_row, w_row, rest, x_rest;
} hyb_taps;

static inline hyb_taps hyb_taps_at(const hyb_layer *p, int32_t t, int32_t b) {
  const hyb_window at = hyb_window_at(p, t, b);
  hyb_taps r;
  r.x = (at.t * p->in_bands + at.b) * p->channels;
  r.w = (at.i0 * p->kernel_b + at.j0) * p->channels;
  if (p->kernel_b == 1 && p->in_bands == 1) {
    const int32_t taps = at.i1 - at.i0;
    r.rows = (taps * 43) >> 7; /* a third: a kernel has at most 64 taps */
    r.columns = r.rows > 0 ? 3 : 0;
    r.rest = taps - 3 * r.rows;
    r.x_row = r.w_row = 3 * p->channels;
    r.x_rest = r.rows * r.x_row;
  } else {
    r.rows = at.i1 - at.i0;
    r.columns = at.j1 - at.j0;
    r.rest = r.x_rest = 0;
    r.x_row = p->in_bands * p->channels;
    r.w_row = p->kernel_b * p->channels;
  }
  return r;
}

/* Add 1 to 3 neighbouring taps of n channels to their sums; `step`: elements from one tap to the next. */
#define HYB_DEFINE_ADD_TAPS(suffix, type)                                                                              \
  HYB_SHARED void hyb_add_taps_##suffix(int32_t taps, const type *x, const int8_t *w, int32_t step, int32_t n,         \
                                        int32_t *acc) {                                                                \
    if (taps == 3) {                                                                                                   \
      for (; n > 0; n--, x++, w++, acc++)                                                                              \
        *acc += (int32_t)x[0] * w[0] + (int32_t)x[step] * w[step] + (int32_t)x[2 * step] * w[2 * step];                \
    } else if (taps == 2) {                                                                                            \
      for (; n > 0; n--, x++, w++, acc++) *acc += (int32_t)x[0] * w[0] + (int32_t)x[step] * w[step];                   \
    } else {                                                                                                           \
      for (; n > 0; n--, x++, w++, acc++) *acc += (int32_t)x[0] * w[0];                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  /* Sums of n channels from c on. */                                                                                  \
  HYB_SHARED void hyb_depthwise_sums_##suffix(const hyb_layer *p, const hyb_taps *r, const type *in, int32_t c,        \
                                              int32_t n, int32_t *acc) {                                               \
    const int32_t step = p->channels;                                                                                  \
    const type *x = in + r->x + c;                                                                                     \
    const int8_t *w = p->weights + r->w + c;                                                                           \
    for (int32_t k = 0; k < n; k++) acc[k] = p->bias[c + k];                                                           \
    for (int32_t row = 0; row < r->rows; row++, x += r->x_row, w += r->w_row)                                          \
      for (int32_t k = 0; k < r->columns; k += 3)                                                                      \
        hyb_add_taps_##suffix(hyb_min(r->columns - k, 3), x + k * step, w + k * step, step, n, acc);                   \
    if (r->rest > 0) hyb_add_taps_##suffix(r->rest, x, w, step, n, acc);                                               \
  }

HYB_DEFINE_ADD_TAPS(u8, uint8_t)
HYB_DEFINE_ADD_TAPS(s8, int8_t)
HYB_DEFINE_ADD_TAPS(s16, int16_t)

/* Channels [c, c1) of the position at `to`, one by one. */
#define HYB_DEFINE_BY_1(is, it, os, ot)                                                                                \
  HYB_SHARED void hyb_depthwise_by_1_##is##_##os(const hyb_layer *p, const hyb_taps *r, const it *in, int32_t c,       \
                                                 int32_t c1, ot *to) {                                                 \
    int32_t acc[32];                                                                                                   \
    for (int32_t n; c < c1; c += n) {                                                                                  \
      n = hyb_min(c1 - c, 32);                                                                                         \
      hyb_depthwise_sums_##is(p, r, in, c, n, acc);                                                                    \
      hyb_store_##os(p, acc, c, c + n, to);                                                                            \
    }                                                                                                                  \
  }

HYB_FOR_TYPES(HYB_DEFINE_BY_1)

#ifdef HYB_SIMD

/* Sums of four channels. */
typedef struct {
  int32_t a, b, c, d;
} hyb_quad;

/* One tap of four channels. */
#define HYB_DEFINE_TAP_OF_4(suffix, type)                                                                              \
  HYB_INLINED void hyb_tap_of_4_##suffix(hyb_quad *sum, const type *x, const int8_t *w) {                            \
    const uint32_t xs = hyb_load(x), ws = hyb_load(w);                                                                 \
    const uint32_t x02 = hyb_even_##suffix(xs), w02 = hyb_even_s8(ws);                                                 \
    uint32_t x13, w13;                                                                                                 \
    sum->a = hyb_mac_bb(x02, w02, sum->a);                                                                             \
    sum->c = hyb_mac_tt(x02, w02, sum->c);                                                                             \
    x13 = hyb_odd_##suffix(xs);                                                                                        \
    w13 = hyb_odd_s8(ws);                                                                                              \
    sum->b = hyb_mac_bb(x13, w13, sum->b);                                                                             \
    sum->d = hyb_mac_tt(x13, w13, sum->d);                                                                             \
  }

HYB_DEFINE_TAP_OF_4(u8, uint8_t)
HYB_DEFINE_TAP_OF_4(s8, int8_t)

HYB_INLINED void hyb_tap_of_4_s16(hyb_quad *sum, const int16_t *x, const int8_t *w) {
  const uint32_t x01 = hyb_load(x), x23 = hyb_load(x + 2), ws = hyb_load(w);
  const uint32_t w02 = hyb_even_s8(ws), w13 = hyb_odd_s8(ws);
  sum->a = hyb_mac_bb(x01, w02, sum->a);
  sum->b = hyb_mac_tb(x01, w13, sum->b);
  sum->c = hyb_mac_bt(x23, w02, sum->c);
  sum->d = hyb_mac_tt(x23, w13, sum->d);
}

/* n (a constant, 1 to 3) neighbouring taps in every row; `step`: elements from one tap to the next. */
#define HYB_DEFINE_ROWS(suffix, type)                                                                                  \
  HYB_INLINED void hyb_rows_of_4_##suffix(int32_t n, hyb_quad *sum, const hyb_taps *r, const type *x,                \
                                                   const int8_t *w, int32_t step) {                                    \
    int32_t rows = r->rows;                                                                                            \
    do {                                                                                                               \
      hyb_tap_of_4_##suffix(sum, x, w);                                                                                \
      if (n > 1) hyb_tap_of_4_##suffix(sum, x + step, w + step);                                                       \
      if (n > 2) hyb_tap_of_4_##suffix(sum, x + 2 * step, w + 2 * step);                                               \
      x += r->x_row;                                                                                                   \
      w += r->w_row;                                                                                                   \
    } while (--rows != 0);                                                                                             \
  }                                                                                                                    \
  /* All taps. */                                                                                                      \
  HYB_INLINED void hyb_taps_of_4_##suffix(hyb_quad *sum, const hyb_taps *r, const type *x, const int8_t *w,          \
                                                   int32_t step) {                                                     \
    if (r->columns == 3)                                                                                               \
      hyb_rows_of_4_##suffix(3, sum, r, x, w, step);                                                                   \
    else if (r->columns == 2)                                                                                          \
      hyb_rows_of_4_##suffix(2, sum, r, x, w, step);                                                                   \
    else                                                                                                               \
      for (int32_t k = 0; k < r->columns; k++)                                                                         \
        hyb_rows_of_4_##suffix(1, sum, r, x + k * step, w + k * step, step);                                           \
    for (int32_t k = 0; k < r->rest; k++)                                                                              \
      hyb_tap_of_4_##suffix(sum, x + r->x_rest + k * step, w + r->x_rest + k * step);                                  \
  }

HYB_DEFINE_ROWS(u8, uint8_t)
HYB_DEFINE_ROWS(s8, int8_t)
HYB_DEFINE_ROWS(s16, int16_t)

/* Channels from c on, four by four, as long as four are left; returns the next one. */
#define HYB_DEFINE_BY_4(is, it, os, ot)                                                                                \
  HYB_SHARED int32_t hyb_depthwise_by_4_##is##_##os(const hyb_layer *p, const hyb_taps *r, const it *in, int32_t c,    \
                                                    int32_t c1, ot *to) {                                              \
    for (; c + 4 <= c1; c += 4) {                                                                                      \
      HYB_OPAQUE(c);                                                                                                   \
      const int32_t *bias = p->bias + c;                                                                               \
      hyb_quad sum = {bias[0], bias[1], bias[2], bias[3]};                                                             \
      hyb_taps_of_4_##is(&sum, r, in + r->x + c, p->weights + r->w + c, p->channels);                                  \
      HYB_OPAQUE(c);                                                                                                   \
      const int32_t *m = p->multiplier + c;                                                                            \
      const uint8_t *s = p->shift + c;                                                                                 \
      ot *at = to + c;                                                                                                 \
      at[0] = (ot)hyb_half_##os(hyb_scaled(sum.a, m[0], s[0]));                                                        \
      at[1] = (ot)hyb_half_##os(hyb_scaled(sum.b, m[1], s[1]));                                                        \
      at[2] = (ot)hyb_half_##os(hyb_scaled(sum.c, m[2], s[2]));                                                        \
      at[3] = (ot)hyb_half_##os(hyb_scaled(sum.d, m[3], s[3]));                                                        \
    }                                                                                                                  \
    return c;                                                                                                          \
  }

HYB_FOR_TYPES(HYB_DEFINE_BY_4)
#define HYB_DEPTHWISE_BY_4(is, os, p, r, in, c, c1, to) hyb_depthwise_by_4_##is##_##os(p, r, in, c, c1, to)

#else
#define HYB_DEPTHWISE_BY_4(is, os, p, r, in, c, c1, to) (c)
#endif

/* A box of the output. in, out: whole maps. */
#define HYB_DEFINE_DEPTHWISE(is, it, os, ot)                                                                           \
  HYB_SHARED void hyb_depthwise_##is##_##os(const hyb_layer *p, const it *in, const hyb_box *box, ot *out) {           \
    for (hyb_walk at = hyb_first(box); at.left > 0; hyb_next(box, &at)) {                                              \
      const hyb_taps r = hyb_taps_at(p, at.t, at.b);                                                                   \
      ot *to = out + hyb_offset(p, &at);                                                                               \
      int32_t c = box->c0;                                                                                             \
      if (p->high) c = HYB_DEPTHWISE_BY_4(is, os, p, &r, in, c, box->c1, to);                                          \
      if (c < box->c1) hyb_depthwise_by_1_##is##_##os(p, &r, in, c, box->c1, to);                                      \
    }                                                                                                                  \
  }

HYB_FOR_TYPES(HYB_DEFINE_DEPTHWISE)

#endif /* HYB_DEPTHWISE_H */
