/* Standard convolution, pointwise included: the window of a position is gathered as int16, then multiplied by the
 * weights of two channels at a time. Equals feature_extractors/ops/convolution.py bit for bit.
 *
 * Weights stand as [channel pair][tap][2]: the taps of a channel in the order (kt, kb, input channel), zeros up to a
 * multiple of 4 taps, and zeros up to a multiple of 4 channels. So a word holds two neighbouring taps of two channels,
 * and one SXTB16 gives a channel's pair. A pointwise convolution over bytes has the taps of each four as 0, 2, 1, 3:
 * that is how SXTB16 takes a word of its input apart. */
#ifndef HYB_CONV_H
#define HYB_CONV_H
#include "hyb_core.h"
#include "hyb_layer.h"
#include "hyb_simd.h"

#ifdef HYB_SIMD

/* int16 from n elements. */
#define HYB_DEFINE_WIDEN(suffix, type)                                                                                 \
  static inline void hyb_widen_4_##suffix(int16_t *to, const type *from) {                                             \
    const uint32_t word = hyb_load(from), even = hyb_even_##suffix(word), odd = hyb_odd_##suffix(word);                \
    hyb_store(to, hyb_low_halves(even, odd));                                                                          \
    hyb_store(to + 2, hyb_high_halves(even, odd));                                                                     \
  }

HYB_DEFINE_WIDEN(u8, uint8_t)
HYB_DEFINE_WIDEN(s8, int8_t)

/* Bytes 0, 2 and 1, 3 of a word, as int16. */
#define HYB_DEFINE_SPLIT(suffix, type)                                                                                 \
  static inline hyb_two_words hyb_split_##suffix(const type *from) {                                                   \
    const uint32_t word = hyb_load(from);                                                                              \
    const hyb_two_words two = {hyb_even_##suffix(word), hyb_odd_##suffix(word)};                                       \
    return two;                                                                                                        \
  }                                                                                                                    \
  static inline void hyb_split_4_##suffix(int16_t *to, const type *from) {                                             \
    const hyb_two_words two = hyb_split_##suffix(from);                                                                \
    hyb_store(to, two.a);                                                                                              \
    hyb_store(to + 2, two.b);                                                                                          \
  }

HYB_DEFINE_SPLIT(u8, uint8_t)
HYB_DEFINE_SPLIT(s8, int8_t)

static inline void hyb_widen_4_s16(int16_t *to, const int16_t *from) {
  hyb_store(to, hyb_load(from));
  hyb_store(to + 2, hyb_load(from + 2));
}

#define HYB_WIDEN(suffix, to, from, n)                                                                                 \
  do {                                                                                                                 \
    for (; (n) >= 8; (n) -= 8, (to) += 8, (from) += 8) {                                                               \
      hyb_widen_4_##suffix(to, from);                                                                                  \
      hyb_widen_4_##suffix((to) + 4, (from) + 4);                                                                      \
    }                                                                                                                  \
    if ((n) >= 4) {                                                                                                    \
      hyb_widen_4_##suffix(to, from);                                                                                  \
      (n) -= 4, (to) += 4, (from) += 4;                                                                                \
    }                                                                                                                  \
    for (; (n) > 0; (n)--) *(to)++ = *(from)++;                                                                        \
  } while (0)

typedef struct {
  int32_t a, b, c, d;
} hyb_conv_sums_of_4;

/* Four taps of channels 0 .. 3 at one position. w, v: of channels 0 and 1, and of 2 and 3. */
static inline void hyb_conv_taps(hyb_conv_sums_of_4 *sum, hyb_two_words two, const int8_t *w, const int8_t *v) {
  hyb_two_words pair = hyb_load_two(w);
  sum->a = hyb_mac_d(two.a, hyb_even_s8(pair.a), sum->a);
  sum->b = hyb_mac_d(two.a, hyb_odd_s8(pair.a), sum->b);
  sum->a = hyb_mac_d(two.b, hyb_even_s8(pair.b), sum->a);
  sum->b = hyb_mac_d(two.b, hyb_odd_s8(pair.b), sum->b);
  pair = hyb_load_two(v);
  sum->c = hyb_mac_d(two.a, hyb_even_s8(pair.a), sum->c);
  sum->d = hyb_mac_d(two.a, hyb_odd_s8(pair.a), sum->d);
  sum->c = hyb_mac_d(two.b, hyb_even_s8(pair.b), sum->c);
  sum->d = hyb_mac_d(two.b, hyb_odd_s8(pair.b), sum->d);
}

