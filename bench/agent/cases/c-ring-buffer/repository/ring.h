#ifndef RING_H
#define RING_H
#include <stddef.h>

/* Bytes in the order they came, up to RING_SIZE of them. */
#define RING_SIZE 16

struct ring {
  unsigned char bytes[RING_SIZE];
  size_t start; /* of the oldest byte */
  size_t used;
};

void ring_init(struct ring *ring);
/* Takes as many bytes as there is room for; returns how many. */
size_t ring_write(struct ring *ring, const void *from, size_t count);
/* Gives at most `count` bytes, the oldest first; returns how many. */
size_t ring_read(struct ring *ring, void *to, size_t count);
#endif
