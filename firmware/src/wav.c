#include "wav.h"

#include <string.h>

#include "io.h"

static uint32_t little(const uint8_t *at, int32_t bytes) {
  uint32_t value = 0;
  for (int32_t i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

/* Skips bytes by reading them: a semihosting file has no cheaper way that works on a pipe, too. */
static int32_t skip(int32_t handle, uint32_t bytes) {
  uint8_t waste[64];
  while (bytes > 0) {
    const int32_t part = bytes < sizeof waste ? (int32_t)bytes : (int32_t)sizeof waste;
    if (io_read(handle, waste, part) != part) return 0;
    bytes -= (uint32_t)part;
  }
  return 1;
}

static const char *find_samples(wav_file *file, uint32_t rate) {
  uint8_t head[12], chunk[8], format[16];
  int32_t known = 0;
  if (io_read(file->handle, head, 12) != 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
    return "not a WAV file";
  while (io_read(file->handle, chunk, 8) == 8) {
    const uint32_t size = little(chunk + 4, 4);
    if (memcmp(chunk, "data", 4) == 0) {
      file->left = size & ~(uint32_t)1;
      return known ? NULL : "samples come before their format";
    }
    if (memcmp(chunk, "fmt ", 4) == 0 && size >= 16) {
      if (io_read(file->handle, format, 16) != 16) break;
      if (little(format, 2) != 1 || little(format + 2, 2) != 1 || little(format + 14, 2) != 16)
        return "not 16-bit mono PCM";
      if (little(format + 4, 4) != rate) return "not at the model's sample rate";
      known = 1;
      if (!skip(file->handle, size - 16 + (size & 1u))) break;
    } else if (size == UINT32_MAX || !skip(file->handle, size + (size & 1u))) {
      break;
    }
  }
  return "no samples in it";
}

const char *wav_open(wav_file *file, const char *path, uint32_t rate) {
  const char *wrong;
  file->left = 0;
  file->handle = io_open(path);
  if (file->handle < 0) return "cannot be opened";
  wrong = find_samples(file, rate);
  if (wrong != NULL) io_close(file->handle);
  return wrong;
}

int32_t wav_read(wav_file *file, int16_t *to, int32_t n) {
  uint8_t bytes[512];
  int32_t done = 0;
  while (done < n && file->left > 0) {
    uint32_t part = (uint32_t)(n - done) * 2;
    if (part > sizeof bytes) part = sizeof bytes;
    if (part > file->left) part = file->left;
    const int32_t got = io_read(file->handle, bytes, (int32_t)part) / 2;
    for (int32_t i = 0; i < got; i++) {
      const uint32_t bits = little(bytes + 2 * i, 2);
      to[done++] = (int16_t)(bits < 32768u ? (int32_t)bits : (int32_t)bits - 65536);
    }
    file->left = (uint32_t)got * 2 < part ? 0 : file->left - part; /* a file that ends early ends the samples */
  }
  return done;
}

void wav_close(wav_file *file) { io_close(file->handle); }
