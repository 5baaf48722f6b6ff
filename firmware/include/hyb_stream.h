/* Streaming: frames of samples, or a ring of them, and what is kept when the window moves on.
 * Equals codegen/stream.py. Needs no more than memcpy and memmove. */
#ifndef HYB_STREAM_H
#define HYB_STREAM_H
#include "hyb_core.h"

#if defined(__GNUC__) && defined(__thumb2__)
#define HYB_COPY_16                                                                                                    \
  "ldmia %1!, {r3, r4, r5, r6, r8, r10, r12, lr}\n\t"                                                                  \
  "stmia %0!, {r3, r4, r5, r6, r8, r10, r12, lr}\n\t"
#endif

/* Copy n samples to where they do not overlap. Newlib's memcpy moves a word at a time; eight registers at once, where
 * both ends are aligned to words, take a fifth of its instructions. r7 and r11 may hold the frame, r9 the data. */
static inline void hyb_copy(int16_t *to, const int16_t *from, size_t n) {
#ifdef HYB_COPY_16
  if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0) {
    for (size_t left = n / 32; left > 0; left--)
      __asm__ volatile(HYB_COPY_16 HYB_COPY_16
                       : "+r"(to), "+r"(from)
                       :
                       : "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "memory");
    n &= 31;
  }
  if (n == 0) return;
#endif
  memcpy(to, from, n * sizeof *to);
}

/* Take samples for a frame of `size`. filled: how many the frame has, negative for as many to be dropped first.
 * Returns how many of the `n` samples were taken. */
static inline size_t hyb_take(int16_t *frame, int32_t *filled, int32_t size, const int16_t *pcm, size_t n) {
  const size_t room = (size_t)(*filled < 0 ? -*filled : size - *filled), count = n < room ? n : room;
  if (*filled >= 0) hyb_copy(frame + *filled, pcm, count);
  *filled += (int32_t)count;
  return count;
}

/* The frame has been used; the next one begins `hop` samples later. */
static inline void hyb_next_frame(int16_t *frame, int32_t *filled, int32_t size, int32_t hop) {
  if (hop < size) memmove(frame, frame + hop, (size_t)(size - hop) * sizeof *frame);
  *filled = size - hop;
}

/* A ring that keeps a window's samples, `size` of them, and behind its end the first `mirrored` once more: so every
 * frame lies in one piece. at: where the next sample goes, not at the end. Takes `samples` up to a border, of which
 * there are two, the mirror's end and the ring's; returns how many. */
static inline size_t hyb_keep(int16_t *ring, int32_t size, int32_t mirrored, int32_t at, const int16_t *pcm,
                              size_t samples) {
  const size_t room = (size_t)((at < mirrored ? mirrored : size) - at), count = samples < room ? samples : room;
  hyb_copy(ring + at, pcm, count);
  if (at < mirrored) hyb_copy(ring + size + at, pcm, count);
  return count;
}

/* cost + price, or cost where that would pass `limit`. */
static inline uint32_t hyb_spend(uint32_t cost, uint32_t price, uint32_t limit) {
  return cost <= limit - price ? cost + price : cost;
}

/* Frames by which an origin has moved since a stage last ran, which was `passed` frames ago; -1 if nothing of that
 * holds. further: by how much it lies further behind the window's beginning than then. */
static inline int32_t hyb_moved(int32_t passed, int32_t further, int32_t frames) {
  return passed < frames ? hyb_max(passed + further, -1) : -1;
}

/* The same in steps of `step` frames; -1 where it is no multiple of them. */
static inline int32_t hyb_steps(int32_t moved, int32_t step) {
  return moved >= 0 && moved % step == 0 ? moved / step : -1;
}

/* Positions [first, last) of a map, the gap, that need not be computed. */
typedef struct {
  int32_t first, last;
} hyb_gap;

/* The gap after a move of `moved` positions: [first, last - moved), all `times` after none, (0, 0) if nothing holds. */
static inline hyb_gap hyb_gap_after(int32_t moved, int32_t first, int32_t last, int32_t times) {
  hyb_gap gap;
  const int32_t holds = moved >= 0 && last - moved > first;
  gap.first = holds && moved != 0 ? first : 0;
  gap.last = moved == 0 ? times : holds ? last - moved : 0;
  return gap;
}

/* The price of all but the gap: nothing after no move, that of the whole map if nothing of its `size` rows holds. */
static inline uint32_t hyb_gap_price(int32_t moved, int32_t size, uint32_t base, uint32_t slope, uint32_t whole) {
  if (moved == 0) return 0;
  return moved > 0 && moved < size ? base + (uint32_t)moved * slope : whole;
}

/* The gap's rows come from `moved` rows later. `map`: its elements; `row`: bytes of a row. */
static inline void hyb_slide(void *map, size_t row, hyb_gap gap, int32_t moved) {
  uint8_t *to = (uint8_t *)map + (size_t)gap.first * row;
  if (moved > 0 && gap.last > gap.first) memmove(to, to + (size_t)moved * row, (size_t)(gap.last - gap.first) * row);
}

/* The n lowest bits set, n 0 .. 32. */
static inline uint32_t hyb_low_bits(int32_t n) { return n > 31 ? 0xFFFFFFFFu : ((uint32_t)1 << n) - 1u; }

/* Bits [first, last) of a memo come from `by` bits later; all others are cleared. */
static inline void hyb_memo_slide(uint32_t *memo, int32_t words, int32_t first, int32_t last, int32_t by) {
  for (int32_t w = 0; w < words; w++) {
    const int32_t from = w + by / 32, shift = by % 32;
    const uint32_t low = from < words ? memo[from] : 0, high = from + 1 < words ? memo[from + 1] : 0;
    const uint32_t bits = shift == 0 ? low : low >> shift | high << (32 - shift);
    const uint32_t before = hyb_low_bits(hyb_clamp(first - 32 * w, 0, 32));
    memo[w] = bits & hyb_low_bits(hyb_clamp(last - 32 * w, 0, 32)) & ~before;
  }
}

#ifdef HYB_TRACE
/* Counters begin anew with what comes after a decision. */
#define HYB_ON_SPEND(ctx)                                                                                              \
  do {                                                                                                                 \
    if ((ctx)->decided) HYB_ON_BEGIN(ctx);                                                                             \
    (ctx)->decided = 0;                                                                                                \
  } while (0)
#define HYB_ON_DECIDED(ctx) ((ctx)->decided = 1)
#else
#define HYB_ON_SPEND(ctx) ((void)0)
#define HYB_ON_DECIDED(ctx) ((void)0)
#endif

#endif /* HYB_STREAM_H */
