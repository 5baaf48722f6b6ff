/* Runtime of stand-alone forests written by hybrid: columns, exits, probabilities, and votes as Python counts them.
 * Portable C99 and C++11; integers only, also for float inputs: their bits are compared as ordered integers. */
#ifndef HYB_FOREST_H
#define HYB_FOREST_H
#include "hyb_core.h"

/* Raised whenever generated forests and this header stop fitting each other. */
#define HYB_FOREST_API 1

/* A column turns one feature into the small number that nodes compare: how many of its cuts lie below the value. */
typedef struct {
  uint16_t feature; /* which feature it reads */
  uint16_t first;   /* its first cut */
  uint16_t cuts;
  uint8_t missing; /* HYB_MISSING_... */
  uint8_t kind;    /* HYB_LOW: missing values come before all others, not after; HYB_SET: membership, 0 is inside */
} hyb_column;
#define HYB_MISSING_ZERO 1
#define HYB_MISSING_NAN 2
#define HYB_LOW 1
#define HYB_SET 2
#define HYB_TINY 0x0554AD2E /* bits of 1e-35f: LightGBM takes what is not larger for 0 */
#define HYB_INFINITY 0x7F800000u

/* Bits of a float as an integer of the same order; -0 is 0. NaN lies beyond both infinities. */
static inline int32_t hyb_float_key(const float *x) {
  uint32_t bits;
  memcpy(&bits, x, sizeof bits);
  return bits >> 31 ? -(int32_t)(bits & 0x7FFFFFFFu) : (int32_t)bits;
}

static inline int32_t hyb_magnitude(int32_t key) { return key < 0 ? -key : key; }

#define HYB_COUNT_BELOW(name, type)                                                                                    \
  static inline uint32_t name(const type *cuts, uint32_t n, int32_t x) {                                               \
    uint32_t low = 0;                                                                                                  \
    while (n != 0) {                                                                                                   \
      const uint32_t half = n >> 1;                                                                                    \
      if (cuts[low + half] < x) {                                                                                      \
        low += half + 1;                                                                                               \
        n -= half + 1;                                                                                                 \
      } else {                                                                                                         \
        n = half;                                                                                                      \
      }                                                                                                                \
    }                                                                                                                  \
    return low;                                                                                                        \
  }
HYB_COUNT_BELOW(hyb_below_s16, int16_t)
HYB_COUNT_BELOW(hyb_below_s32, int32_t)

/* What a column makes of the number of cuts below a value, or of a missing value. */
static inline uint8_t hyb_column_value(const hyb_column *c, uint32_t below, uint32_t missing) {
  if (c->kind & HYB_SET) return (uint8_t)((below & 1u) ^ 1u);
  if (c->kind & HYB_LOW) return (uint8_t)(missing ? 0 : below + 1);
  return (uint8_t)(missing ? 255 : below);
}

static inline uint8_t hyb_column_s16(const hyb_column *c, const int16_t *cuts, int16_t x) {
  const uint32_t missing = c->missing == HYB_MISSING_ZERO && x == 0;
  return hyb_column_value(c, hyb_below_s16(cuts + c->first, c->cuts, x), missing);
}

static inline uint8_t hyb_column_float(const hyb_column *c, const int32_t *cuts, const float *x) {
  int32_t key = hyb_float_key(x);
  const uint32_t nan = (uint32_t)hyb_magnitude(key) > HYB_INFINITY;
  uint32_t missing = nan;
  if (c->missing != HYB_MISSING_NAN) {
    if (nan) key = c->kind & HYB_SET ? (int32_t)HYB_INFINITY : 0; /* infinity is in no set */
    missing = c->missing == HYB_MISSING_ZERO && hyb_magnitude(key) <= HYB_TINY;
  } else if (nan) {
    key = (int32_t)HYB_INFINITY;
  }
  return hyb_column_value(c, hyb_below_s32(cuts + c->first, c->cuts, key), missing);
}

/* The first of the largest scores. */
static inline int32_t hyb_first_best(const int32_t *scores, int32_t n) {
  int32_t best = 0;
  for (int32_t i = 1; i < n; i++)
    if (scores[i] > scores[best]) best = i;
  return best;
}

/* Whether trees that can still add low[i] .. high[i] to score i can change which one is the largest. */
static inline int32_t hyb_settled(const int32_t *scores, const int32_t *low, const int32_t *high, int32_t n) {
  const int32_t best = hyb_first_best(scores, n), least = scores[best] + low[best];
  for (int32_t i = 0; i < n; i++)
    if (i != best && scores[i] + high[i] >= least) return 0;
  return 1;
}

/* exp(-d) as a fraction of 2**16, d >= 0 in score units; (d * multiplier) >> shift is d / ln 2 as a fraction of 2**16.
 * A polynomial of degree 4 for 2**-f: its error is below 3e-6, less than the result's last digit. */