/* Sums of four channels over taps that `load` brings, four at a time; moves *w past the channels' weights. */
#define HYB_DEFINE_CONV_FOUR(name, type, load)                                                                         \
  HYB_INLINED hyb_conv_sums_of_4 hyb_conv_four_##name(const type *x, const int8_t **w, int32_t taps,                   \
                                                      const int32_t *bias) {                                           \
    hyb_conv_sums_of_4 sum = {bias[0], bias[1], bias[2], bias[3]};                                                     \
    const int8_t *at = *w, *end = at + 2 * taps, *other = end;                                                         \
    if ((taps & 4) != 0) {                                                                                             \
      hyb_conv_taps(&sum, load(x), at, other);                                                                         \
      x += 4, at += 8, other += 8;                                                                                     \
    }                                                                                                                  \
    for (; at != end; x += 8, at += 16, other += 16) {                                                                 \
      hyb_conv_taps(&sum, load(x), at, other);                                                                         \
      hyb_conv_taps(&sum, load(x + 4), at + 8, other + 8);                                                             \
    }                                                                                                                  \
    *w = other;                                                                                                        \
    return sum;                                                                                                        \
  }

HYB_DEFINE_CONV_FOUR(u8, uint8_t, hyb_split_u8)
HYB_DEFINE_CONV_FOUR(s8, int8_t, hyb_split_s8)
HYB_DEFINE_CONV_FOUR(s16, int16_t, hyb_load_two)

/* Four outputs of a layer with `high` shifts. */
#define HYB_CONV_STORE_4(suffix, type, sum, m, s, to)                                                                  \
  do {                                                                                                                 \
    (to)[0] = (type)hyb_half_##suffix(hyb_scaled((sum).a, (m)[0], (s)[0]));                                            \
    (to)[1] = (type)hyb_half_##suffix(hyb_scaled((sum).b, (m)[1], (s)[1]));                                            \
    (to)[2] = (type)hyb_half_##suffix(hyb_scaled((sum).c, (m)[2], (s)[2]));                                            \
    (to)[3] = (type)hyb_half_##suffix(hyb_scaled((sum).d, (m)[3], (s)[3]));                                            \
  } while (0)

/* Channels [c0, c1) of the position at `to`. x: `taps` int16, 8-byte aligned. */
#define HYB_DEFINE_CONV_AT_1(suffix, type)                                                                             \
  HYB_SHARED void hyb_conv_at_1_##suffix(const hyb_layer *p, const int16_t *x, int32_t c0, int32_t c1, int32_t *acc,   \
                                         type *to) {                                                                   \
    const int8_t *w = p->weights + (c0 & ~3) * p->taps;                                                                \
    const int32_t *bias = p->bias + (c0 & ~3), *m = p->multiplier + (c0 & ~3);                                         \
    const uint8_t *s = p->shift + (c0 & ~3);                                                                           \
    type *at = to + (c0 & ~3), *const end = to + c1;                                                                   \
    const int32_t taps = p->taps, detour = !p->high || ((c0 | c1) & 3) != 0;                                           \
    for (; at < end; at += 4, bias += 4, m += 4, s += 4) {                                                             \
      const hyb_conv_sums_of_4 sum = hyb_conv_four_s16(x, &w, taps, bias);                                             \
      if (detour) {                                                                                                    \
        const int32_t c = (int32_t)(at - to), first = hyb_max(c, c0);                                                  \
        acc[0] = sum.a, acc[1] = sum.b, acc[2] = sum.c, acc[3] = sum.d;                                                \
        hyb_store_##suffix(p, acc + (first - c), first, hyb_min(c + 4, c1), to);                                       \
      } else {                                                                                                         \
        HYB_CONV_STORE_4(suffix, type, sum, m, s, at);                                                                 \
      }                                                                                                                \
    }                                                                                                                  \
  }

