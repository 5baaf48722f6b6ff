
// What stands behind the stand-ins when a sketch is run: samples from standard input, the serial port on standard output.
#include <stdio.h>
#include <stdlib.h>

UARTClass Serial;
PDMClass PDM;
static void (*on_receive)();
static char heard[4096];
static size_t waiting;

void delay(unsigned long) { exit(3); }
size_t Print::print(const char *text) { return fwrite(text, 1, strlen(text), stdout); }
size_t Print::print(int number) { return static_cast<size_t>(printf("%d", number)); }
size_t Print::print(long number) { return static_cast<size_t>(printf("%ld", number)); }
size_t Print::print(unsigned int number) { return static_cast<size_t>(printf("%u", number)); }
size_t Print::print(unsigned long number) { return static_cast<size_t>(printf("%lu", number)); }
size_t Print::print(double number, int digits) { return static_cast<size_t>(printf("%.*f", digits, number)); }
size_t Print::println() { return print("\n"); }
size_t Print::println(const char *text) { return print(text) + println(); }
void UARTClass::begin(unsigned long) {}
int PDMClass::begin(int channels, int rate) { return channels == 1 && rate == 16000; }
void PDMClass::onReceive(void (*call)(void)) { on_receive = call; }
int PDMClass::read(void *buffer, size_t size) {
  const size_t n = size < waiting ? size : waiting;
  memcpy(buffer, heard, n);
  waiting = 0;
  return static_cast<int>(n);
}

int main(int, char **argv) {
  const size_t block = static_cast<size_t>(atoi(argv[1]));
  setup();
  while ((waiting = fread(heard, 1, block, stdin)) > 0) {
    on_receive();
    loop();
  }
  return 0;
}
