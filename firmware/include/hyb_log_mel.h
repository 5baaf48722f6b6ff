/* Log-mel spectrogram and its cosine transform, in integers.
 * Equals feature_extractors/ops/{log_mel,dct}.py bit for bit. */
#ifndef HYB_LOG_MEL_H
#define HYB_LOG_MEL_H
#include "hyb_core.h"
#include "hyb_fft.h"

typedef struct {
  hyb_fft fft;
  const uint16_t *edges;   /* [bands + 2]: first bin of each segment between mel points */
  const uint16_t *weights; /* of the bins from edges[0] on, in the rising filter; 65536 is 1 */
  const int32_t *offsets;  /* [bands]: Q15 addend of log2: scale, normalisation, floor, rounding half */
  int32_t hop, bands, hi;
} hyb_mel;

typedef struct {
  const uint32_t *bin;
  const uint16_t *weight;
  uint64_t power, rising; /* 65536 times the sum of power, and the sum of power times weight */
} hyb_mel_segment;

/* Sum up the bins before `end`. */
HYB_INLINED hyb_mel_segment hyb_mel_sums(hyb_mel_segment s, const uint32_t *end) {
#ifdef HYB_SMALL_CORE
  uint64_t power = 0;
  for (s.rising = 0; s.bin < end; s.bin++, s.weight++) {
    power += *s.bin;
    s.rising = hyb_mac_u32_u16(s.rising, *s.bin, *s.weight);
  }
  s.power += power << 16;
#else
  uint32_t one = 65536;
  HYB_OPAQUE(one);
  uint64_t power = s.power;
  for (s.rising = 0; s.bin < end; s.bin++, s.weight++) {
    HYB_OPAQUE(s.bin);
    HYB_OPAQUE(s.weight);
    power += (uint64_t)*s.bin * one;
    s.rising += (uint64_t)*s.bin * *s.weight;
  }
  s.power = power;
#endif
  return s;
}

/* x within 0 .. hi, in the same time for all x. */
HYB_INLINED int32_t hyb_mel_clamp(int32_t x, int32_t hi) {
#ifdef HYB_SMALL_CORE
  const int32_t over = (x & ~(x >> 31)) - hi;
  return hi + (over & (over >> 31));
#else
  return hyb_clamp(x, 0, hi); /* conditional moves */
#endif
}

/* Log-mel integers of one spectrum, see hyb_fft_power. */
HYB_SHARED void hyb_mel_bands(const hyb_mel *p, const uint32_t *spectrum, int32_t exponent, int16_t *out) {
  const uint16_t *edge = p->edges + 2, *last = edge + p->bands;
  const int32_t *offset = p->offsets;
  hyb_mel_segment s = {spectrum + p->edges[0], p->weights, 0, 0};
  s = hyb_mel_sums(s, spectrum + p->edges[1]);
  for (; edge != last; edge++) {
    s.power = s.rising; /* of the segment before, where this filter rises */
    s = hyb_mel_sums(s, spectrum + *edge);
    /* silence, too, has a logarithm */
    const int32_t octaves = hyb_log2_q15((s.power - s.rising) | 1u) + (exponent << 16) + *offset++;
    *out++ = (int16_t)hyb_mel_clamp(octaves >> 7, p->hi);
  }
}

/* Log-mel integers of frames [t0, t1). pcm: the whole window; out: the whole map; scratch: frame / 2 + 1 words. */
static inline void hyb_log_mel(const hyb_mel *p, int32_t frame, const int16_t *pcm, int32_t t0, int32_t t1,
                               int16_t *out, uint32_t *scratch) {
  for (int32_t t = t0; t < t1; t++) {
    const int32_t exponent = hyb_fft_power(&p->fft, frame, pcm + t * p->hop, scratch);
    hyb_mel_bands(p, scratch, exponent, out + t * p->bands);
  }
}

/* The same where bands are left out in between: `count` runs of neighbours, each with tables of its own, `bands` in all.
 * Segments of the spectrum that no run covers are not read. */
static inline void hyb_log_mel_runs(const hyb_mel *runs, int32_t count, int32_t bands, int32_t frame,
                                    const int16_t *pcm, int32_t t0, int32_t t1, int16_t *out, uint32_t *scratch) {
  out += t0 * bands;
  for (int32_t t = t0; t < t1; t++) {
    const int32_t exponent = hyb_fft_power(&runs->fft, frame, pcm + t * runs->hop, scratch);
    for (const hyb_mel *run = runs; run != runs + count; run++) {
      hyb_mel_bands(run, scratch, exponent, out);
      out += run->bands;
    }
  }
}

typedef struct {
  const int16_t *weights; /* [coefficient][band], Q15 */
  const int32_t *multiplier;
  const uint8_t *shift;
  int32_t bands, coefficients;
} hyb_dct_tables;

/* Cepstral coefficients of frames [t0, t1). in, out: whole maps. */
static inline void hyb_dct(const hyb_dct_tables *p, const int16_t *in, int32_t t0, int32_t t1, int16_t *out) {
  for (int32_t t = t0; t < t1; t++) {
    const int16_t *x = in + t * p->bands, *w = p->weights;
    for (int32_t k = 0; k < p->coefficients; k++, w += p->bands) {
      int32_t acc = 0;
      for (int32_t b = 0; b < p->bands; b++) acc += (int32_t)x[b] * w[b];
      out[t * p->coefficients + k] = (int16_t)hyb_requant(acc, p->multiplier[k], p->shift[k], INT16_MIN, INT16_MAX);
    }
  }
}

#endif /* HYB_LOG_MEL_H */