HYB_DEFINE_CONV_AT_1(u8, uint8_t)
HYB_DEFINE_CONV_AT_1(s8, int8_t)
HYB_DEFINE_CONV_AT_1(s16, int16_t)

/* Word k of `from` to word 4 * k of `to`: the windows of four positions side by side. */
HYB_SHARED void hyb_conv_beside(int16_t *to, const int16_t *from, int32_t n) {
  for (; n > 0; n -= 4, from += 4, to += 16) {
    const hyb_two_words two = hyb_load_two(from);
    hyb_store(to, two.a);
    hyb_store(to + 8, two.b);
  }
}

/* Sums of two channels (0 and 1) at four positions (a to d). */
typedef struct {
  int32_t a0, a1, b0, b1, c0, c1, d0, d1;
} hyb_sums_at_4;

/* Two taps of two channels at four positions. */
static inline void hyb_conv_taps_at_4(hyb_sums_at_4 *sum, const int16_t *x, const int8_t *w) {
  const uint32_t word = hyb_load(w), first = hyb_even_s8(word), second = hyb_odd_s8(word);
  hyb_two_words two = hyb_load_two(x);
  sum->a0 = hyb_mac_d(two.a, first, sum->a0);
  sum->a1 = hyb_mac_d(two.a, second, sum->a1);
  sum->b0 = hyb_mac_d(two.b, first, sum->b0);
  sum->b1 = hyb_mac_d(two.b, second, sum->b1);
  two = hyb_load_two(x + 4);
  sum->c0 = hyb_mac_d(two.a, first, sum->c0);
  sum->c1 = hyb_mac_d(two.a, second, sum->c1);
  sum->d0 = hyb_mac_d(two.b, first, sum->d0);
  sum->d1 = hyb_mac_d(two.b, second, sum->d1);
}

/* Sums of channels c and c + 1 (c even) at four positions: acc[channel][position]. x: [tap pair][position][2]. */
HYB_SHARED void hyb_conv_sums_at_4(const hyb_layer *p, const int16_t *x, int32_t c, int32_t *acc) {
  const int8_t *w = p->weights + c * p->taps, *end = w + 2 * p->taps;
  const int32_t first = p->bias[c], second = p->bias[c + 1];
  hyb_sums_at_4 sum = {first, second, first, second, first, second, first, second};
  if ((p->taps & 4) != 0) {
    hyb_conv_taps_at_4(&sum, x, w);
    hyb_conv_taps_at_4(&sum, x + 8, w + 4);
    x += 16;
    w += 8;
  }
  while (w != end) {
    hyb_conv_taps_at_4(&sum, x, w);
    hyb_conv_taps_at_4(&sum, x + 8, w + 4);
    hyb_conv_taps_at_4(&sum, x + 16, w + 8);
    hyb_conv_taps_at_4(&sum, x + 24, w + 12);
    x += 32;
    w += 16;
  }
  acc[0] = sum.a0, acc[1] = sum.b0, acc[2] = sum.c0, acc[3] = sum.d0;
  acc[4] = sum.a1, acc[5] = sum.b1, acc[6] = sum.c1, acc[7] = sum.d1;
}

