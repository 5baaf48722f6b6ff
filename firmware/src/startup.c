/* Start of a bare Cortex-M image: vector table, memory, and on to enter(), which a program chooses by linking
 * io_semihosting.c or standalone.c. The addresses come from boards/<board>/board.ld. */
#include <stdint.h>

extern uint32_t image_stack_top[], image_data_load[], image_data[], image_data_end[], image_bss[], image_bss_end[];

void enter(void);
void reset(void);
void fault(void);
void SysTick_Handler(void);

__attribute__((weak)) void SysTick_Handler(void) {}

void reset(void) {
  const uint32_t *from = image_data_load;
  for (uint32_t *to = image_data; to < image_data_end; to++) *to = *from++;
  for (uint32_t *to = image_bss; to < image_bss_end; to++) *to = 0;
  enter();
  fault();
}

/* A fault must not look like an answer: stop here, where a debugger finds it and a watchdog bites. */
void fault(void) {
  for (;;) {
  }
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *stack;
  vector handlers[15];
} vectors = {
    image_stack_top,
    {reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, SysTick_Handler},
};
