#include "frames.h"

#include "board.h"

static uint16_t sent_crc;

uint16_t frame_crc(uint16_t crc, const uint8_t *bytes, int32_t size) {
  for (int32_t i = 0; i < size; i++) {
    uint32_t x = ((uint32_t)crc >> 8 ^ bytes[i]) & 0xFFu;
    x ^= x >> 4;
    crc = (uint16_t)((uint32_t)crc << 8 ^ x << 12 ^ x << 5 ^ x);
  }
  return crc;
}

static int32_t receive_bytes(uint8_t *to, int32_t size) {
  for (int32_t i = 0; i < size; i++) {
    const int32_t byte = board_get();
    if (byte < 0) return 0;
    to[i] = (uint8_t)byte;
  }
  return 1;
}

int32_t frame_receive(serial_frame *f) {
  uint8_t head[3], tail[2];
  int32_t byte;
  do {
    byte = board_get();
    if (byte < 0) return FRAME_GONE;
  } while (byte != FRAME_SYNC);
  if (!receive_bytes(head, 3)) return FRAME_GONE;
  f->type = head[0];
  f->length = (uint16_t)(head[1] | (uint32_t)head[2] << 8);
  if (f->length > FRAME_BYTES) return FRAME_TOO_LONG;
  if (!receive_bytes(f->payload, f->length) || !receive_bytes(tail, 2)) return FRAME_GONE;
  const uint16_t crc = frame_crc(frame_crc(0xFFFF, head, 3), f->payload, f->length);
  return tail[0] == (crc & 0xFFu) && tail[1] == crc >> 8 ? FRAME_GOOD : FRAME_BAD_CRC;
}

void frame_bytes(const void *bytes, int32_t size) {
  sent_crc = frame_crc(sent_crc, (const uint8_t *)bytes, size);
  board_put((const uint8_t *)bytes, size);
}

void frame_u16(uint32_t value) {
  const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
  frame_bytes(bytes, 2);
}

void frame_u32(uint32_t value) {
  frame_u16(value);
  frame_u16(value >> 16);
}

void frame_begin(uint8_t type, uint32_t length) {
  const uint8_t sync = FRAME_SYNC;
  board_put(&sync, 1);
  sent_crc = 0xFFFF;
  frame_bytes(&type, 1);
  frame_u16(length);
}

void frame_end(void) { frame_u16(sent_crc); }