/* Channels [c0, c1) of four neighbouring positions, the first at `to`. x: as above; acc: 8 words. */
#define HYB_DEFINE_CONV_AT_4(suffix, type)                                                                             \
  static inline void hyb_store_at_4_##suffix(const hyb_layer *p, const int32_t *acc, int32_t c, type *to) {            \
    const int32_t m = p->multiplier[c], s = p->shift[c], step = p->channels;                                           \
    to += c;                                                                                                           \
    to[0] = (type)hyb_half_##suffix(hyb_scaled(acc[0], m, s));                                                         \
    to[step] = (type)hyb_half_##suffix(hyb_scaled(acc[1], m, s));                                                      \
    to[2 * step] = (type)hyb_half_##suffix(hyb_scaled(acc[2], m, s));                                                  \
    to[3 * step] = (type)hyb_half_##suffix(hyb_scaled(acc[3], m, s));                                                  \
  }                                                                                                                    \
  static inline void hyb_conv_at_4_##suffix(const hyb_layer *p, const int16_t *x, int32_t c0, int32_t c1,              \
                                            int32_t *acc, type *to) {                                                  \
    for (int32_t c = c0 & ~1; c < c1; c += 2) {                                                                        \
      hyb_conv_sums_at_4(p, x, c, acc);                                                                                \
      if (c >= c0) hyb_store_at_4_##suffix(p, acc, c, to);                                                             \
      if (c + 1 < c1) hyb_store_at_4_##suffix(p, acc + 4, c + 1, to);                                                  \
    }                                                                                                                  \
  }

HYB_DEFINE_CONV_AT_4(u8, uint8_t)
HYB_DEFINE_CONV_AT_4(s8, int8_t)
HYB_DEFINE_CONV_AT_4(s16, int16_t)

/* A `point`: channels [c0, c1), whole fours, of the position at `to`, straight from the bytes at x. */
#define HYB_DEFINE_CONV_POINT(is, it, os, ot)                                                                          \
  HYB_SHARED void hyb_conv_point_##is##_##os(const hyb_layer *p, const it *x, int32_t c0, int32_t c1, ot *to) {        \
    const int8_t *w = p->weights + c0 * p->taps;                                                                       \
    const int32_t *bias = p->bias + c0, *m = p->multiplier + c0;                                                       \
    const uint8_t *s = p->shift + c0;                                                                                  \
    const int32_t taps = p->taps;                                                                                      \
    ot *const end = to + c1;                                                                                           \
    for (to += c0; to != end; to += 4, bias += 4, m += 4, s += 4) {                                                    \
      const hyb_conv_sums_of_4 sum = hyb_conv_four_##is(x, &w, taps, bias);                                            \
      HYB_CONV_STORE_4(os, ot, sum, m, s, to);                                                                         \
    }                                                                                                                  \
  }

#else

#define HYB_DEFINE_SPLIT(suffix, type)                                                                                 \
  static inline void hyb_split_4_##suffix(int16_t *to, const type *from) {                                             \
    to[0] = from[0], to[1] = from[2], to[2] = from[1], to[3] = from[3];                                                \
  }

HYB_DEFINE_SPLIT(u8, uint8_t)
HYB_DEFINE_SPLIT(s8, int8_t)

#define HYB_WIDEN(suffix, to, from, n)                                                                                 \
  do {                                                                                                                 \
    for (; (n) > 0; (n)--) *(to)++ = *(from)++;                                                                        \
  } while (0)

/* Sums of channels [c0, c1) at one position; acc[0] is that of channel c0 rounded down to a multiple of 4. */
HYB_SHARED void hyb_conv_sums(const hyb_layer *p, const int16_t *x, int32_t c0, int32_t c1, int32_t *acc) {
  const int8_t *w = p->weights + (c0 & ~3) * p->taps;
  for (int32_t c = c0 & ~3; c < c1; c += 2) {
    const int16_t *at = x, *end = x + p->taps;
    int32_t first = p->bias[c], second = p->bias[c + 1];
    for (; at != end; at += 4, w += 8) {
      first += (int32_t)at[0] * w[0];
      second += (int32_t)at[0] * w[1];
      first += (int32_t)at[1] * w[2];
      second += (int32_t)at[1] * w[3];
      first += (int32_t)at[2] * w[4];
      second += (int32_t)at[2] * w[5];
      first += (int32_t)at[3] * w[6];
      second += (int32_t)at[3] * w[7];
    }
    *acc++ = first;
    *acc++ = second;
  }
}

#define HYB_DEFINE_CONV_AT_1(suffix, type)                                                                             \
  static inline void hyb_conv_at_1_##suffix(const hyb_layer *p, const int16_t *x, int32_t c0, int32_t c1,              \
                                            int32_t *acc, type *to) {                                                  \
    hyb_conv_sums(p, x, c0, c1, acc);                                                                                  \
    hyb_store_##suffix(p, acc + (c0 & 3), c0, c1, to);                                                                 \
  }

