/* The cycle counter of a Cortex-M core: DWT where it runs, else SysTick with its wraps counted. */
#ifndef CYCLES_H
#define CYCLES_H
#include <stdint.h>

void cycles_init(void);
/* Core cycles, modulo 2**32. */
uint32_t cycles_now(void);
/* "DWT" or "SysTick"; after cycles_init. */
const char *cycles_source(void);

#endif /* CYCLES_H */
