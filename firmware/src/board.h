/* What a board gives to the programs here; boards/<board>/board.c has it for one board. */
#ifndef BOARD_H
#define BOARD_H
#include <stdint.h>

#define BOARD_BAUD 115200

/* board_name: such as "mps2_an386"; board_hz: the counter's rate. */
extern const char *const board_name;
extern const uint32_t board_hz;

/* Start clocks, serial line (8N1 at BOARD_BAUD) and counter. */
void board_init(void);
/* Wait for a byte of the serial line. Returns it, or -1 where the line is gone for good (never on a real board). */
int32_t board_get(void);
void board_put(const uint8_t *bytes, int32_t size);
/* The counter, wrapping at 2**32: the difference of two readings is right up to that. */
uint32_t board_cycles(void);
/* What counts: "DWT", "SysTick", "TIMER0", ... */
const char *board_counter(void);

#endif /* BOARD_H */
