/* Power spectrum of int16 frames: Hann window, block floating point FFT over packed int16 pairs, real split.
 * Equals feature_extractors/fixed_fft.py bit for bit, which explains the number format and why nothing overflows.
 * One frame is worked on in place in `frame / 2 + 1` words; control flow does not depend on the samples. */
#ifndef HYB_FFT_H
#define HYB_FFT_H
#include "hyb_core.h"
#include "hyb_frame.h"

typedef struct {
  const int16_t *window;    /* first half of the window, Q15; the second half is 32767 minus the first */
  const uint32_t *twiddles; /* pairs (cos, sin), Q15: of each pass [j][2j, j, 3j], then of the split */
  int32_t frame;            /* 128, 256, 512 or 1024 */
} hyb_fft;

typedef struct {
  int32_t re, im;
} hyb_complex;

static inline hyb_complex hyb_point(int32_t re, int32_t im) {
  hyb_complex z;
  z.re = re;
  z.im = im;
  return z;
}

/* Half of point z turned by -w, rounded: SMLAD, SMLSDX and PKHTB on a Cortex-M4. */
static inline hyb_complex hyb_fft_turn(uint32_t z, uint32_t w) {
  const int32_t re = hyb_low(z), im = hyb_high(z), c = hyb_low(w), s = hyb_high(w);
  return hyb_point((re * c + im * s + 0x8000) >> 16, (im * c - re * s + 0x8000) >> 16);
}

/* Store a point; returns the bits that it needs. */
static inline uint32_t hyb_fft_store(uint32_t *z, int32_t re, int32_t im) {
  *z = hyb_pair(re, im);
  return hyb_magnitude_bits(re) | hyb_magnitude_bits(im);
}

/* 4-point DFT of points in bit-reversed order (0, 2, 1, 3) into z[0], z[step], ...; sums shifted right by `lose`. */
static inline uint32_t hyb_fft_butterfly(uint32_t *z, int32_t step, hyb_complex y0, hyb_complex y1, hyb_complex y2,
                                         hyb_complex y3, int32_t lose) {
  const hyb_complex a = hyb_point(y0.re + y1.re, y0.im + y1.im), b = hyb_point(y0.re - y1.re, y0.im - y1.im);
  const hyb_complex c = hyb_point(y2.re + y3.re, y2.im + y3.im), d = hyb_point(y2.re - y3.re, y2.im - y3.im);
  uint32_t seen = hyb_fft_store(z, (a.re + c.re) >> lose, (a.im + c.im) >> lose);
  seen |= hyb_fft_store(z + step, (b.re + d.im) >> lose, (b.im - d.re) >> lose);
  seen |= hyb_fft_store(z + 2 * step, (a.re - c.re) >> lose, (a.im - c.im) >> lose);
  return seen | hyb_fft_store(z + 3 * step, (b.re - d.im) >> lose, (b.im + d.re) >> lose);
}

/* Two neighbouring samples times two window values, as one point. */
static inline hyb_complex hyb_fft_windowed(const int16_t *x, int32_t w0, int32_t w1, int32_t shift) {
  const int32_t half = (int32_t)1 << (shift - 1);
  return hyb_point((x[0] * w0 + half) >> shift, (x[1] * w1 + half) >> shift);
}

/* The successor of r when numbers count with their bits reversed, `top` being the highest bit. */
static inline uint32_t hyb_reverse_next(uint32_t r, uint32_t top) {
  while ((r & top) != 0) {
    r ^= top;
    top >>= 1;
  }
  return r | top;
}

/* Window and first pass, radix 4: points i, i + n/2, i + n/4, i + 3n/4 become four neighbours. */
static inline uint32_t hyb_fft_first4(const int16_t *x, const int16_t *w, int32_t points, int32_t shift, uint32_t *z) {
  const int32_t quarter = points / 4, far = points / 2;
  uint32_t seen = 0, reversed = 0;
  for (int32_t i = 0; i < quarter; i++) {
    const int16_t *xi = x + 2 * i, *wi = w + 2 * i;
    seen |= hyb_fft_butterfly(z + 4 * reversed, 1, hyb_fft_windowed(xi, wi[0], wi[1], shift),
                              hyb_fft_windowed(xi + points, 32767 - wi[0], 32767 - wi[1], shift),
                              hyb_fft_windowed(xi + far, wi[far], wi[far + 1], shift),
                              hyb_fft_windowed(xi + points + far, 32767 - wi[far], 32767 - wi[far + 1], shift), 1);
    reversed = hyb_reverse_next(reversed, (uint32_t)quarter / 2);
  }
  return seen;
}