HYB_DEFINE_CONV_AT_1(u8, uint8_t)
HYB_DEFINE_CONV_AT_1(s8, int8_t)
HYB_DEFINE_CONV_AT_1(s16, int16_t)

#endif

/* Elements of the input before the one position that a pointwise convolution looks at. */
static inline int32_t hyb_conv_under(const hyb_layer *p, int32_t t, int32_t b) {
  return (t * p->stride_t * p->in_bands + b * p->stride_b) * p->in_channels;
}

/* n elements as the taps of a pointwise convolution, zeros up to a multiple of 4. */
#define HYB_DEFINE_TAPS(suffix, type)                                                                                  \
  static inline void hyb_conv_taps_of_##suffix(int16_t *to, const type *from, int32_t n) {                             \
    for (; n >= 4; n -= 4, to += 4, from += 4) hyb_split_4_##suffix(to, from);                                         \
    if (n > 0) {                                                                                                       \
      to[0] = from[0];                                                                                                 \
      to[1] = n > 2 ? from[2] : 0;                                                                                     \
      to[2] = n > 1 ? from[1] : 0;                                                                                     \
      to[3] = 0;                                                                                                       \
    }                                                                                                                  \
  }

HYB_DEFINE_TAPS(u8, uint8_t)
HYB_DEFINE_TAPS(s8, int8_t)

static inline void hyb_conv_taps_of_s16(int16_t *to, const int16_t *from, int32_t n) {
  for (int32_t k = n; (k & 3) != 0; k++) to[k] = 0;
  HYB_WIDEN(s16, to, from, n);
}

/* The window of output position (t, b) as `taps` int16, zeros in the padding. */
#define HYB_DEFINE_GATHER(suffix, type)                                                                                \
  HYB_SHARED void hyb_conv_window_##suffix(const hyb_layer *p, const type *in, int32_t t, int32_t b, int16_t *x) {     \
    const hyb_window w = hyb_window_at(p, t, b);                                                                       \
    const int32_t line = p->kernel_b * p->in_channels, part = (w.j1 - w.j0) * p->in_channels;                          \
    const type *from = in + (w.t * p->in_bands + w.b) * p->in_channels;                                                \
    int32_t rows = w.i1 - w.i0, width = part;                                                                          \
    if (rows * part != p->taps) memset(x, 0, (size_t)p->taps * sizeof *x);                                             \
    if (p->kernel_b == p->in_bands && part == line) { /* one run of memory */                                          \
      width = rows * line;                                                                                             \
      rows = 1;                                                                                                        \
    }                                                                                                                  \
    x += w.i0 * line + w.j0 * p->in_channels;                                                                          \
    for (; rows > 0; rows--, x += line, from += p->in_bands * p->in_channels) {                                        \
      const type *source = from;                                                                                       \
      int16_t *to = x;                                                                                                 \
      int32_t n = width;                                                                                               \
      HYB_WIDEN(suffix, to, source, n);                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  HYB_SHARED void hyb_conv_gather_##suffix(const hyb_layer *p, const type *in, int32_t t, int32_t b, int16_t *x) {     \
    if (p->kernel_t * p->kernel_b == 1) { /* pointwise */                                                              \
      hyb_conv_taps_of_##suffix(x, in + hyb_conv_under(p, t, b), p->in_channels);                                      \
    } else {                                                                                                           \
      hyb_conv_window_##suffix(p, in, t, b, x);                                                                        \
    }                                                                                                                  \
  }

HYB_DEFINE_GATHER(u8, uint8_t)
HYB_DEFINE_GATHER(s8, int8_t)
HYB_DEFINE_GATHER(s16, int16_t)

/* Scratch: sums of all channels (up to a multiple of 4, and 4 more), a window, and `block` windows side by side. */
static inline int16_t *hyb_conv_scratch(const hyb_layer *p, void *scratch) {
  return (int16_t *)((int32_t *)scratch + ((p->channels + 3) & ~3) + 4);
}

