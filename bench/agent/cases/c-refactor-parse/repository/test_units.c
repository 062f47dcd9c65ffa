#include "units.h"
#include <assert.h>
#include <stdio.h>

int main(void) {
  assert(parse_size("10k") == 10240);
  assert(parse_duration("1h30m") == 5400);
  assert(parse_duration("5") == 5);
  assert(parse_size("x") == -1);
  puts("ok");
  return 0;
}