/* Window and first pass, radix 2: points i and i + n/2 become neighbours. */
static inline uint32_t hyb_fft_first2(const int16_t *x, const int16_t *w, int32_t points, int32_t shift, uint32_t *z) {
  uint32_t seen = 0, reversed = 0;
  for (int32_t i = 0; i < points / 2; i++) {
    const int16_t *xi = x + 2 * i, *wi = w + 2 * i;
    const hyb_complex a = hyb_fft_windowed(xi, wi[0], wi[1], shift);
    const hyb_complex b = hyb_fft_windowed(xi + points, 32767 - wi[0], 32767 - wi[1], shift);
    seen |= hyb_fft_store(z + 2 * reversed, a.re + b.re, a.im + b.im);
    seen |= hyb_fft_store(z + 2 * reversed + 1, a.re - b.re, a.im - b.im);
    reversed = hyb_reverse_next(reversed, (uint32_t)points / 4);
  }
  return seen;
}

/* One twiddled radix-4 pass over butterflies whose points are `quarter` apart. `coarse`: lose two bits, not one. */
static inline uint32_t hyb_fft_pass(uint32_t *z, int32_t points, int32_t quarter, const uint32_t *w, int32_t coarse) {
  uint32_t seen = 0;
  for (int32_t j = 0; j < quarter; j++, w += 3) {
    for (int32_t i = j; i < points; i += 4 * quarter) {
      uint32_t *at = z + i;
      const hyb_complex y0 = hyb_point((hyb_low(at[0]) + 1) >> 1, (hyb_high(at[0]) + 1) >> 1);
      seen |= hyb_fft_butterfly(at, quarter, y0, hyb_fft_turn(at[quarter], w[0]), hyb_fft_turn(at[2 * quarter], w[1]),
                                hyb_fft_turn(at[3 * quarter], w[2]), coarse);
    }
  }
  return seen;
}

static inline uint32_t hyb_fft_square(int32_t re, int32_t im) { return (uint32_t)(re * re + im * im); }

/* Points -> power of half the real spectrum, in place: `points` words in, `points + 1` words out, below 2**30. */
static inline void hyb_fft_split(uint32_t *z, int32_t points, const uint32_t *w) {
  const int32_t half = points / 2, re0 = hyb_low(z[0]), im0 = hyb_high(z[0]);
  z[0] = hyb_fft_square((re0 + im0) >> 1, 0);
  z[points] = hyb_fft_square((re0 - im0) >> 1, 0);
  for (int32_t k = 1; k < half; k++) {
    const uint32_t a = z[k], b = z[points - k];
    const int32_t s_re = (((hyb_low(a) + hyb_low(b)) >> 1) + 1) >> 1;
    const int32_t s_im = (((hyb_high(a) - hyb_high(b)) >> 1) + 1) >> 1;
    const int32_t d_re = (hyb_low(a) - hyb_low(b)) >> 1, d_im = (hyb_high(a) + hyb_high(b)) >> 1;
    const int32_t c = hyb_low(w[k - 1]), s = hyb_high(w[k - 1]);
    const int32_t t_re = (d_im * c - d_re * s + 0x8000) >> 16, t_im = (d_re * c + d_im * s + 0x8000) >> 16;
    z[k] = hyb_fft_square(s_re + t_re, s_im - t_im);
    z[points - k] = hyb_fft_square(s_re - t_re, s_im + t_im);
  }
  z[half] = hyb_fft_square((hyb_low(z[half]) + 1) >> 1, (hyb_high(z[half]) + 1) >> 1);
}

/* Power of the frame / 2 + 1 bins of one frame into z. Returns the exponent e: true power = z * 4**e. */
static inline int32_t hyb_fft_power(const hyb_fft *p, const int16_t *x, uint32_t *z) {
  const int32_t points = p->frame / 2, bits = hyb_peak_bits(x, p->frame);
  const uint32_t *w = p->twiddles;
  const int32_t radix4 = ((uint32_t)points & 0x55555555u) != 0; /* points is a power of 4 */
  int32_t quarter = radix4 ? 4 : 2, exponent = bits + 2 + radix4;
  uint32_t seen = radix4 ? hyb_fft_first4(x, p->window, points, bits + 2, z)
                         : hyb_fft_first2(x, p->window, points, bits + 2, z);
  for (; quarter < points; quarter *= 4) {
    const int32_t coarse = (seen >> 13) != 0;
    seen = hyb_fft_pass(z, points, quarter, w, coarse);
    exponent += 1 + coarse;
    w += 3 * quarter;
  }
  hyb_fft_split(z, points, w);
  return exponent + 1;
}

#endif /* HYB_FFT_H */
