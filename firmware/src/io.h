/* Files and a log, of a PC (io_stdio.c) or through a debugger (io_semihosting.c). */
#ifndef IO_H
#define IO_H
#include <stdint.h>

#define IO_FILES 2 /* open at the same time: a list, and a recording that it names */

/* Open for reading. Returns a handle from 0 to IO_FILES - 1, or -1. */
int32_t io_open(const char *path);
/* Read up to size bytes. Returns how many, 0 at the end of the file or where it cannot be read. */
int32_t io_read(int32_t handle, void *to, int32_t size);
void io_close(int32_t handle);
/* Append to the log. */
void io_write(const char *text, int32_t size);

#endif /* IO_H */
