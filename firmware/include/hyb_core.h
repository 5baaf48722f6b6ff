/* Base of the runtime: version handshake, saturation, requantisation, bits, 16-bit pairs.
 * Portable C99 and C++11. Needs two's complement and an arithmetic right shift of negative numbers, which every
 * compiler for the targets has and the check below holds. */
#ifndef HYB_CORE_H
#define HYB_CORE_H
#include <stddef.h>
#include <stdint.h>
/* A bare toolchain has no <string.h>, only the two functions of it that every compiler needs itself. */
#if defined(__has_include)
#if !__has_include(<string.h>)
#define HYB_NO_STRING_H
#endif
#endif
#ifndef HYB_NO_STRING_H
#include <string.h>
#else
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
#ifdef __cplusplus
}
#endif
#endif

/* Raised whenever generated code and runtime stop fitting each other. */
#define HYB_RUNTIME_API 1

#if ((-1) >> 1) != -1 || (-1 & 3) != 3
#error "hyb_core.h needs two's complement and an arithmetic right shift of negative numbers"
#endif

/* Kernels and per-map functions are shared, never copied into their callers: flash is what a small model is short of.
 * `unused`: a model that has no depthwise convolution leaves that kernel to the compiler to drop. */
#if defined(__GNUC__)
#define HYB_SHARED static __attribute__((noinline, unused))
#else
#define HYB_SHARED static inline
#endif

static inline int32_t hyb_min(int32_t a, int32_t b) { return a < b ? a : b; }

static inline int32_t hyb_max(int32_t a, int32_t b) { return a > b ? a : b; }

static inline int32_t hyb_clamp(int32_t x, int32_t lo, int32_t hi) { return hyb_max(lo, hyb_min(x, hi)); }

/* x / 2**shift, rounded half up. shift 0 .. 31; |x| + 2**(shift - 1) must fit int32. */
static inline int32_t hyb_shift_round(int32_t x, int32_t shift) {
  return (x + (int32_t)(((uint32_t)1 << (uint32_t)shift) >> 1)) >> shift;
}

/* The one requantisation formula: saturate((acc * multiplier + 2**(shift - 1)) >> shift) to [lo, hi].
 * multiplier 0 .. 2**31 - 1, shift 1 .. 62; the sum cannot leave int64. */
static inline int32_t hyb_requant(int32_t acc, int32_t multiplier, int32_t shift, int32_t lo, int32_t hi) {
  const int64_t y = ((int64_t)acc * multiplier + ((int64_t)1 << (shift - 1))) >> shift;
  return y < lo ? lo : y > hi ? hi : (int32_t)y;
}

/* Number of the highest set bit, 0 .. 31. x must not be 0. */
static inline int32_t hyb_top_bit(uint32_t x) {
#if defined(__GNUC__)
  return 31 - (int32_t)__builtin_clz(x);
#else
  int32_t top = 0;
  for (int32_t step = 16; step != 0; step >>= 1) {
    const int32_t more = (x >> step) != 0 ? step : 0;
    x >>= more;
    top += more;
  }
  return top;
#endif
}

/* sum + a * b, modulo 2**64. Cores without a long multiply get two short products instead of a library call. */
static inline uint64_t hyb_mac_u32_u16(uint64_t sum, uint32_t a, uint16_t b) {
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
  return sum + (a & 0xFFFFu) * b + ((uint64_t)((a >> 16) * b) << 16);
#else
  return sum + (uint64_t)a * b;
#endif
}

/* A pair of int16 in one word, the first in the low half: a complex point, or its cosine and sine. */
static inline int32_t hyb_low(uint32_t pair) { return (int32_t)((pair & 0xFFFFu) ^ 0x8000u) - 0x8000; }

static inline int32_t hyb_high(uint32_t pair) { return hyb_low(pair >> 16); }

static inline uint32_t hyb_pair(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16);
}

#endif /* HYB_CORE_H */
