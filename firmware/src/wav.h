/* Reads 16-bit mono PCM from a WAV file, a block at a time. */
#ifndef WAV_H
#define WAV_H
#include <stdint.h>

typedef struct {
  int32_t handle;
  uint32_t left; /* bytes of samples not read yet */
} wav_file;

/* Open a recording of this rate. Returns NULL, or what is wrong with the file. */
const char *wav_open(wav_file *file, const char *path, uint32_t rate);
/* Read up to n samples. Returns how many, 0 at the end. */
int32_t wav_read(wav_file *file, int16_t *to, int32_t n);
void wav_close(wav_file *file);

#endif /* WAV_H */
