/* One line of the log, put together without printf. */
#ifndef LINE_H
#define LINE_H
#include "io.h"

typedef struct {
  int32_t length;
  char text[512];
} log_line;

static inline void line_text(log_line *line, const char *text) {
  while (*text != '\0' && line->length < (int32_t)sizeof line->text - 1) line->text[line->length++] = *text++;
}

static inline void line_unsigned(log_line *line, uint32_t value) {
  char digits[11];
  int32_t at = 10;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + (int32_t)(value % 10u));
    value /= 10u;
  } while (value != 0);
  line_text(line, digits + at);
}

static inline void line_number(log_line *line, int32_t value) {
  if (value < 0) line_text(line, "-");
  line_unsigned(line, value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

static inline void line_end(log_line *line) {
  line->text[line->length++] = '\n';
  io_write(line->text, line->length);
  line->length = 0;
}

#endif /* LINE_H */
