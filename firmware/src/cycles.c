#include "cycles.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define DEMCR REGISTER(0xE000EDFCu)
#define DWT_CTRL REGISTER(0xE0001000u)
#define DWT_CYCCNT REGISTER(0xE0001004u)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)

enum { TRCENA = 1 << 24, CYCCNTENA = 1, SYSTICK_TOP = 0xFFFFFF };

void SysTick_Handler(void);

static volatile uint32_t wraps;
static int32_t has_dwt;

void SysTick_Handler(void) { wraps++; }

void cycles_init(void) {
#if !defined(__ARM_ARCH_6M__)
  DEMCR |= (uint32_t)TRCENA;
  DWT_CYCCNT = 0;
  DWT_CTRL |= (uint32_t)CYCCNTENA;
  for (volatile int32_t wait = 0; wait < 16; wait++) {
  }
  has_dwt = DWT_CYCCNT != 0; /* emulators have the registers and no counter behind them */
#endif
  if (has_dwt) return;
  SYST_RVR = SYSTICK_TOP;
  SYST_CVR = 0;
  SYST_CSR = 7; /* core clock, interrupt, on */
}

uint32_t cycles_now(void) {
  uint32_t before, value;
  if (has_dwt) return DWT_CYCCNT;
  do {
    before = wraps;
    value = SYSTICK_TOP - SYST_CVR;
  } while (before != wraps);
  return (before << 24) + value;
}

const char *cycles_source(void) { return has_dwt ? "DWT" : "SysTick"; }
