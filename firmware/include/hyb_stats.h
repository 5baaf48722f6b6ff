/* With HYB_STATS the context counts what decisions did, and `<model>_stats_dump` writes the counts as lines of text. */
#ifndef HYB_STATS_H
#define HYB_STATS_H
#include "hyb_core.h"

#ifdef HYB_STATS
/* Counters stay at their largest value. */
static inline void hyb_count(uint32_t *counter) {
  if (*counter != 0xFFFFFFFFu) (*counter)++;
}

/* Takes one character of a dump: to a serial line, a file, a log. */
typedef void (*hyb_put)(void *user, char c);

/* A dump on its way out. */
typedef struct {
  hyb_put put;
  void *user;
  uint32_t crc; /* CRC-32 (IEEE 802.3) of all characters so far, before the final complement */
} hyb_dump;

static inline void hyb_dump_char(hyb_dump *dump, char c) {
  dump->crc ^= (uint8_t)c;
  for (int32_t bit = 0; bit < 8; bit++) dump->crc = dump->crc >> 1 ^ ((dump->crc & 1u) != 0 ? 0xEDB88320u : 0u);
  dump->put(dump->user, c);
}

static inline void hyb_dump_text(hyb_dump *dump, const char *text) {
  while (*text != '\0') hyb_dump_char(dump, *text++);
}

/* A blank and a number in hexadecimal without leading zeros. */
static inline void hyb_dump_number(hyb_dump *dump, uint32_t number) {
  int32_t digits = 1;
  while (digits < 8 && number >> 4 * digits != 0) digits++;
  hyb_dump_char(dump, ' ');
  while (digits-- > 0) hyb_dump_char(dump, "0123456789abcdef"[number >> 4 * digits & 15u]);
}

/* Lines of at most 16 numbers: key, place of the first, numbers. */
static inline void hyb_dump_list(hyb_dump *dump, const char *key, const uint32_t *numbers, uint32_t n) {
  for (uint32_t first = 0; first < n; first += 16) {
    hyb_dump_text(dump, key);
    hyb_dump_number(dump, first);
    for (uint32_t i = first; i < n && i < first + 16; i++) hyb_dump_number(dump, numbers[i]);
    hyb_dump_char(dump, '\n');
  }
}

static inline void hyb_dump_begin(hyb_dump *dump, hyb_put put, void *user, const char *head) {
  dump->put = put;
  dump->user = user;
  dump->crc = 0xFFFFFFFFu;
  hyb_dump_text(dump, head);
}

/* The last line: `end` and the CRC of all lines before. */
static inline void hyb_dump_end(hyb_dump *dump) {
  const uint32_t crc = dump->crc ^ 0xFFFFFFFFu;
  hyb_dump_text(dump, "end");
  hyb_dump_number(dump, crc);
  hyb_dump_char(dump, '\n');
}

#define HYB_STATS_HIT(ctx, map) hyb_count(&(ctx)->stats.hits[map])
#define HYB_STATS_COMPUTE(ctx, map) hyb_count(&(ctx)->stats.computes[map])
#define HYB_STATS_VISIT(ctx, node) hyb_count(&(ctx)->stats.visits[node])
#define HYB_ON_RESULT(ctx, result)                                                                                     \
  do {                                                                                                                 \
    hyb_count(&(ctx)->stats.decisions);                                                                                \
    hyb_count(&(ctx)->stats.stages[(result).stage]);                                                                   \
    hyb_count(&(ctx)->stats.classes[(result).label]);                                                                  \
    (ctx)->stats.cost_sum += (result).cost;                                                                            \
    if ((result).cost > (ctx)->stats.cost_max) (ctx)->stats.cost_max = (result).cost;                                  \
  } while (0)
#else
#define HYB_STATS_HIT(ctx, map) ((void)0)
#define HYB_STATS_COMPUTE(ctx, map) ((void)0)
#define HYB_STATS_VISIT(ctx, node) ((void)0)
#define HYB_ON_RESULT(ctx, result) ((void)0)
#endif

#endif /* HYB_STATS_H */
