#include "ring.h"
#include <string.h>

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

void ring_init(struct ring *ring) { memset(ring, 0, sizeof *ring); }

size_t ring_write(struct ring *ring, const void *from, size_t count) {
  const unsigned char *bytes = from;
  size_t end = (ring->start + ring->used) % RING_SIZE;
  count = least(count, RING_SIZE - ring->used);
  size_t first = least(count, RING_SIZE - ring->start);
  if (end + first > RING_SIZE) first = RING_SIZE - end;
  memcpy(ring->bytes + end, bytes, first);
  memcpy(ring->bytes, bytes + first, count - first);
  ring->used += count;
  return count;
}

size_t ring_read(struct ring *ring, void *to, size_t count) {
  unsigned char *bytes = to;
  count = least(count, ring->used);
  size_t first = least(count, RING_SIZE - ring->start);
  memcpy(bytes, ring->bytes + ring->start, first);
  memcpy(bytes + first, ring->bytes, count - first);
  ring->start = (ring->start + count) % RING_SIZE;
  ring->used -= count;
  return count;
}