static inline uint32_t hyb_exp_minus(uint32_t d, uint32_t multiplier, uint32_t shift) {
  static const int32_t c[5] = {1073739778, -744157487, 257095898, -57151877, 7346532};
  const uint64_t y = ((uint64_t)d * multiplier) >> shift;
  const int32_t f = (int32_t)(y & 0xFFFFu);
  int32_t p = c[4];
  if (y >> 16 > 17) return 0;
  for (int32_t i = 3; i >= 0; i--) p = c[i] + (int32_t)(((int64_t)p * f) >> 16);
  return (((uint32_t)p >> 13) + ((uint32_t)1 << (uint32_t)(y >> 16))) >> ((uint32_t)(y >> 16) + 1);
}

/* Softmax of n scores as fractions of 2**15. */
static inline void hyb_softmax(const int32_t *scores, int32_t n, uint32_t multiplier, uint32_t shift, uint16_t *share) {
  const int32_t best = scores[hyb_first_best(scores, n)];
  uint32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += hyb_exp_minus((uint32_t)(best - scores[i]), multiplier, shift);
  for (int32_t i = 0; i < n; i++) {
    const uint32_t e = hyb_exp_minus((uint32_t)(best - scores[i]), multiplier, shift);
    share[i] = (uint16_t)(((e << 15) + sum / 2) / sum);
  }
}

/* 1 / (1 + exp(-score)) as a fraction of 2**15. */
static inline uint16_t hyb_sigmoid(int32_t score, uint32_t multiplier, uint32_t shift) {
  const int32_t pair[2] = {0, score};
  uint16_t share[2];
  hyb_softmax(pair, 2, multiplier, shift, share);
  return share[1];
}

/* The first of the classes with most votes, and its lead over the next. */
static inline uint32_t hyb_lead(const uint32_t *sums, int32_t n, int32_t *label) {
  uint32_t most = sums[0], next = 0;
  int32_t best = 0;
  for (int32_t i = 1; i < n; i++) {
    const uint32_t sum = sums[i];
    if (sum > most) {
      next = most;
      most = sum;
      best = i;
    } else if (sum > next) {
      next = sum;
    }
  }
  *label = best;
  return most - next;
}

/* Two sums of 16 bits in each word, taken apart. */
static inline void hyb_unpack_lanes(const uint32_t *lanes, int32_t n, uint32_t *sums) {
  for (int32_t i = 0; i < n; i++) sums[i] = (lanes[i / 2] >> (16 * (i & 1))) & 0xFFFFu;
}

/* A leaf of votes is a string of bits: the largest class, its count, which other classes there are, their counts.
 * Its first bits stand in the byte that marks it as a leaf. */
typedef struct {
  int32_t classes;
  uint8_t mark;        /* lowest byte that marks a leaf */
  uint8_t mark_bits;   /* bits of the leaf in that byte */
  uint8_t class_bits;
  uint8_t order;       /* exponential Golomb order of the largest count */
  uint8_t other_order; /* and of the others */
} hyb_votes;

typedef struct {
  const uint8_t *at;
  uint32_t window; /* the next bits, from the top */
  int32_t held;
} hyb_reader;

/* Makes 25 bits or more ready. Reads up to three bytes beyond the leaf: programs end in that many zeros. */
static inline void hyb_refill(hyb_reader *r) {
  while (r->held <= 24) {
    r->window |= (uint32_t)*r->at++ << (24 - r->held);
    r->held += 8;
  }
}

/* The next n bits, n 1 .. 24. */
static inline uint32_t hyb_read(hyb_reader *r, int32_t n) {
  uint32_t value;
  hyb_refill(r);
  value = r->window >> (32 - n);
  r->window <<= n;
  r->held -= n;
  return value;
}

/* A count in exponential Golomb code: its zeros say how many digits follow. Counts are below 2**20. */
static inline uint32_t hyb_read_count(hyb_reader *r, int32_t order) {
  int32_t zeros;
  hyb_refill(r);
  zeros = 31 - hyb_top_bit(r->window);
  r->window <<= zeros;
  r->held -= zeros;
  return hyb_read(r, zeros + 1 + order) - ((uint32_t)1 << order) + 1;
}

/* The classes of a leaf with their counts, each as class << 20 | count; returns how many, and the sum of the counts. */
HYB_SHARED int32_t hyb_leaf_counts(const uint8_t *leaf, const hyb_votes *form, uint32_t *found, uint32_t *total) {
  hyb_reader r;
  int32_t n = 1, most;
  r.at = leaf + 1;
  r.window = form->mark_bits ? (uint32_t)(*leaf - form->mark) << (32 - form->mark_bits) : 0;
  r.held = form->mark_bits;
  most = (int32_t)hyb_read(&r, form->class_bits);
  *total = hyb_read_count(&r, form->order);
  found[0] = (uint32_t)most << 20 | *total;
  for (int32_t first = 0; first < form->classes - 1; first += 24) { /* which others there are, 24 at a time */
    const int32_t some = hyb_min(24, form->classes - 1 - first);
    uint32_t others = hyb_read(&r, some) << (32 - some);
    while (others != 0) {
      const int32_t place = 31 - hyb_top_bit(others), other = first + place;
      others &= ~((uint32_t)0x80000000u >> place);
      found[n++] = (uint32_t)(other + (other >= most)) << 20;
    }
  }
  for (int32_t i = 1; i < n; i++) {
    const uint32_t count = hyb_read_count(&r, form->other_order);
    found[i] |= count;
    *total += count;
  }
  return n;
}

