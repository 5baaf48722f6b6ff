/* Files, command line and exit through semihosting: "Semihosting for AArch32 and AArch64", Arm IHI 0070. */
#include "io.h"

#include <string.h>

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_GET_CMDLINE = 0x15, SYS_EXIT = 0x20 };
enum { MODE_RB = 1, MODE_W = 4, APPLICATION_EXIT = 0x20026 };
enum { COMMAND_LINE = 1024, ARGUMENTS = 64 };

void enter(void);
int main(int argc, char **argv);

static uint32_t handles[IO_FILES];
static uint8_t taken[IO_FILES];

static uint32_t address(const void *at) { return (uint32_t)(uintptr_t)at; }

static uint32_t call(uint32_t operation, const uint32_t *block) {
  register uint32_t r0 __asm__("r0") = operation;
  register uint32_t r1 __asm__("r1") = address(block);
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static uint32_t open_mode(const char *path, uint32_t mode) {
  const uint32_t block[3] = {address(path), mode, (uint32_t)strlen(path)};
  return call(SYS_OPEN, block);
}

int32_t io_open(const char *path) {
  for (int32_t i = 0; i < IO_FILES; i++) {
    if (!taken[i]) {
      handles[i] = open_mode(path, MODE_RB);
      taken[i] = handles[i] != UINT32_MAX;
      return taken[i] ? i : -1;
    }
  }
  return -1;
}

int32_t io_read(int32_t handle, void *to, int32_t size) {
  const uint32_t block[3] = {handles[handle], address(to), (uint32_t)size};
  const uint32_t missing = call(SYS_READ, block); /* bytes not read; more than asked for is an error */
  return missing > (uint32_t)size ? 0 : size - (int32_t)missing;
}

void io_close(int32_t handle) {
  call(SYS_CLOSE, &handles[handle]);
  taken[handle] = 0;
}

void io_write(const char *text, int32_t size) {
  static uint32_t console = UINT32_MAX;
  if (console == UINT32_MAX) console = open_mode(":tt", MODE_W);
  const uint32_t block[3] = {console, address(text), (uint32_t)size};
  call(SYS_WRITE, block);
}

/* Splits the command line at blanks (a path with a blank goes into a list file) and runs main. */
void enter(void) {
  static char line[COMMAND_LINE];
  static char *argv[ARGUMENTS];
  uint32_t block[2] = {address(line), sizeof line};
  int argc = 0;
  if (call(SYS_GET_CMDLINE, block) == 0) {
    for (char *at = line; *at != '\0' && argc < ARGUMENTS; argc++) {
      while (*at == ' ') at++;
      if (*at == '\0') break;
      argv[argc] = at;
      while (*at != '\0' && *at != ' ') at++;
      if (*at == ' ') *at++ = '\0';
    }
  }
  const uint32_t end[2] = {APPLICATION_EXIT, (uint32_t)main(argc, argv)};
  call(SYS_EXIT, end);
  for (;;) {
  }
}
