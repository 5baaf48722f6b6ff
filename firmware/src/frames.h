/* Frames on a serial line: 0xA5, type, length (2 bytes), payload, CRC-16 (2 bytes), low bytes first; see PROTOCOL.md. */
#ifndef FRAMES_H
#define FRAMES_H
#include <stdint.h>

#ifndef FRAME_BYTES
#define FRAME_BYTES 1024 /* of the longest payload that a board takes; even, at most 1024 */
#endif

enum { FRAME_SYNC = 0xA5 };
enum { FRAME_GOOD = 0, FRAME_BAD_CRC = 1, FRAME_TOO_LONG = 2, FRAME_GONE = -1 };

typedef struct {
  uint8_t type;
  uint16_t length;
  uint8_t payload[FRAME_BYTES];
} serial_frame;

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected. */
uint16_t frame_crc(uint16_t crc, const uint8_t *bytes, int32_t size);

/* Wait for a frame. Returns FRAME_GOOD or what is wrong; FRAME_GONE where the line has ended. */
int32_t frame_receive(serial_frame *f);

/* Send a frame in parts: its head, its payload in as many pieces as you like, its end. */
void frame_begin(uint8_t type, uint32_t length);
void frame_bytes(const void *bytes, int32_t size);
void frame_u32(uint32_t value);
void frame_u16(uint32_t value);
void frame_end(void);

#endif /* FRAMES_H */
