/* Power spectrum of int16 frames: Hann window, block floating point FFT over packed int16 pairs, real split.
 * Equals feature_extractors/fixed_fft.py bit for bit, which explains the number format and why nothing overflows.
 * One frame is worked on in place in `frame / 2 + 1` words. Of the samples, control flow depends on one thing: whether
 * a pass is coarse, which costs the same but for the few instructions by which two compiled loops differ.
 *
 * The passes are written once, over complex points: packed pairs with the DSP extension, two int32 without. */
#ifndef HYB_FFT_H
#define HYB_FFT_H
#include "hyb_core.h"
#include "hyb_frame.h"
#include "hyb_pair.h"

typedef struct {
  const int16_t *window;    /* first half of the window, Q15; the second half is 32767 minus the first */
  const uint32_t *twiddles; /* pairs (cos, sin), Q15: of each pass but the last [j][2j, j, 3j], then hyb_fft_last's */
} hyb_fft;

/* The operations on points; what they compute is said at the portable ones below. */
#ifdef HYB_SIMD

typedef uint32_t hyb_complex;

HYB_INLINED hyb_complex hyb_fft_load(const uint32_t *z) { return *z; }

HYB_INLINED uint32_t hyb_fft_pack(hyb_complex z) { return z; }

/* Two neighbouring samples times two window values, as one point. */
HYB_INLINED hyb_complex hyb_fft_windowed(const int16_t *x, uint32_t w, int32_t shift) {
  const uint32_t pair = hyb_load(x);
  const int32_t half = (int32_t)1 << (shift - 1);
  return hyb_low_halves((uint32_t)(hyb_smlabb(pair, w, half) >> shift),
                        (uint32_t)(hyb_smlatt(pair, w, half) >> shift));
}

HYB_INLINED uint32_t hyb_fft_window(const int16_t *w) { return hyb_load(w); }

HYB_INLINED uint32_t hyb_fft_falling(uint32_t w) { return hyb_ssub16(0x7FFF7FFFu, w); }

/* Where butterfly i, counted in the upper bits, has its points: i with its bits reversed. */
HYB_INLINED uint32_t hyb_fft_place(uint32_t i, uint32_t before, uint32_t top) {
  (void)before;
  (void)top;
  return hyb_reversed(i);
}

HYB_INLINED hyb_complex hyb_fft_half(hyb_complex z) { return hyb_shadd16(z, 0x10001u); }

HYB_INLINED hyb_complex hyb_fft_turn(hyb_complex z, uint32_t w) {
  return hyb_high_halves((uint32_t)hyb_smlad(z, w, 0x8000), (uint32_t)hyb_smlsdx(w, z, 0x8000));
}

HYB_INLINED hyb_complex hyb_fft_turn_back(hyb_complex z, uint32_t w, int32_t re, int32_t im) {
  return hyb_high_halves((uint32_t)hyb_smlsd(z, w, re), (uint32_t)hyb_smladx(z, w, im));
}

HYB_INLINED hyb_complex hyb_fft_plus(hyb_complex a, hyb_complex b, int32_t halve) {
  return halve ? hyb_shadd16(a, b) : hyb_sadd16(a, b);
}

HYB_INLINED hyb_complex hyb_fft_minus(hyb_complex a, hyb_complex b, int32_t halve) {
  return halve ? hyb_shsub16(a, b) : hyb_ssub16(a, b);
}

HYB_INLINED hyb_complex hyb_fft_plus_i(hyb_complex a, hyb_complex b, int32_t halve) {
  return halve ? hyb_shasx(a, b) : hyb_sasx(a, b);
}

HYB_INLINED hyb_complex hyb_fft_minus_i(hyb_complex a, hyb_complex b, int32_t halve) {
  return halve ? hyb_shsax(a, b) : hyb_ssax(a, b);
}

HYB_INLINED hyb_complex hyb_fft_swapped(hyb_complex z) { return (z >> 16) | (z << 16); }

