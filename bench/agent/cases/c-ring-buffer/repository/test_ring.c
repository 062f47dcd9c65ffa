#include "ring.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  struct ring ring;
  char out[RING_SIZE];
  ring_init(&ring);
  assert(ring_write(&ring, "hello", 5) == 5);
  assert(ring_read(&ring, out, 16) == 5 && memcmp(out, "hello", 5) == 0);
  assert(ring_write(&ring, "0123456789abcdefXX", 18) == 16);
  assert(ring_write(&ring, "y", 1) == 0);
  assert(ring_read(&ring, out, 4) == 4);
  puts("ok");
  return 0;
}
