/* What a frame of samples says without an FFT: peak, energy, zero crossings; and the integer logarithm.
 * Equals feature_extractors/fixed_log2.py and feature_extractors/ops/{frame_energy,zero_crossings}.py bit for bit.
 * A frame of n samples is at most 2**15 long. */
#ifndef HYB_FRAME_H
#define HYB_FRAME_H
#include "hyb_core.h"
#include "hyb_pair.h"

/* 2**15 * log2(x), x in [1, 2**62): top bit, 32 chords of log2(1 + f), linear between them. Monotone. */
HYB_SHARED int32_t hyb_log2_q15(uint64_t x) {
  static const uint16_t chords[33] = {0,     1455,  2866,  4236,  5568,  6863,  8124,  9352,  10549, 11716, 12855,
                                      13968, 15055, 16117, 17156, 18173, 19168, 20143, 21098, 22034, 22952, 23852,
                                      24736, 25604, 26455, 27292, 28114, 28922, 29717, 30498, 31267, 32024, 32768};
  uint32_t mantissa;
  const int32_t top = hyb_top_bit_64(x, &mantissa);
  const uint16_t *chord = chords + ((mantissa >> 26) & 31u);
#ifdef HYB_SIMD
  const uint32_t both = hyb_load(chord), left = both & 0xFFFFu, rise = (both >> 16) - left;
#else
  const uint32_t left = chord[0], rise = chord[1] - left;
#endif
  const uint32_t between = (mantissa >> 10) & 0xFFFFu;
  return (top << 15) + (int32_t)(left + ((rise * between + 0x8000u) >> 16));
}

#ifdef HYB_SIMD

/* Four words are loaded at once where samples are aligned to words: else every third instruction is a load. */
#define HYB_FOUR_WORDS "ldmia %0!, {r8, r10, r12, lr}\n\t"
#define HYB_FOUR_UNALIGNED                                                                                             \
  "ldr r8, [ %0 ], #4\n\tldr r10, [ %0 ], #4\n\tldr r12, [ %0 ], #4\n\tldr lr, [ %0 ], #4\n\t"
#define HYB_FOUR_LOADED "r8", "r10", "r12", "lr", "memory"

/* Where bits of two neighbouring samples differ from the bit to the right of them. Bits 0 and 16 say nothing. */
#define HYB_PEAK(pair) "eor " pair ", " pair ", " pair ", lsl #1\n\torr %1, %1, " pair "\n\t"
#define HYB_PEAKS HYB_PEAK("r8") HYB_PEAK("r10") HYB_PEAK("r12") HYB_PEAK("lr")
#define HYB_SIXTEEN_PEAKS(load) __asm__(load HYB_PEAKS load HYB_PEAKS : "+&r"(x), "+&r"(seen) : : HYB_FOUR_LOADED)

/* Smallest p, 0 .. 15, with every sample in [-2**p, 2**p). n: a multiple of 32. */
HYB_SHARED int32_t hyb_peak_bits(const int16_t *x, int32_t n) {
  const int16_t *const end = x + n;
  uint32_t seen = 0;
  if (((uintptr_t)x & 3) != 0) {
    while (x != end) HYB_SIXTEEN_PEAKS(HYB_FOUR_UNALIGNED);
  } else {
    while (x != end) {
      HYB_SIXTEEN_PEAKS(HYB_FOUR_WORDS);
      HYB_SIXTEEN_PEAKS(HYB_FOUR_WORDS);
    }
  }
  return hyb_top_bit(((seen | seen >> 16) & 0xFFFEu) | 1u);
}

#else

/* Where bits of a sample differ from the bit to the right of them. Bit 0 says nothing. */
HYB_INLINED uint32_t hyb_sample_peak(const int16_t *x) {
  const uint32_t sample = (uint16_t)*x;
  return sample ^ (sample << 1);
}