/* Adds a leaf's shares, as fractions of 2**bits; all of them at once if there is one class in it. */
static inline void hyb_add_votes(const uint32_t *found, int32_t n, uint32_t total, uint32_t bits, uint32_t *sums) {
  const uint32_t one = (uint32_t)0x80000000u / total;
  if (n == 1) sums[found[0] >> 20] += (uint32_t)1 << bits;
  else for (int32_t i = 0; i < n; i++) sums[found[i] >> 20] += ((found[i] & 0xFFFFFu) * one) >> (31 - bits);
}

/* Sums of doubles as Python adds them, in integers: where two classes are so close that only rounding tells them apart,
 * the order of the original must be found by the same rounding. Positive IEEE 754 doubles as bits compare as integers. */

/* The first of the largest. */
static inline int32_t hyb_first_most(const uint64_t *sums, int32_t n) {
  int32_t best = 0;
  for (int32_t i = 1; i < n; i++)
    if (sums[i] > sums[best]) best = i;
  return best;
}

/* m / d for m > 0, d > 0, times 2**exponent, rounded half to even. */
HYB_SHARED uint64_t hyb_divide_f64(uint64_t m, int32_t exponent, uint32_t d) {
  uint64_t q = 0;
  uint32_t r = 0;
  while (m >> 63 == 0) {
    m <<= 1;
    exponent--;
  }
  for (int32_t bit = 63; bit >= 0 || q >> 54 == 0; bit--) {
    r = r * 2 + (uint32_t)(bit >= 0 ? (m >> bit) & 1u : 0u);
    if (q >> 54) { /* enough digits: the rest only says whether there is more */
      exponent++;
      if (r >= d) r -= d, q |= 1;
      continue;
    }
    q <<= 1;
    if (r >= d) r -= d, q |= 1;
    if (bit < 0) exponent--;
  }
  /* q has 55 digits: 53, and two to round by */
  if (r != 0) q |= 1;
  q += 1 + ((q >> 2) & 1u);
  q >>= 2;
  exponent += 2;
  if (q >> 53) {
    q >>= 1;
    exponent++;
  }
  return ((uint64_t)(exponent + 52 + 1022) << 52) + q;
}

/* a + b of two doubles that are not negative. */
HYB_SHARED uint64_t hyb_add_f64(uint64_t a, uint64_t b) {
  const uint64_t hidden = (uint64_t)1 << 52;
  uint64_t big = a > b ? a : b, small = a > b ? b : a, exponent, shift;
  if (small == 0) return big;
  exponent = big >> 52;
  shift = exponent - (small >> 52);
  big = ((big & (hidden - 1)) | hidden) << 3;
  small = ((small & (hidden - 1)) | hidden) << 3;
  if (shift > 60) shift = 60;
  big += (small >> shift) | ((small & (((uint64_t)1 << shift) - 1)) != 0);
  if (big >> 56) {
    big = (big >> 1) | (big & 1u);
    exponent++;
  }
  big = (big + 3 + ((big >> 3) & 1u)) >> 3;
  return ((exponent - 1) << 52) + big;
}

/* Adds a leaf's shares as doubles. */
static inline void hyb_add_votes_f64(const uint32_t *found, int32_t n, uint32_t total, uint64_t *sums) {
  for (int32_t i = 0; i < n; i++) {
    uint64_t *sum = &sums[found[i] >> 20];
    *sum = hyb_add_f64(*sum, hyb_divide_f64(found[i] & 0xFFFFFu, 0, total));
  }
}

/* The sum of shares over `trees` votes divided by their number, as Python's mean. */
static inline uint64_t hyb_mean_f64(uint64_t sum, uint32_t trees) {
  const uint64_t hidden = (uint64_t)1 << 52;
  return sum ? hyb_divide_f64((sum & (hidden - 1)) | hidden, (int32_t)(sum >> 52) - 1075, trees) : 0;
}

/* Little-endian numbers in programs, at any address. */
static inline int32_t hyb_s16(const uint8_t *p) { return (int32_t)((p[0] | (uint32_t)p[1] << 8) ^ 0x8000u) - 0x8000; }

static inline uint32_t hyb_u24(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16; }

#endif /* HYB_FOREST_H */
