// A stand-in for the part of Arduino's core that the exported sketch uses: just enough to compile it.
#pragma once
#include <stddef.h>
#include <stdint.h>

void delay(unsigned long ms);

class Print {
public:
  size_t print(const char *text);
  size_t print(int number);
  size_t print(long number);
  size_t print(unsigned int number);
  size_t print(unsigned long number);
  size_t print(double number, int digits = 2);
  size_t println(const char *text);
  size_t println();
};

class UARTClass : public Print {
public:
  void begin(unsigned long baud);
};

extern UARTClass Serial;
