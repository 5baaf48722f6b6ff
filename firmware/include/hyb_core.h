/* Base of the runtime: version handshake, saturation, requantisation, bits, 16-bit pairs.
 * Portable C99 and C++11. Needs two's complement and an arithmetic right shift of negative numbers, which every
 * compiler for the targets has and the check below holds. */
#ifndef HYB_CORE_H
#define HYB_CORE_H
#include <stddef.h>
#include <stdint.h>
/* A bare toolchain has no <string.h>, only the three functions of it that every compiler needs itself. */
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
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
#ifdef __cplusplus
}
#endif
#endif

/* Raised whenever generated code and runtime stop fitting each other. */
#define HYB_RUNTIME_API 3

#if ((-1) >> 1) != -1 || (-1 & 3) != 3
#error "hyb_core.h needs two's complement and an arithmetic right shift of negative numbers"
#endif

/* Kernels and per-map functions are shared, never copied into their callers: flash is what a small model is short of.
 * `unused`: a model that has no depthwise convolution leaves that kernel to the compiler to drop. */
#if defined(__GNUC__)
#define HYB_SHARED static __attribute__((noinline, unused))
#define HYB_INLINED static inline __attribute__((always_inline))
#else
#define HYB_SHARED static inline
#define HYB_INLINED static inline
#endif

/* Before a table that kernels read by words. */
#if defined(__GNUC__)
#define HYB_ALIGNED __attribute__((aligned(8)))
#else
#define HYB_ALIGNED
#endif

static inline int32_t hyb_min(int32_t a, int32_t b) { return a < b ? a : b; }

static inline int32_t hyb_max(int32_t a, int32_t b) { return a > b ? a : b; }

static inline int32_t hyb_clamp(int32_t x, int32_t lo, int32_t hi) { return hyb_max(lo, hyb_min(x, hi)); }

/* x / 2**shift, rounded half up. shift 0 .. 31; |x| + 2**(shift - 1) must fit int32. */
static inline int32_t hyb_shift_round(int32_t x, int32_t shift) {
  return (x + (int32_t)(((uint32_t)1 << (uint32_t)shift) >> 1)) >> shift;
}

/* The high word of a signed product. Cores without a long multiply get four short ones instead of a library call. */
static inline int32_t hyb_mul_high(int32_t a, int32_t b) {
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
  const uint32_t a_low = (uint32_t)a & 0xFFFFu, b_low = (uint32_t)b & 0xFFFFu;
  const int32_t a_high = a >> 16, b_high = b >> 16;
  const int32_t cross = a_high * (int32_t)b_low + (int32_t)((a_low * b_low) >> 16);
  const int32_t rest = b_high * (int32_t)a_low + (int32_t)((uint32_t)cross & 0xFFFFu);
  return a_high * b_high + (cross >> 16) + (rest >> 16);
#elif defined(__GNUC__) && defined(__ARM_FEATURE_DSP)
  int32_t high;
  __asm__("smmul %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
  return high;
#else
  return (int32_t)(((int64_t)a * b) >> 32);
#endif
}

/* The one requantisation formula: saturate((acc * multiplier + 2**(shift - 1)) >> shift) to [lo, hi].
 * multiplier 0 .. 2**31 - 1, shift 1 .. 62; the sum cannot leave int64. Above a shift of 32 the high word is enough. */
HYB_SHARED int32_t hyb_requant(int32_t acc, int32_t multiplier, int32_t shift, int32_t lo, int32_t hi) {
  int64_t y;
  if (shift > 32) return hyb_clamp(((hyb_mul_high(acc, multiplier) >> (shift - 33)) + 1) >> 1, lo, hi);
  y = ((int64_t)acc * multiplier + ((int64_t)1 << (shift - 1))) >> shift;
  return y < lo ? lo : y > hi ? hi : (int32_t)y;
}

/* Cores with the smallest instruction set: no long multiply, no count of leading zeros. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define HYB_SMALL_CORE
#endif

/* Hides a value's origin from the compiler, which else trades one instruction for several that it holds cheaper. */
#if defined(__GNUC__)
#define HYB_OPAQUE(x) __asm__("" : "+r"(x))
#else
#define HYB_OPAQUE(x) ((void)0)
#endif

/* Number of the highest set bit, 0 .. 31. x must not be 0. Takes the same time for all x. */
static inline int32_t hyb_top_bit(uint32_t x) {
#if defined(__GNUC__) && !defined(HYB_SMALL_CORE)
  return 31 - (int32_t)__builtin_clz(x);
#else
  /* All bits below the top one are set, then a product puts a different number for each of the 32 words on top. */
  static const uint8_t tops[32] = {0, 9,  1,  10, 13, 21, 2,  29, 11, 14, 16, 18, 22, 25, 3, 30,
                                   8, 12, 20, 28, 15, 17, 24, 7,  19, 27, 23, 6,  26, 5,  4, 31};
  x |= x >> 1;
  x |= x >> 2;
  x |= x >> 4;
  x |= x >> 8;
  x |= x >> 16;
  return tops[(uint32_t)(x * 0x07C4ACDDu) >> 27];
#endif
}

/* Number of the highest set bit of x in [1, 2**63), and the 32 bits from that one down. Always takes the same time. */
static inline int32_t hyb_top_bit_64(uint64_t x, uint32_t *mantissa) {
  const uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x;
#if defined(__arm__) && defined(__GNUC__) && !defined(HYB_SMALL_CORE)
  uint32_t zeros, more; /* the instruction says 32 for 0, the compiler's function nothing */
  __asm__("clz %0, %1" : "=r"(zeros) : "r"(high));
  __asm__("clz %0, %1" : "=r"(more) : "r"(low));
  zeros += (zeros >> 5) * more;
  *mantissa = (uint32_t)((x << zeros) >> 32);
  return 63 - (int32_t)zeros;
#else
  const uint32_t none = ((high | (0u - high)) >> 31) - 1u; /* all ones if high is 0 */
  const uint32_t word = high | (low & none), below = low & ~none;
  const int32_t top = hyb_top_bit(word);
  *mantissa = (word << (31 - top)) | ((below >> 1) >> top);
  return top + (int32_t)(32u & ~none);
#endif
}

/* sum + a * b, modulo 2**64. Cores without a long multiply get two short products instead of a library call. */
static inline uint64_t hyb_mac_u32_u16(uint64_t sum, uint32_t a, uint16_t b) {
#ifdef HYB_SMALL_CORE
  return sum + (a & 0xFFFFu) * b + ((uint64_t)((a >> 16) * b) << 16);
#else
  return sum + (uint64_t)a * b;
#endif
}

/* x * x, |x| < 2**31. */
static inline uint64_t hyb_square(int32_t x) {
#ifdef HYB_SMALL_CORE
  const uint32_t size = (uint32_t)(x < 0 ? -x : x);
  return hyb_mac_u32_u16(hyb_mac_u32_u16(0, size, (uint16_t)(size >> 16)) << 16, size, (uint16_t)size);
#else
  return (uint64_t)((int64_t)x * x);
#endif
}

/* A pair of int16 in one word, the first in the low half: a complex point, or its cosine and sine. */
static inline int32_t hyb_low(uint32_t pair) { return (int16_t)(uint16_t)pair; }

static inline int32_t hyb_high(uint32_t pair) { return (int32_t)pair >> 16; }

static inline uint32_t hyb_pair(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16);
}

#endif /* HYB_CORE_H */