#ifdef HYB_SIMD
/* Four positions at a time, as long as they are neighbours in memory; moves `at` past them. */
#define HYB_DEFINE_CONV_BLOCKS(is, it, os, ot)                                                                         \
  static inline void hyb_conv_blocks_##is##_##os(const hyb_layer *p, const it *in, const hyb_box *box, hyb_walk *at,   \
                                                 int32_t *acc, int16_t *x, ot *out) {                                  \
    int16_t *beside = x + p->taps;                                                                                     \
    if (box->b1 - box->b0 != p->bands || p->block != 4 || !p->high) return;                                            \
    while (at->left >= 4) {                                                                                            \
      ot *to = out + hyb_offset(p, at);                                                                                \
      for (int32_t k = 0; k < 8; k += 2, hyb_next(box, at)) {                                                          \
        hyb_conv_gather_##is(p, in, at->t, at->b, x);                                                                  \
        hyb_conv_beside(beside + k, x, p->taps);                                                                       \
      }                                                                                                                \
      hyb_conv_at_4_##os(p, beside, box->c0, box->c1, acc, to);                                                        \
    }                                                                                                                  \
  }
#define HYB_CONV_BLOCKS(is, os) hyb_conv_blocks_##is##_##os(p, in, box, &at, acc, x, out)
#define HYB_OF_u8(...) __VA_ARGS__
#define HYB_OF_s8(...) __VA_ARGS__
#else
#define HYB_DEFINE_CONV_BLOCKS(is, it, os, ot)
#define HYB_CONV_BLOCKS(is, os) (void)0
#define HYB_OF_u8(...)
#define HYB_OF_s8(...)
#endif
#define HYB_OF_s16(...)

/* Whether a box is one position, and whole fours of channels. */
static inline int32_t hyb_is_one(const hyb_box *box) {
  return box->t1 - box->t0 == 1 && box->b1 - box->b0 == 1 && ((box->c0 | box->c1) & 3) == 0;
}

/* A box of the output. in, out: whole maps; scratch: see hyb_conv_scratch, 8-byte aligned. */
#define HYB_DEFINE_CONV(is, it, os, ot)                                                                                \
  HYB_DEFINE_CONV_BLOCKS(is, it, os, ot)                                                                               \
  HYB_OF_##is(HYB_DEFINE_CONV_POINT(is, it, os, ot))                                                                   \
  HYB_SHARED void hyb_conv_box_##is##_##os(const hyb_layer *p, const it *in, const hyb_box *box, void *scratch,        \
                                           ot *out) {                                                                  \
    int32_t *acc = (int32_t *)scratch;                                                                                 \
    int16_t *x = hyb_conv_scratch(p, scratch);                                                                         \
    hyb_walk at = hyb_first(box);                                                                                      \
    HYB_CONV_BLOCKS(is, os);                                                                                           \
    for (; at.left > 0; hyb_next(box, &at)) {                                                                          \
      hyb_conv_gather_##is(p, in, at.t, at.b, x);                                                                      \
      hyb_conv_at_1_##os(p, x, box->c0, box->c1, acc, out + hyb_offset(p, &at));                                       \
    }                                                                                                                  \
  }                                                                                                                    \
  HYB_SHARED void hyb_conv_##is##_##os(const hyb_layer *p, const it *in, const hyb_box *box, void *scratch, ot *out) { \
    HYB_OF_##is(if (p->point && hyb_is_one(box)) {                                                                     \
      const int32_t to = (box->t0 * p->bands + box->b0) * p->channels;                                                 \
      hyb_conv_point_##is##_##os(p, in + hyb_conv_under(p, box->t0, box->b0), box->c0, box->c1, out + to);             \
      return;                                                                                                          \
    })                                                                                                                 \
    hyb_conv_box_##is##_##os(p, in, box, scratch, out);                                                                \
  }

HYB_FOR_TYPES(HYB_DEFINE_CONV)

#endif /* HYB_CONV_H */
