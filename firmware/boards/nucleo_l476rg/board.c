/* ST Nucleo-L476RG (STM32L476: Cortex-M4). USART2 on PA2 and PA3 goes to the debugger's USB serial port. The core
 * stays at the 4 MHz that it wakes with: cycles do not depend on it, as flash needs no wait states there. */
#include "board.h"
#include "cycles.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RCC_AHB2ENR REGISTER(0x4002104Cu)
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define GPIOA_MODER REGISTER(0x48000000u)
#define GPIOA_AFRL REGISTER(0x48000020u)
#define USART2_CR1 REGISTER(0x40004400u)
#define USART2_BRR REGISTER(0x4000440Cu)
#define USART2_ISR REGISTER(0x4000441Cu)
#define USART2_ICR REGISTER(0x40004420u)
#define USART2_RDR REGISTER(0x40004424u)
#define USART2_TDR REGISTER(0x40004428u)

enum { OVERRUN = 1 << 3, RECEIVED = 1 << 5, TRANSMIT_EMPTY = 1 << 7, USART_RX_TX_ON = 1 << 3 | 1 << 2 | 1 };

const char *const board_name = "nucleo_l476rg";
const uint32_t board_hz = 4000000;

void board_init(void) {
  RCC_AHB2ENR |= 1u;                                               /* GPIOA */
  RCC_APB1ENR1 |= 1u << 17;                                        /* USART2 */
  GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 4)) | 0xAu << 4;          /* PA2, PA3: alternate function */
  GPIOA_AFRL = (GPIOA_AFRL & ~(0xFFu << 8)) | 0x77u << 8;          /* number 7: USART2 */
  USART2_BRR = (board_hz + BOARD_BAUD / 2) / BOARD_BAUD;
  USART2_CR1 = USART_RX_TX_ON;
  cycles_init();
}

int32_t board_get(void) {
  while ((USART2_ISR & RECEIVED) == 0) {
    if ((USART2_ISR & OVERRUN) != 0) USART2_ICR = OVERRUN;
  }
  return (int32_t)(USART2_RDR & 0xFFu);
}

void board_put(const uint8_t *bytes, int32_t size) {
  for (int32_t i = 0; i < size; i++) {
    while ((USART2_ISR & TRANSMIT_EMPTY) == 0) {
    }
    USART2_TDR = bytes[i];
  }
}

uint32_t board_cycles(void) { return cycles_now(); }

const char *board_counter(void) { return cycles_source(); }
