/* Answers `hybrid validate` over a serial line: takes the samples of a window, decides, and tells the answer with the
 * counters and the cycles that it took. The frames are described in PROTOCOL.md, the board is boards/<board>/board.c.
 *
 * Built with HYB_TRACE the model counts what it computes; counting takes part of the cycles. MODEL_HASH is the SHA-256
 * of the model's header, in hexadecimal. */
#include <string.h>

#include "board.h"
#include "frames.h"
#include "model.h"

enum { PROTOCOL = 1, HAS_COUNTERS = 1, STREAMS = 2, KEEPS_SAMPLES = 4 };
enum { ERROR_CRC = 1, ERROR_LENGTH = 2, ERROR_TYPE = 3, ERROR_NOT_READY = 4 };

#ifdef HYB_TRACE
enum { COUNTERS = HAS_COUNTERS, COUNTED = 4 + 8 * MODEL_MAPS };
#else
enum { COUNTERS = 0, COUNTED = 0 };
#endif
#if defined(MODEL_STREAM) && defined(MODEL_KEEP_SAMPLES)
enum { STREAMING = STREAMS | KEEPS_SAMPLES };
#elif defined(MODEL_STREAM)
enum { STREAMING = STREAMS };
#else
enum { STREAMING = 0 };
#endif

static model_stream stream;
static serial_frame received;
static uint32_t push_cycles;

static void say_hello(void) {
  static const char hash[] = MODEL_HASH, model[] = MODEL_NAME;
  const char *const texts[4] = {hash, model, board_name, board_counter()};
  uint32_t length = 26;
  for (int32_t i = 0; i < 4; i++) length += (uint32_t)strlen(texts[i]) + 1;
  frame_begin('h', length);
  frame_u16(PROTOCOL | (uint32_t)(COUNTERS | STREAMING) << 8);
  frame_u16(FRAME_BYTES / 2);
  frame_u32(MODEL_WINDOW);
  frame_u32(MODEL_RATE);
  frame_u16(MODEL_CLASSES);
  frame_u16(MODEL_MAPS);
  frame_u16(MODEL_STAGES);
  frame_u32(sizeof stream);
  frame_u32(board_hz);
  for (int32_t i = 0; i < 4; i++) frame_bytes(texts[i], (int32_t)strlen(texts[i]) + 1);
  frame_end();
}

static void refuse(uint8_t error) {
  frame_begin('e', 1);
  frame_bytes(&error, 1);
  frame_end();
}

static void acknowledge(void) {
  frame_begin('k', 0);
  frame_end();
}

static void take_samples(void) {
  static int16_t pcm[FRAME_BYTES / 2];
  const int32_t n = received.length / 2;
  if (received.length % 2 != 0) {
    refuse(ERROR_LENGTH);
    return;
  }
  for (int32_t i = 0; i < n; i++) {
    const uint32_t bits = received.payload[2 * i] | (uint32_t)received.payload[2 * i + 1] << 8;
    pcm[i] = (int16_t)(bits < 32768u ? (int32_t)bits : (int32_t)bits - 65536);
  }
  const uint32_t start = board_cycles();
  model_push(&stream, pcm, (size_t)n);
  push_cycles += board_cycles() - start;
  acknowledge();
}

static void decide(void) {
  if (!model_ready(&stream)) {
    refuse(ERROR_NOT_READY);
    return;
  }
  const uint32_t start = board_cycles();
  const model_result r = model_decide(&stream);
  const uint32_t cycles = board_cycles() - start;
  const model_context *context = model_of_stream(&stream);
  frame_begin('r', 24 + 4 * MODEL_CLASSES + COUNTED);
  frame_u32((uint32_t)r.label);
  frame_u32((uint32_t)r.stage);
  frame_u32((uint32_t)r.margin);
  frame_u32(r.cost);
  frame_u32(cycles);
  frame_u32(push_cycles);
  for (int32_t i = 0; i < MODEL_CLASSES; i++) frame_u32((uint32_t)context->scores[i]);
#ifdef HYB_TRACE
  frame_u32(context->visits);
  for (int32_t i = 0; i < MODEL_MAPS; i++) frame_u32(context->computes[i]);
  for (int32_t i = 0; i < MODEL_MAPS; i++) frame_u32(context->hits[i]);
#endif
  frame_end();
  push_cycles = 0;
}

static void answer(void) {
  switch (received.type) {
    case 'H': say_hello(); break;
    case 'B':
      model_stream_init(&stream);
      push_cycles = 0;
      acknowledge();
      break;
    case 'P': take_samples(); break;
    case 'D': decide(); break;
    default: refuse(ERROR_TYPE);
  }
}

int main(void) {
  board_init();
  model_stream_init(&stream);
  for (;;) {
    switch (frame_receive(&received)) {
      case FRAME_GOOD: answer(); break;
      case FRAME_BAD_CRC: refuse(ERROR_CRC); break;
      case FRAME_TOO_LONG: refuse(ERROR_LENGTH); break;
      default: return 0;
    }
  }
}
