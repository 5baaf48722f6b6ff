/* What a frame of samples says without an FFT: peak, energy, zero crossings; and the integer logarithm.
 * Equals feature_extractors/fixed_log2.py and feature_extractors/ops/{frame_energy,zero_crossings}.py bit for bit.
 * A frame of n samples is at most 2**15 long. */
#ifndef HYB_FRAME_H
#define HYB_FRAME_H
#include "hyb_core.h"

/* 2**15 * log2(x), x in [1, 2**62): top bit, 32 chords of log2(1 + f), linear between them. Monotone. */
static inline int32_t hyb_log2_q15(uint64_t x) {
  static const uint16_t chords[33] = {0,     1455,  2866,  4236,  5568,  6863,  8124,  9352,  10549, 11716, 12855,
                                      13968, 15055, 16117, 17156, 18173, 19168, 20143, 21098, 22034, 22952, 23852,
                                      24736, 25604, 26455, 27292, 28114, 28922, 29717, 30498, 31267, 32024, 32768};
  const uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x;
  const uint32_t word = high != 0 ? high : low, below = high != 0 ? low : 0;
  const int32_t top = hyb_top_bit(word), shift = 31 - top;
  const uint32_t mantissa = (word << shift) | ((below >> 1) >> top);
  const uint32_t chord = (mantissa >> 26) & 31u, between = (mantissa >> 10) & 0xFFFFu;
  const uint32_t left = chords[chord], rise = chords[chord + 1] - left;
  return ((high != 0 ? top + 32 : top) << 15) + (int32_t)(left + ((rise * between + 0x8000u) >> 16));
}

/* The bits of x that a sign does not explain: x in [-2**p, 2**p) exactly if this is below 2**p. */
static inline uint32_t hyb_magnitude_bits(int32_t x) { return (uint32_t)(x ^ (x >> 31)); }

/* Smallest p, 0 .. 15, with every sample in [-2**p, 2**p). */
static inline int32_t hyb_peak_bits(const int16_t *x, int32_t n) {
  uint32_t seen = 0;
  for (int32_t i = 0; i < n; i++) seen |= hyb_magnitude_bits(x[i]);
  return hyb_top_bit((seen << 1) | 1u);
}

/* round(256 * log2(sum of squares + 1)) of frames [t0, t1), which start every `hop` samples. */
static inline void hyb_frame_energy(const int16_t *pcm, int32_t frame, int32_t hop, int32_t t0, int32_t t1,
                                    int16_t *out) {
  for (int32_t t = t0; t < t1; t++) {
    const int16_t *x = pcm + t * hop;
    uint64_t sum = 1;
    for (int32_t i = 0; i < frame; i++) sum += (uint32_t)((int32_t)x[i] * x[i]);
    out[t] = (int16_t)((hyb_log2_q15(sum) + 64) >> 7);
  }
}

/* Sign changes inside frames [t0, t1); zero counts as positive. */
static inline void hyb_zero_crossings(const int16_t *pcm, int32_t frame, int32_t hop, int32_t t0, int32_t t1,
                                      int16_t *out) {
  for (int32_t t = t0; t < t1; t++) {
    const int16_t *x = pcm + t * hop;
    uint32_t changes = 0;
    for (int32_t i = 1; i < frame; i++) changes += (uint32_t)(x[i - 1] ^ x[i]) >> 31;
    out[t] = (int16_t)changes;
  }
}

#endif /* HYB_FRAME_H */