HYB_INLINED uint32_t hyb_fft_norm(hyb_complex z) { return hyb_smuad(z, z); }

/* What a pass sees of its results is kept in the saturation flag: no instruction but the test itself. */
HYB_INLINED uint32_t hyb_fft_nothing_seen(void) {
  hyb_forget_saturation();
  return 0;
}

HYB_INLINED uint32_t hyb_fft_put(uint32_t *z, hyb_complex point, uint32_t seen) {
  *z = point;
  hyb_note_above_13_bits(point);
  return seen;
}

HYB_INLINED int32_t hyb_fft_needs_coarse(uint32_t seen) { return hyb_saturation_noted() | (int32_t)seen; }

#else

typedef struct {
  int32_t re, im;
} hyb_complex;

HYB_INLINED hyb_complex hyb_fft_point(int32_t re, int32_t im) {
  hyb_complex z;
  z.re = re;
  z.im = im;
  return z;
}

HYB_INLINED hyb_complex hyb_fft_load(const uint32_t *z) { return hyb_fft_point(hyb_low(*z), hyb_high(*z)); }

HYB_INLINED uint32_t hyb_fft_pack(hyb_complex z) { return hyb_pair(z.re, z.im); }

/* Two neighbouring samples times two window values, as one point. */
HYB_INLINED hyb_complex hyb_fft_windowed(const int16_t *x, hyb_complex w, int32_t shift) {
  const int32_t half = (int32_t)1 << (shift - 1);
  return hyb_fft_point((x[0] * w.re + half) >> shift, (x[1] * w.im + half) >> shift);
}

HYB_INLINED hyb_complex hyb_fft_window(const int16_t *w) { return hyb_fft_point(w[0], w[1]); }

HYB_INLINED hyb_complex hyb_fft_falling(hyb_complex w) { return hyb_fft_point(32767 - w.re, 32767 - w.im); }

/* The successor of `before` when numbers count with their bits reversed, `top` being the highest bit. */
HYB_INLINED uint32_t hyb_fft_place(uint32_t i, uint32_t before, uint32_t top) {
  (void)i;
  while ((before & top) != 0) {
    before ^= top;
    top >>= 1;
  }
  return before | top;
}

/* Half of z, rounded upwards. */
HYB_INLINED hyb_complex hyb_fft_half(hyb_complex z) { return hyb_fft_point((z.re + 1) >> 1, (z.im + 1) >> 1); }

/* Half of z * conj(w), rounded. */
HYB_INLINED hyb_complex hyb_fft_turn(hyb_complex z, uint32_t w) {
  const int32_t c = hyb_low(w), s = hyb_high(w);
  return hyb_fft_point((z.re * c + z.im * s + 0x8000) >> 16, (z.im * c - z.re * s + 0x8000) >> 16);
}

/* Half of z * w, rounded with these addends. */
HYB_INLINED hyb_complex hyb_fft_turn_back(hyb_complex z, uint32_t w, int32_t re, int32_t im) {
  const int32_t c = hyb_low(w), s = hyb_high(w);
  return hyb_fft_point((z.re * c - z.im * s + re) >> 16, (z.re * s + z.im * c + im) >> 16);
}

/* Sums with b, -b, ib and -ib. halve: 1 halves them, flooring; else 0. */
HYB_INLINED hyb_complex hyb_fft_plus(hyb_complex a, hyb_complex b, int32_t halve) {
  return hyb_fft_point((a.re + b.re) >> halve, (a.im + b.im) >> halve);
}

HYB_INLINED hyb_complex hyb_fft_minus(hyb_complex a, hyb_complex b, int32_t halve) {
  return hyb_fft_point((a.re - b.re) >> halve, (a.im - b.im) >> halve);
}

HYB_INLINED hyb_complex hyb_fft_plus_i(hyb_complex a, hyb_complex b, int32_t halve) {
  return hyb_fft_point((a.re - b.im) >> halve, (a.im + b.re) >> halve);
}

