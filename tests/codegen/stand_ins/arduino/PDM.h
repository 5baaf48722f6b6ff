// A stand-in for the PDM library of Arduino's Mbed core.
#pragma once
#include <stddef.h>

class PDMClass {
public:
  int begin(int channels, int sampleRate);
  void end();
  int available();
  int read(void *buffer, size_t size);
  void onReceive(void (*)(void));
};

extern PDMClass PDM;
