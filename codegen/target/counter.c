/* Hooks that the emulator calls: count executed instructions by address, and by the functions that are running.
 * A track is a function whose running time is of interest: it names a cell of a table by its row or its column, and
 * an instruction counts for the innermost row and the innermost column that are running. */
#include <stdint.h>

typedef int (*read_register)(void *uc, int id, void *value);
typedef int (*stop_emulation)(void *uc);

typedef struct {
  uint32_t back, sp; /* return address and stack pointer at the call */
  int32_t row, column;
} frame;

typedef struct {
  const uint16_t *code; /* the executable halfwords from address `base` */
  uint32_t base, halfwords;
  uint32_t ram, ram_end;
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
  uint64_t unaligned;    /* first unaligned address, or 0 */
  read_register reg;
  stop_emulation stop;
  frame frames[256];
} counter;

static uint32_t reg(counter *c, void *uc, int32_t id) {
  uint32_t value = 0;
  c->reg(uc, id, &value);
  return value;
}

static void enter(counter *c, void *uc, int32_t track) {
  const frame *outer = &c->frames[c->depth];
  if (c->depth == 255) return;
  frame *f = &c->frames[++c->depth];
  f->back = reg(c, uc, c->lr_id) & ~1u;
  f->sp = reg(c, uc, c->sp_id);
  f->row = c->rows[track] < 0 ? outer->row : c->rows[track];
  f->column = c->columns[track] < 0 ? outer->column : c->columns[track];
  c->calls[track]++;
}

void hyb_count_block(void *uc, uint64_t address, uint32_t size, void *user) {
  counter *c = (counter *)user;
  uint32_t at = ((uint32_t)address - c->base) / 2, count = 0;
  if (at >= c->halfwords) return;
  while (c->depth > 0 && c->frames[c->depth].back == (uint32_t)address &&
         reg(c, uc, c->sp_id) == c->frames[c->depth].sp)
    c->depth--;
  if (c->track[at] >= 0) enter(c, uc, c->track[at]);
  for (const uint32_t end = at + size / 2; at < end; count++) {
    c->executed[at]++;
    at += (c->code[at] >> 11) >= 0x1D ? 2 : 1; /* 11101, 11110, 11111: a 32-bit instruction */
  }
  c->total += count;
  c->table[c->frames[c->depth].row * c->width + c->frames[c->depth].column] += count;
}

void hyb_check_access(void *uc, int type, uint64_t address, int size, int64_t value, void *user) {
  counter *c = (counter *)user;
  (void)type;
  (void)value;
  if ((address & (uint64_t)(size - 1)) != 0) {
    c->unaligned = address;
    c->stop(uc);
  }
}