HYB_INLINED hyb_complex hyb_fft_minus_i(hyb_complex a, hyb_complex b, int32_t halve) {
  return hyb_fft_point((a.re + b.im) >> halve, (a.im - b.re) >> halve);
}

HYB_INLINED hyb_complex hyb_fft_swapped(hyb_complex z) { return hyb_fft_point(z.im, z.re); }

HYB_INLINED uint32_t hyb_fft_norm(hyb_complex z) { return (uint32_t)(z.re * z.re + z.im * z.im); }

/* What a pass sees of its results: where bits differ from their right neighbours. */
HYB_INLINED uint32_t hyb_fft_nothing_seen(void) { return 0; }

HYB_INLINED uint32_t hyb_fft_put(uint32_t *z, hyb_complex point, uint32_t seen) {
  const uint32_t pair = hyb_fft_pack(point);
  *z = pair;
  return seen | (pair ^ (pair << 1));
}

/* 1 if any number seen is outside [-2**13, 2**13), else 0. */
HYB_INLINED int32_t hyb_fft_needs_coarse(uint32_t seen) { return (seen & 0xC000C000u) != 0; }

#endif

typedef struct {
  hyb_complex x[4];
} hyb_fft_four;

/* 4-point DFT of points in bit-reversed order (0, 2, 1, 3); coarse: the sums are halved. */
HYB_INLINED hyb_fft_four hyb_fft_butterfly(hyb_complex y0, hyb_complex y1, hyb_complex y2, hyb_complex y3,
                                           int32_t coarse) {
  const hyb_complex a = hyb_fft_plus(y0, y1, 0), b = hyb_fft_minus(y0, y1, 0);
  const hyb_complex c = hyb_fft_plus(y2, y3, 0), d = hyb_fft_minus(y2, y3, 0);
  hyb_fft_four y;
  y.x[0] = hyb_fft_plus(a, c, coarse);
  y.x[1] = hyb_fft_minus_i(b, d, coarse);
  y.x[2] = hyb_fft_minus(a, c, coarse);
  y.x[3] = hyb_fft_plus_i(b, d, coarse);
  return y;
}

HYB_INLINED uint32_t hyb_fft_put_four(uint32_t *z, int32_t step, hyb_fft_four y, uint32_t seen) {
  seen = hyb_fft_put(z, y.x[0], seen);
  seen = hyb_fft_put(z + step, y.x[1], seen);
  seen = hyb_fft_put(z + 2 * step, y.x[2], seen);
  return hyb_fft_put(z + 3 * step, y.x[3], seen);
}

/* The points of a twiddled butterfly, `quarter` apart, turned and transformed. w: cos and sin of 2j, j, 3j. */
HYB_INLINED hyb_fft_four hyb_fft_four_from(const uint32_t *z, int32_t quarter, uint32_t w0, uint32_t w1, uint32_t w2,
                                           int32_t coarse) {
  return hyb_fft_butterfly(hyb_fft_half(hyb_fft_load(z)), hyb_fft_turn(hyb_fft_load(z + quarter), w0),
                           hyb_fft_turn(hyb_fft_load(z + 2 * quarter), w1),
                           hyb_fft_turn(hyb_fft_load(z + 3 * quarter), w2), coarse);
}

/* Window and first pass, radix 4: points i, i + n/2, i + n/4, i + 3n/4 become four neighbours. All first and middle
 * passes return whether the next one must be coarse. */
