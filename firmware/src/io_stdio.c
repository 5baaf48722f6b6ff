#include "io.h"

#include <stdio.h>

static FILE *files[IO_FILES];

int32_t io_open(const char *path) {
  for (int32_t i = 0; i < IO_FILES; i++) {
    if (files[i] == NULL) {
      files[i] = fopen(path, "rb");
      return files[i] != NULL ? i : -1;
    }
  }
  return -1;
}

int32_t io_read(int32_t handle, void *to, int32_t size) {
  return (int32_t)fread(to, 1, (size_t)size, files[handle]);
}

void io_close(int32_t handle) {
  fclose(files[handle]);
  files[handle] = NULL;
}

void io_write(const char *text, int32_t size) { fwrite(text, 1, (size_t)size, stdout); }
