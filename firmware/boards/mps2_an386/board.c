/* Arm MPS2+ with the AN386 image (Cortex-M4, 25 MHz), also `qemu-system-arm -M mps2-an386`. UART0 of the CMSDK. */
#include "board.h"
#include "cycles.h"

#define REGISTER(offset) (*(volatile uint32_t *)(0x40004000u + (offset)))
#define UART_DATA REGISTER(0x00u)
#define UART_STATE REGISTER(0x04u)
#define UART_CTRL REGISTER(0x08u)
#define UART_BAUDDIV REGISTER(0x10u)

enum { TX_FULL = 1, RX_FULL = 2, TX_ON = 1, RX_ON = 2 };

const char *const board_name = "mps2_an386";
const uint32_t board_hz = 25000000;

void board_init(void) {
  UART_BAUDDIV = board_hz / BOARD_BAUD;
  UART_CTRL = TX_ON | RX_ON;
  cycles_init();
}

int32_t board_get(void) {
  while ((UART_STATE & RX_FULL) == 0) {
  }
  return (int32_t)(UART_DATA & 0xFFu);
}

void board_put(const uint8_t *bytes, int32_t size) {
  for (int32_t i = 0; i < size; i++) {
    while ((UART_STATE & TX_FULL) != 0) {
    }
    UART_DATA = bytes[i];
  }
}

uint32_t board_cycles(void) { return cycles_now(); }

const char *board_counter(void) { return cycles_source(); }