HYB_SHARED int32_t hyb_fft_first4(const int16_t *x, const int16_t *w, int32_t points, int32_t shift, uint32_t *z) {
  const uint32_t step = 0x80000000u / (uint32_t)points * 2, top = (uint32_t)points / 2;
  const int32_t far = points / 2;
  uint32_t seen = hyb_fft_nothing_seen(), place = 0;
  for (uint32_t i = 0; i < 0x40000000u; x += 2, w += 2) {
    seen = hyb_fft_put_four(
        z + place, 1,
        hyb_fft_butterfly(hyb_fft_windowed(x, hyb_fft_window(w), shift),
                          hyb_fft_windowed(x + points, hyb_fft_falling(hyb_fft_window(w)), shift),
                          hyb_fft_windowed(x + far, hyb_fft_window(w + far), shift),
                          hyb_fft_windowed(x + points + far, hyb_fft_falling(hyb_fft_window(w + far)), shift), 1),
        seen);
    i += step;
    place = hyb_fft_place(i, place, top);
  }
  return hyb_fft_needs_coarse(seen);
}

/* Window and first pass, radix 2: points i and i + n/2 become neighbours. */
HYB_SHARED int32_t hyb_fft_first2(const int16_t *x, const int16_t *w, int32_t points, int32_t shift, uint32_t *z) {
  const uint32_t step = 0x80000000u / (uint32_t)points * 2, top = (uint32_t)points / 2;
  uint32_t seen = hyb_fft_nothing_seen(), place = 0;
  for (uint32_t i = 0; i < 0x80000000u; x += 2, w += 2) {
    const hyb_complex a = hyb_fft_windowed(x, hyb_fft_window(w), shift);
    const hyb_complex b = hyb_fft_windowed(x + points, hyb_fft_falling(hyb_fft_window(w)), shift);
    seen = hyb_fft_put(z + place, hyb_fft_plus(a, b, 0), seen);
    seen = hyb_fft_put(z + place + 1, hyb_fft_minus(a, b, 0), seen);
    i += step;
    place = hyb_fft_place(i, place, top);
  }
  return hyb_fft_needs_coarse(seen);
}

HYB_INLINED int32_t hyb_fft_pass_of(uint32_t *z, int32_t points, int32_t quarter, const uint32_t *w, int32_t coarse) {
  const uint32_t *end = z + points;
  uint32_t seen = hyb_fft_nothing_seen();
  for (int32_t j = 0; j < quarter; j++, w += 3) {
    const uint32_t w0 = w[0], w1 = w[1], w2 = w[2];
    uint32_t *at = z + j;
    do {
      seen = hyb_fft_put_four(at, quarter, hyb_fft_four_from(at, quarter, w0, w1, w2, coarse), seen);
      at += 4 * quarter;
    } while (at < end);
  }
  return hyb_fft_needs_coarse(seen);
}

/* The butterfly quarter - j with the twiddles of butterfly j: its angles are those of j taken from a half, a quarter
 * and three quarters of a turn. With t = z * w: y1 = -t1, y2 = -i t2, y3 = i t3; what is negated is rounded half down,
 * so that y is rounded half up. */
HYB_INLINED hyb_fft_four hyb_fft_mirrored_from(const uint32_t *z, int32_t quarter, uint32_t w0, uint32_t w1,
                                               uint32_t w2, int32_t coarse) {
  const hyb_complex y0 = hyb_fft_half(hyb_fft_load(z));
  const hyb_complex t1 = hyb_fft_turn_back(hyb_fft_load(z + quarter), w0, 0x7FFF, 0x7FFF);
  const hyb_complex t2 = hyb_fft_turn_back(hyb_fft_load(z + 2 * quarter), w1, 0x7FFF, 0x8000);
  const hyb_complex t3 = hyb_fft_turn_back(hyb_fft_load(z + 3 * quarter), w2, 0x8000, 0x7FFF);
  const hyb_complex a = hyb_fft_minus(y0, t1, 0), b = hyb_fft_plus(y0, t1, 0);
  const hyb_complex c = hyb_fft_minus(t2, t3, 0), d = hyb_fft_plus(t2, t3, 0);
  hyb_fft_four y;
  y.x[0] = hyb_fft_minus_i(a, c, coarse);
  y.x[1] = hyb_fft_minus(b, d, coarse);
  y.x[2] = hyb_fft_plus_i(a, c, coarse);
  y.x[3] = hyb_fft_plus(b, d, coarse);
  return y;
}

