/* Hooks that the emulator calls: count executed instructions by address, and by the functions that are running.
 * A track is a function whose running time is of interest: it names a cell of a table by its row or its column, and
 * an instruction counts for the innermost row and the innermost column that are running. */
#include <stdint.h>

typedef int (*read_register)(void *uc, int id, void *value);
typedef int (*stop_emulation)(void *uc);

#define DEPTH 256

typedef struct {
  uint32_t back, sp; /* return address and stack pointer at the call */
  int32_t track, row, column;
} frame;

typedef struct {
  const uint16_t *code; /* the executable halfwords from address `base` */
  uint32_t base, halfwords;
  uint64_t total;
  uint64_t *executed;    /* per halfword: how often the instruction that begins there ran */
  const int32_t *track;  /* per halfword: track that begins there, or -1 */
  const int32_t *rows;   /* per track: row, or -1 */
  const int32_t *columns;
  uint64_t *calls;       /* per track */
  uint64_t *table;       /* [row][column]; row and column 0 stand for none */
  int32_t width;
  int32_t depth;
  int32_t sp_id, lr_id;
  uint32_t last, end;    /* halfwords: the last instruction of the block before, and the one after that block */
  uint64_t *taken;       /* per halfword: how often the instruction that begins there did not go on to the next one */
  uint64_t limit;        /* instructions after which a call is taken to hang */
  read_register reg;
  stop_emulation stop;
  int32_t overflow;      /* more tracked functions inside each other than frames */
  int32_t paused;
  frame frames[DEPTH];
} counter;

static uint32_t reg(counter *c, void *uc, int32_t id) {
  uint32_t value = 0;
  c->reg(uc, id, &value);
  return value;
}

static void enter(counter *c, void *uc, int32_t track) {
  const frame *outer = &c->frames[c->depth];
  const uint32_t back = reg(c, uc, c->lr_id) & ~1u, sp = reg(c, uc, c->sp_id);
  if (c->depth > 0 && outer->track == track && outer->back == back && outer->sp == sp) return; /* a loop, no call */
  if (c->depth == DEPTH - 1) {
    c->overflow = 1;
    return;
  }
  frame *f = &c->frames[++c->depth];
  f->track = track;
  f->back = back;
  f->sp = sp;
  f->row = c->rows[track] < 0 ? outer->row : c->rows[track];
  f->column = c->columns[track] < 0 ? outer->column : c->columns[track];
  c->calls[track]++;
}

void hyb_count_block(void *uc, uint64_t address, uint32_t size, void *user) {
  counter *c = (counter *)user;
  uint32_t at = ((uint32_t)address - c->base) / 2, count = 0;
  if (at >= c->halfwords || c->paused) return;
  if (c->end != 0 && at != c->end) c->taken[c->last]++;
  while (c->depth > 0 && c->frames[c->depth].back == (uint32_t)address &&
         reg(c, uc, c->sp_id) == c->frames[c->depth].sp)
    c->depth--;
  if (c->track[at] >= 0) enter(c, uc, c->track[at]);
  for (const uint32_t end = at + size / 2; at < end && at < c->halfwords; count++) {
    c->executed[at]++;
    c->last = at;
    at += (c->code[at] >> 11) >= 0x1D ? 2 : 1; /* 11101, 11110, 11111: a 32-bit instruction */
  }
  c->end = at;
  c->total += count;
  c->table[c->frames[c->depth].row * c->width + c->frames[c->depth].column] += count;
  if (c->total > c->limit) c->stop(uc);
}
