/* Arithmetic of int16 pairs with the DSP extension (HYB_SIMD): what the FFT and the frame kernels need of it.
 * A pair is one word, its first number in the low half. */
#ifndef HYB_PAIR_H
#define HYB_PAIR_H
#include "hyb_core.h"
#include "hyb_simd.h"
#ifdef HYB_SIMD
#include <arm_acle.h>

/* Sums and differences of both numbers, plain or halved by flooring. */
#define HYB_PAIRWISE(name)                                                                                             \
  static inline uint32_t hyb_##name(uint32_t a, uint32_t b) { return (uint32_t)__##name((int32_t)a, (int32_t)b); }
HYB_PAIRWISE(sadd16)
HYB_PAIRWISE(ssub16)
HYB_PAIRWISE(shadd16)
HYB_PAIRWISE(shsub16)
HYB_PAIRWISE(sasx) /* (a.low - b.high, a.high + b.low): a + i b */
HYB_PAIRWISE(ssax) /* (a.low + b.high, a.high - b.low): a - i b */
HYB_PAIRWISE(shasx)
HYB_PAIRWISE(shsax)
HYB_PAIRWISE(smuad) /* a.low * b.low + a.high * b.high */
#undef HYB_PAIRWISE

/* sum + two products of 16-bit numbers each: low * low +- high * high, crossed over in ..x. */
#define HYB_PAIR_MAC(name)                                                                                             \
  static inline int32_t hyb_##name(uint32_t a, uint32_t b, int32_t sum) {                                              \
    return __##name((int32_t)a, (int32_t)b, sum);                                                                      \
  }
HYB_PAIR_MAC(smlabb) /* low * low alone */
HYB_PAIR_MAC(smlatt) /* high * high alone */
HYB_PAIR_MAC(smlad)
HYB_PAIR_MAC(smladx)
HYB_PAIR_MAC(smlsd)
HYB_PAIR_MAC(smlsdx) /* a.low * b.high - a.high * b.low */
#undef HYB_PAIR_MAC

/* sum + low * low + high * high, in 64 bits. */
static inline uint64_t hyb_smlald(uint32_t a, uint32_t b, uint64_t sum) {
  return (uint64_t)__smlald((int32_t)a, (int32_t)b, (int64_t)sum);
}

/* The word with its bits reversed. */
static inline uint32_t hyb_reversed(uint32_t x) {
  uint32_t reversed;
  __asm__("rbit %0, %1" : "=r"(reversed) : "r"(x));
  return reversed;
}

/* The sticky saturation flag Q tells, at one instruction a pair, whether any number left [-2**13, 2**13). What
 * runs between forgetting and asking must not saturate; interrupts save the flag. */
static inline void hyb_forget_saturation(void) { __asm__ volatile("msr APSR_nzcvq, %0" : : "r"(0) : "cc"); }

static inline void hyb_note_above_13_bits(uint32_t pair) {
  uint32_t unused;
  __asm__ volatile("ssat16 %0, #14, %1" : "=r"(unused) : "r"(pair));
}

static inline int32_t hyb_saturation_noted(void) {
  uint32_t flags;
  __asm__ volatile("mrs %0, APSR" : "=r"(flags));
  return (int32_t)(flags >> 27) & 1;
}

#endif
#endif /* HYB_PAIR_H */