/* Power of the real bins k and points - k, at p and q, from points k (a) and points - k (b) of the complex spectrum.
 * cs: cosine and sine of bin k's angle. */
HYB_INLINED void hyb_fft_split(uint32_t *p, uint32_t *q, hyb_complex a, hyb_complex b, uint32_t cs) {
  const hyb_complex c = hyb_fft_swapped(b), s = hyb_fft_half(hyb_fft_minus_i(a, c, 1));
  const hyb_complex t = hyb_fft_turn(hyb_fft_plus_i(a, c, 1), cs);
  *p = hyb_fft_norm(hyb_fft_minus_i(s, t, 0));
  *q = hyb_fft_norm(hyb_fft_plus_i(s, t, 0));
}

/* The same where cs holds sine and cosine of bin k's angle. */
HYB_INLINED void hyb_fft_split_mirrored(uint32_t *p, uint32_t *q, hyb_complex a, hyb_complex b, uint32_t cs) {
  const hyb_complex c = hyb_fft_swapped(b), s = hyb_fft_half(hyb_fft_minus_i(a, c, 1));
  const hyb_complex t = hyb_fft_turn_back(hyb_fft_plus_i(a, c, 1), cs, 0x7FFF, 0x8000);
  *p = hyb_fft_norm(hyb_fft_minus(s, t, 0));
  *q = hyb_fft_norm(hyb_fft_plus(s, t, 0));
}

/* Power of bins 0 and points, at p and q, from point 0. */
HYB_INLINED void hyb_fft_split_ends(uint32_t *p, uint32_t *q, hyb_complex a) {
  const int32_t re = hyb_low(hyb_fft_pack(a)), im = hyb_high(hyb_fft_pack(a));
  const int32_t sum = (re + im) >> 1, difference = (re - im) >> 1;
  *p = (uint32_t)(sum * sum);
  *q = (uint32_t)(difference * difference);
}

/* The last pass and the split: points in, power of points + 1 bins out, below 2**30. Butterflies j and quarter - j make
 * four pairs of points k and points - k, so what they computed is squared before it is stored.
 * w: for j = 0 .. quarter / 2 the angles 2j, j, 3j of the pass, then those of bins j and j + quarter. */
HYB_INLINED void hyb_fft_last_of(uint32_t *z, int32_t quarter, const uint32_t *w, int32_t coarse) {
  const int32_t far = 2 * quarter, middle = quarter / 2;
  uint32_t *up = z, *down = z + quarter;
  hyb_fft_four u = hyb_fft_four_from(up, quarter, w[0], w[1], w[2], coarse), d;
  hyb_fft_split_ends(z, z + 2 * far, u.x[0]);
  z[far] = hyb_fft_norm(hyb_fft_half(u.x[2]));
  hyb_fft_split(z + quarter, z + far + quarter, u.x[1], u.x[3], w[4]);
  for (int32_t j = 1; j < middle; j++) {
    up++, down--, w += 5;
    u = hyb_fft_four_from(up, quarter, w[0], w[1], w[2], coarse);
    d = hyb_fft_mirrored_from(down, quarter, w[0], w[1], w[2], coarse);
    hyb_fft_split(up, down + far + quarter, u.x[0], d.x[3], w[3]);
    hyb_fft_split_mirrored(down + quarter, up + far, d.x[1], u.x[2], w[3]);
    hyb_fft_split(up + quarter, down + far, u.x[1], d.x[2], w[4]);
    hyb_fft_split_mirrored(down, up + far + quarter, d.x[0], u.x[3], w[4]);
  }
  up++, w += 5;
  u = hyb_fft_four_from(up, quarter, w[0], w[1], w[2], coarse);
  hyb_fft_split(up, up + far + quarter, u.x[0], u.x[3], w[3]);
  hyb_fft_split(up + quarter, up + far, u.x[1], u.x[2], w[4]);
}

