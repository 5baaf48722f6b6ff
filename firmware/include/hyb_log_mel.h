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

/* Log-mel integers of one spectrum, see hyb_fft_power. */
static inline void hyb_mel_bands(const hyb_mel *p, const uint32_t *spectrum, int32_t exponent, int16_t *out) {
  const uint16_t *w = p->weights;
  uint64_t rising = 0;
  for (int32_t segment = 0; segment <= p->bands; segment++) {
    const uint32_t *bin = spectrum + p->edges[segment], *end = spectrum + p->edges[segment + 1];
    uint64_t power = 0, weighted = 0;
    for (; bin < end; bin++, w++) {
      power += *bin;
      weighted = hyb_mac_u32_u16(weighted, *bin, *w);
    }
    if (segment > 0) {
      const uint64_t sum = (rising + (power << 16) - weighted) | 1u; /* silence, too, has a logarithm */
      const int32_t octaves = hyb_log2_q15(sum) + (exponent << 16) + p->offsets[segment - 1];
      out[segment - 1] = (int16_t)hyb_clamp(octaves >> 7, 0, p->hi);
    }
    rising = weighted;
  }
}

/* Log-mel integers of frames [t0, t1). pcm: the whole window; out: the whole map; scratch: frame / 2 + 1 words. */
static inline void hyb_log_mel(const hyb_mel *p, const int16_t *pcm, int32_t t0, int32_t t1, int16_t *out,
                               uint32_t *scratch) {
  for (int32_t t = t0; t < t1; t++) {
    const int32_t exponent = hyb_fft_power(&p->fft, pcm + t * p->hop, scratch);
    hyb_mel_bands(p, scratch, exponent, out + t * p->bands);
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
