/* The DSP extension's instructions (Cortex-M4, M7, M33) that the kernels use, and saturation, which every core has.
 * HYB_SIMD is defined where they are there; a kernel's portable variant beside them gives the same bits. */
#ifndef HYB_SIMD_H
#define HYB_SIMD_H
#include "hyb_core.h"

#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
#define HYB_SIMD 1
#endif

#ifdef HYB_SIMD

typedef struct {
  uint32_t a, b;
} hyb_two_words;

/* One word from any address. */
static inline uint32_t hyb_load(const void *from) {
  uint32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

/* Two words from an address that 8 divides. */
static inline hyb_two_words hyb_load_two(const void *from) {
  hyb_two_words two;
  uint64_t both;
  __builtin_memcpy(&both, __builtin_assume_aligned(from, 8), 8);
  two.a = (uint32_t)both;
  two.b = (uint32_t)(both >> 32);
  return two;
}

/* One word to an address that 2 divides. */
static inline void hyb_store(void *to, uint32_t word) { __builtin_memcpy(to, &word, 4); }

/* Volatile keeps instructions in the order in which a kernel names them: what it holds just fits the registers, and a
 * compiler that moves loads and extensions up spills.
 * Bytes 0 and 2, or 1 and 3, of a word as a pair of signed or unsigned 16-bit numbers. */
#define HYB_DEFINE_UNARY(name, text)                                                                                   \
  static inline uint32_t name(uint32_t x) {                                                                            \
    uint32_t y;                                                                                                        \
    __asm__ volatile(text : "=r"(y) : "r"(x));                                                                         \
    return y;                                                                                                          \
  }

HYB_DEFINE_UNARY(hyb_even_s8, "sxtb16 %0, %1")
HYB_DEFINE_UNARY(hyb_odd_s8, "sxtb16 %0, %1, ror #8")
HYB_DEFINE_UNARY(hyb_even_u8, "uxtb16 %0, %1")
HYB_DEFINE_UNARY(hyb_odd_u8, "uxtb16 %0, %1, ror #8")

#define HYB_DEFINE_BINARY(name, result, text)                                                                          \
  static inline uint32_t name(uint32_t x, uint32_t y) {                                                                \
    uint32_t z;                                                                                                        \
    __asm__(text : result(z) : "r"(x), "r"(y));                                                                        \
    return z;                                                                                                          \
  }

/* The low halves of two pairs as one pair, and the high halves. */
HYB_DEFINE_BINARY(hyb_low_halves, "=r", "pkhbt %0, %1, %2, lsl #16")
HYB_DEFINE_BINARY(hyb_high_halves, "=r", "pkhtb %0, %2, %1, asr #16")
/* x + bytes 0 and 2, or 1 and 3, of y; two 16-bit sums. */
HYB_DEFINE_BINARY(hyb_add_even_s8, "=r", "sxtab16 %0, %1, %2")
HYB_DEFINE_BINARY(hyb_add_odd_s8, "=r", "sxtab16 %0, %1, %2, ror #8")
HYB_DEFINE_BINARY(hyb_add_even_u8, "=r", "uxtab16 %0, %1, %2")
HYB_DEFINE_BINARY(hyb_add_odd_u8, "=r", "uxtab16 %0, %1, %2, ror #8")
/* The smaller, or the larger, of each pair of lanes. */
HYB_DEFINE_BINARY(hyb_lanes_min_s16, "=&r", "ssub16 %0, %2, %1\n\tsel %0, %1, %2")
HYB_DEFINE_BINARY(hyb_lanes_max_s8, "=&r", "ssub8 %0, %1, %2\n\tsel %0, %1, %2")
HYB_DEFINE_BINARY(hyb_lanes_max_u8, "=&r", "usub8 %0, %1, %2\n\tsel %0, %1, %2")
HYB_DEFINE_BINARY(hyb_lanes_max_s16, "=&r", "ssub16 %0, %1, %2\n\tsel %0, %1, %2")

/* acc + one product of halves (b bottom, t top), or both products (d), of two pairs; modulo 2**32. */
#define HYB_DEFINE_MAC(name, text)                                                                                     \
  static inline int32_t name(uint32_t x, uint32_t y, int32_t acc) {                                                    \
    __asm__ volatile(text " %0, %1, %2, %0" : "+r"(acc) : "r"(x), "r"(y));                                             \
    return acc;                                                                                                        \
  }

HYB_DEFINE_MAC(hyb_mac_d, "smlad")
HYB_DEFINE_MAC(hyb_mac_bb, "smlabb")
HYB_DEFINE_MAC(hyb_mac_bt, "smlabt")
HYB_DEFINE_MAC(hyb_mac_tb, "smlatb")
HYB_DEFINE_MAC(hyb_mac_tt, "smlatt")

/* saturate(x >> 1) */
#define HYB_DEFINE_HALF(name, text)                                                                                    \
  static inline int32_t name(int32_t x) {                                                                              \
    int32_t y;                                                                                                         \
    __asm__(text ", %1, asr #1" : "=r"(y) : "r"(x));                                                                   \
    return y;                                                                                                          \
  }

HYB_DEFINE_HALF(hyb_half_u8, "usat %0, #8")
HYB_DEFINE_HALF(hyb_half_s8, "ssat %0, #8")
HYB_DEFINE_HALF(hyb_half_s16, "ssat %0, #16")

/* `statement` n times, four at once. */
#define HYB_REPEAT(n, statement)                                                                                       \
  do {                                                                                                                 \
    int32_t left = (n);                                                                                                \
    for (; (left & 3) != 0; left--) {                                                                                  \
      statement;                                                                                                       \
    }                                                                                                                  \
    for (; left > 0; left -= 4) {                                                                                      \
      statement;                                                                                                       \
      statement;                                                                                                       \
      statement;                                                                                                       \
      statement;                                                                                                       \
    }                                                                                                                  \
  } while (0)

#else

static inline int32_t hyb_half_u8(int32_t x) { return hyb_clamp(x >> 1, 0, 255); }

static inline int32_t hyb_half_s8(int32_t x) { return hyb_clamp(x >> 1, -128, 127); }

static inline int32_t hyb_half_s16(int32_t x) { return hyb_clamp(x >> 1, -32768, 32767); }

#define HYB_REPEAT(n, statement)                                                                                       \
  do {                                                                                                                 \
    for (int32_t left = (n); left > 0; left--) {                                                                       \
      statement;                                                                                                       \
    }                                                                                                                  \
  } while (0)

#endif

#endif /* HYB_SIMD_H */
