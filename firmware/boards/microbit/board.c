/* BBC micro:bit version 1 (nRF51822: Cortex-M0, 16 MHz), also `qemu-system-arm -M microbit`. Its core has no SysTick:
 * TIMER0 counts at 16 MHz, once a core cycle. */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART(offset) REGISTER(0x40002000u + (offset))
#define UART_STARTRX UART(0x000u)
#define UART_STARTTX UART(0x008u)
#define UART_RXDRDY UART(0x108u)
#define UART_TXDRDY UART(0x11Cu)
#define UART_ENABLE UART(0x500u)
#define UART_PSELTXD UART(0x50Cu)
#define UART_PSELRXD UART(0x514u)
#define UART_RXD UART(0x518u)
#define UART_TXD UART(0x51Cu)
#define UART_BAUDRATE UART(0x524u)
#define TIMER(offset) REGISTER(0x40008000u + (offset))
#define TIMER_START TIMER(0x000u)
#define TIMER_CAPTURE0 TIMER(0x040u)
#define TIMER_BITMODE TIMER(0x508u)
#define TIMER_PRESCALER TIMER(0x510u)
#define TIMER_CC0 TIMER(0x540u)

enum { UART_ON = 4, BAUD_115200 = 0x01D7E000, BITS_32 = 3, PIN_TX = 24, PIN_RX = 25 };

const char *const board_name = "microbit";
const uint32_t board_hz = 16000000;

void board_init(void) {
  UART_PSELTXD = PIN_TX;
  UART_PSELRXD = PIN_RX;
  UART_BAUDRATE = BAUD_115200;
  UART_ENABLE = UART_ON;
  UART_STARTRX = 1;
  UART_STARTTX = 1;
  TIMER_BITMODE = BITS_32;
  TIMER_PRESCALER = 0;
  TIMER_START = 1;
}

int32_t board_get(void) {
  while (UART_RXDRDY == 0) {
  }
  UART_RXDRDY = 0;
  return (int32_t)(UART_RXD & 0xFFu);
}

void board_put(const uint8_t *bytes, int32_t size) {
  for (int32_t i = 0; i < size; i++) {
    UART_TXDRDY = 0;
    UART_TXD = bytes[i];
    while (UART_TXDRDY == 0) {
    }
  }
}

uint32_t board_cycles(void) {
  TIMER_CAPTURE0 = 1;
  return TIMER_CC0;
}

const char *board_counter(void) { return "TIMER0"; }