/* Smallest p, 0 .. 15, with every sample in [-2**p, 2**p). n: a multiple of 8. */
HYB_SHARED int32_t hyb_peak_bits(const int16_t *x, int32_t n) {
  uint32_t seen = 0;
  for (const int16_t *end = x + n; x != end; x += 8) {
    seen |= hyb_sample_peak(x) | hyb_sample_peak(x + 1) | hyb_sample_peak(x + 2) | hyb_sample_peak(x + 3);
    seen |= hyb_sample_peak(x + 4) | hyb_sample_peak(x + 5) | hyb_sample_peak(x + 6) | hyb_sample_peak(x + 7);
  }
  return hyb_top_bit((seen & 0xFFFEu) | 1u);
}

#endif

/* Sum of the squares of n samples. */
HYB_INLINED uint64_t hyb_sum_of_squares(const int16_t *x, int32_t n) {
  uint64_t sum = (n & 1) != 0 ? (uint32_t)((int32_t)x[n - 1] * x[n - 1]) : 0;
#ifdef HYB_SIMD
  HYB_REPEAT(n / 2, sum = hyb_smlald(hyb_load(x), hyb_load(x), sum); x += 2);
#else
  HYB_REPEAT(n / 2, sum += (uint32_t)((int32_t)x[0] * x[0]) + (uint32_t)((int32_t)x[1] * x[1]); x += 2);
#endif
  return sum;
}

/* Two more samples in a sum and in a sum of squares. */
HYB_INLINED uint64_t hyb_two_more(const int16_t *x, uint64_t squares, int32_t *sum) {
#ifdef HYB_SIMD
  const uint32_t pair = hyb_load(x);
  *sum = hyb_smlad(pair, 0x00010001u, *sum);
  return hyb_smlald(pair, pair, squares);
#else
  const int32_t a = x[0], b = x[1];
  *sum += a + b;
  return squares + ((uint32_t)(a * a) + (uint32_t)(b * b));
#endif
}

#ifdef HYB_SIMD
#define HYB_MORE(pair) "smlad %1, " pair ", %3, %1\n\tsmlald %Q2, %R2, " pair ", " pair "\n\t"
#define HYB_EIGHT_MORE HYB_FOUR_WORDS HYB_MORE("r8") HYB_MORE("r10") HYB_MORE("r12") HYB_MORE("lr")
#endif

/* Sum of the squares of n samples; *total becomes the sum of the samples. */
HYB_INLINED uint64_t hyb_sums(const int16_t *x, int32_t n, int32_t *total) {
  int32_t sum = (n & 1) != 0 ? x[n - 1] : 0;
  uint64_t squares = (uint32_t)(sum * sum);
#ifdef HYB_SIMD
  if (((uintptr_t)x & 3) == 0)
    for (; n >= 16; n -= 16)
      __asm__(HYB_EIGHT_MORE HYB_EIGHT_MORE
              : "+&r"(x), "+&r"(sum), "+&r"(squares)
              : "r"(0x00010001u)
              : HYB_FOUR_LOADED);
#endif
  HYB_REPEAT(n / 2, squares = hyb_two_more(x, squares, &sum); x += 2);
  *total = sum;
  return squares;
}

/* How often the sign changes from one of n samples to the next. */
HYB_INLINED uint32_t hyb_sign_changes(const int16_t *x, int32_t n) {
  uint32_t changes = (n & 1) != 0 ? 0 : (uint32_t)(x[n - 2] ^ x[n - 1]) >> 31;
#ifdef HYB_SIMD
  uint32_t pairs = 0; /* even and odd places, counted in halves: at most 2**14 each */
  HYB_REPEAT((n - 1) / 2, pairs += ((hyb_load(x) ^ hyb_load(x + 1)) & 0x80008000u) >> 15; x += 2);
  return changes + (pairs & 0xFFFFu) + (pairs >> 16);
#else
  HYB_REPEAT((n - 1) / 2, changes += ((uint32_t)(x[0] ^ x[1]) >> 31) + ((uint32_t)(x[1] ^ x[2]) >> 31); x += 2);
  return changes;
#endif
}

/* round(256 * log2(sum of squares + 1)) of frames [t0, t1), which start every `hop` samples. */
static inline void hyb_frame_energy(const int16_t *pcm, int32_t frame, int32_t hop, int32_t t0, int32_t t1,
                                    int16_t *out) {
  for (int32_t t = t0; t < t1; t++) {
    const uint64_t sum = hyb_sum_of_squares(pcm + t * hop, frame);
    out[t] = (int16_t)((hyb_log2_q15(sum + 1) + 64) >> 7);
  }
}

