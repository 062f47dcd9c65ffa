#include "ring.h"
#include <stdio.h>
#include <string.h>

/* Against a plain queue, with sizes that are made up but always the same. */
int main(void) {
  struct ring ring;
  unsigned char queue[1 << 16], in[64], out[64];
  size_t head = 0, tail = 0;
  unsigned seed = 7, next = 0;
  ring_init(&ring);
  for (int round = 0; round < 2000; round++) {
    seed = seed * 1103515245u + 12345u;
    size_t size = (seed >> 16) % 20;
    if (seed & 0x8000) {
      for (size_t at = 0; at < size; at++) in[at] = (unsigned char)(next + at);
      size_t room = RING_SIZE - (tail - head), wrote = ring_write(&ring, in, size);
      if (wrote != (size < room ? size : room)) return printf("round %d: wrote %zu\n", round, wrote), 1;
      memcpy(queue + tail, in, wrote);
      tail += wrote;
      next += wrote;
    } else {
      size_t got = ring_read(&ring, out, size);
      if (got != (size < tail - head ? size : tail - head) || memcmp(out, queue + head, got)) return printf("round %d: read wrong\n", round), 1;
      head += got;
    }
  }
  return 0;
}
