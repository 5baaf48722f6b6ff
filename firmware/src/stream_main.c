/* Streams WAV files through the model and prints a line per decision: file, number of the decision, label, margin,
 * stage (from 1) and cost. Arguments are files, or @list: a text file with a path a line.
 *
 * The same source runs on a PC and, through semihosting, on a Cortex-M; the logs are equal byte for byte. */
#include <string.h>

#include "line.h"
#include "model.h"
#include "wav.h"

enum { BLOCK = 256, PATH = 400 };

static model_stream stream;
static log_line line;

static void print_decision(const char *path, int32_t number) {
  const model_result r = model_decide(&stream);
  line_text(&line, path);
  line_text(&line, "\t");
  line_number(&line, number);
  line_text(&line, "\t");
  line_text(&line, model_labels[r.label]);
  line_text(&line, "\tmargin ");
  line_number(&line, r.margin);
  line_text(&line, "\tstage ");
  line_number(&line, r.stage + 1);
  line_text(&line, "\tcost ");
  line_unsigned(&line, r.cost);
  line_end(&line);
}

/* Pushes samples and decides where a decision is due: once there is a window, then after every MODEL_EVERY samples. */
static void push(const char *path, const int16_t *pcm, int32_t n, int32_t *fresh, int32_t *decisions) {
  while (n > 0) {
    const int32_t part = n < MODEL_HOP ? n : MODEL_HOP;
    model_push(&stream, pcm, (size_t)part);
    *fresh += part;
    pcm += part;
    n -= part;
    if (model_ready(&stream) && (*decisions == 0 || *fresh >= MODEL_EVERY)) {
      print_decision(path, ++*decisions);
      *fresh = 0;
    }
  }
}

/* A recording shorter than the window is followed by silence up to one decision. Returns 0, or 1 for a file that cannot
 * be used. */
static int stream_file(const char *path) {
  static int16_t block[BLOCK];
  wav_file file;
  int32_t fresh = 0, decisions = 0, n;
  const char *wrong = wav_open(&file, path, MODEL_RATE);
  if (wrong != NULL) {
    line_text(&line, path);
    line_text(&line, ": ");
    line_text(&line, wrong);
    line_end(&line);
    return 1;
  }
  model_stream_init(&stream);
  while ((n = wav_read(&file, block, BLOCK)) > 0) push(path, block, n, &fresh, &decisions);
  wav_close(&file);
  memset(block, 0, sizeof block);
  while (decisions == 0) push(path, block, BLOCK, &fresh, &decisions);
  return 0;
}

/* Returns how many of the files in a list cannot be used. */
static int stream_list(const char *path) {
  char name[PATH];
  int32_t length = 0, handle = io_open(path);
  int bad = 0;
  if (handle < 0) return stream_file(path); /* says that it cannot be opened */
  while (io_read(handle, name + length, 1) == 1) {
    if (name[length] == '\n' || length == PATH - 1) {
      name[length] = '\0';
      if (length > 0) bad += stream_file(name);
      length = 0;
    } else if (name[length] != '\r') {
      length++;
    }
  }
  name[length] = '\0';
  if (length > 0) bad += stream_file(name);
  io_close(handle);
  return bad;
}

int main(int argc, char **argv) {
  int bad = 0;
  if (argc < 2) {
    line_text(&line, "usage: stream FILE.wav ... or stream @LIST");
    line_end(&line);
    return 2;
  }
  for (int i = 1; i < argc; i++) bad += argv[i][0] == '@' ? stream_list(argv[i] + 1) : stream_file(argv[i]);
  return bad != 0;
}