/* The same of the samples less their mean, times `frame`: round(256 * log2(frame * sum of squares - sum**2 + 1)).
 * Sums stay within 2**30, their squares and the products within 2**60. */
static inline void hyb_frame_energy_centred(const int16_t *pcm, int32_t frame, int32_t hop, int32_t t0, int32_t t1,
                                            int16_t *out) {
  for (int32_t t = t0; t < t1; t++) {
    int32_t sum;
    const uint64_t squares = hyb_sums(pcm + t * hop, frame, &sum);
    const uint64_t high = hyb_mac_u32_u16(0, (uint32_t)(squares >> 32), (uint16_t)frame) << 32;
    const uint64_t whole = hyb_mac_u32_u16(high, (uint32_t)squares, (uint16_t)frame);
    out[t] = (int16_t)((hyb_log2_q15(whole - hyb_square(sum) + 1) + 64) >> 7);
  }
}

/* Sign changes inside frames [t0, t1); zero counts as positive. */
static inline void hyb_zero_crossings(const int16_t *pcm, int32_t frame, int32_t hop, int32_t t0, int32_t t1,
                                      int16_t *out) {
  for (int32_t t = t0; t < t1; t++) out[t] = (int16_t)hyb_sign_changes(pcm + t * hop, frame);
}

/* The largest of n numbers, none below 0. */
HYB_INLINED int32_t hyb_largest(const int16_t *x, int32_t n) {
#ifdef HYB_SIMD
  uint32_t high = hyb_pair(x[n - 1], x[n - 1]);
  for (int32_t left = n / 2; left > 0; left--, x += 2) high = hyb_lanes_max_s16(high, hyb_load(x));
  return hyb_max(hyb_low(high), hyb_high(high));
#else
  int32_t most = 0;
  for (const int16_t *end = x + n; x != end; x++) most = hyb_max(most, *x);
  return most;
#endif
}

/* First of the `frames` frames that hold the most sound, by n log2 energies, at one of `places` multiples of `step`
 * beside 0. What lies more than `deep` under the loudest counts as nothing; feature_extractors/ops/place.py. */
HYB_SHARED int16_t hyb_place(const int16_t *energies, int32_t n, int32_t frames, int32_t places, int32_t step,
                             int32_t deep) {
  const int32_t lowest = hyb_largest(energies, n) - deep;
  const int16_t *leaves = energies, *enters = energies + frames;
  int32_t sum = 0, most = 0, first = 0, last = 0; /* sums less that of the first place */
  for (int32_t place = 1; place <= places; place++) {
    for (int32_t left = step; left > 0; left--) {
      sum += hyb_max(*enters++ - lowest, 0) - hyb_max(*leaves++ - lowest, 0);
    }
    if (sum > most) {
      most = sum;
      first = place;
    }
    if (sum == most) last = place;
  }
  return (int16_t)((first + last) / 2 * step);
}

/* How unsteady n values x are, after sums over `width` neighbours: the largest sum less the mean one (times their
 * number) and less the smallest one, shifted right and rounded; feature_extractors/ops/contrast.py.
 * The extremes are held as what the last sum lies under and over them: so they cost no comparison. */
HYB_SHARED void hyb_contrast(const int16_t *x, int32_t n, int32_t width, int32_t mean_shift, int32_t range_shift,
                             int16_t *out) {
  int32_t sum = 0, under = 0, over = 0;
  for (int32_t i = 0; i < width; i++) sum += x[i];
  const int32_t places = n - width + 1;
  int32_t total = sum;
  for (const int16_t *end = x + places - 1; x != end; x++) {
    const int32_t step = x[width] - x[0];
    sum += step;
    total += sum;
    under = hyb_min(under + step, 0);
    over = hyb_max(over + step, 0);
  }
  out[0] = (int16_t)hyb_shift_round(places * (sum - under) - total, mean_shift);
  out[1] = (int16_t)hyb_shift_round(over - under, range_shift);
}

#endif /* HYB_FRAME_H */
