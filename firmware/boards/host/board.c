/* A PC in the place of a board: the serial line is standard input and output, the counter is processor time. */
#include "board.h"

#include <stdio.h>
#include <time.h>

const char *const board_name = "host";
const uint32_t board_hz = 1000000;

void board_init(void) {}

int32_t board_get(void) {
  const int byte = getchar();
  return byte == EOF ? -1 : byte;
}

void board_put(const uint8_t *bytes, int32_t size) {
  fwrite(bytes, 1, (size_t)size, stdout);
  fflush(stdout);
}

uint32_t board_cycles(void) { return (uint32_t)((int64_t)clock() * board_hz / CLOCKS_PER_SEC); }

const char *board_counter(void) { return "clock"; }