/* A twiddled radix-4 pass over butterflies whose points are `quarter` apart. A coarse one loses two bits, not one. */
#ifdef HYB_SIMD
/* Halving is another instruction, not a shift, so there are two loops; and there is a function for each distance, which
 * a frame length uses two of at most (1024: three), since a constant one leaves registers for the points. */
#define HYB_DEFINE_PASS(quarter)                                                                                       \
  HYB_SHARED int32_t hyb_fft_pass##quarter(uint32_t *z, int32_t points, const uint32_t *w, int32_t coarse) {           \
    return coarse ? hyb_fft_pass_of(z, points, quarter, w, 1) : hyb_fft_pass_of(z, points, quarter, w, 0);             \
  }
HYB_DEFINE_PASS(2)
HYB_DEFINE_PASS(4)
HYB_DEFINE_PASS(8)
HYB_DEFINE_PASS(16)
HYB_DEFINE_PASS(32)
#undef HYB_DEFINE_PASS

HYB_INLINED int32_t hyb_fft_pass(uint32_t *z, int32_t points, int32_t quarter, const uint32_t *w, int32_t coarse) {
  switch (quarter) {
    case 2: return hyb_fft_pass2(z, points, w, coarse);
    case 4: return hyb_fft_pass4(z, points, w, coarse);
    case 8: return hyb_fft_pass8(z, points, w, coarse);
    case 16: return hyb_fft_pass16(z, points, w, coarse);
    default: return hyb_fft_pass32(z, points, w, coarse);
  }
}
#else
HYB_SHARED int32_t hyb_fft_pass(uint32_t *z, int32_t points, int32_t quarter, const uint32_t *w, int32_t coarse) {
  return hyb_fft_pass_of(z, points, quarter, w, coarse);
}
#endif

HYB_SHARED void hyb_fft_last(uint32_t *z, int32_t quarter, const uint32_t *w, int32_t coarse) {
#ifdef HYB_SIMD
  if (!coarse) {
    hyb_fft_last_of(z, quarter, w, 0);
    return;
  }
  coarse = 1;
#endif
  hyb_fft_last_of(z, quarter, w, coarse);
}

typedef struct {
  const uint32_t *w; /* the twiddles that come next */
  int32_t exponent, coarse;
} hyb_fft_progress;

HYB_INLINED hyb_fft_progress hyb_fft_next(hyb_fft_progress at, uint32_t *z, int32_t points, int32_t quarter) {
  at.exponent += 1 + at.coarse;
  at.coarse = hyb_fft_pass(z, points, quarter, at.w, at.coarse);
  at.w += 3 * quarter;
  return at;
}

/* Power of the frame / 2 + 1 bins of one frame of 128, 256, 512 or 1024 samples into z. Returns the exponent e: true
 * power = z * 4**e. */
static inline int32_t hyb_fft_power(const hyb_fft *p, int32_t frame, const int16_t *x, uint32_t *z) {
  const int32_t points = frame / 2, bits = hyb_peak_bits(x, frame);
  hyb_fft_progress at = {p->twiddles, bits + 2, 0};
  if (points == 64 || points == 256) {
    at.exponent++;
    at.coarse = hyb_fft_first4(x, p->window, points, bits + 2, z);
    at = hyb_fft_next(at, z, points, 4);
    if (points == 256) at = hyb_fft_next(at, z, points, 16);
  } else {
    at.coarse = hyb_fft_first2(x, p->window, points, bits + 2, z);
    at = hyb_fft_next(at, z, points, 2);
    at = hyb_fft_next(at, z, points, 8);
    if (points == 512) at = hyb_fft_next(at, z, points, 32);
  }
  hyb_fft_last(z, points / 4, at.w, at.coarse);
  return at.exponent + 2 + at.coarse;
}

#endif /* HYB_FFT_H */
