#include "units.h"
#include <stdio.h>
#define SAME(call, wanted) (call == wanted ? 0 : (printf(#call " is %lld\n", call), 1))

int main(void) {
  return SAME(parse_size(""), -1) | SAME(parse_size("3M2k"), 3147776) | SAME(parse_size("2G"), 2147483648LL) | SAME(parse_size("k"), -1) |
         SAME(parse_size("1s"), -1) | SAME(parse_size("9223372036854775807"), -1) | SAME(parse_size("9999999999G"), -1) |
         SAME(parse_size("1k1"), 1025) | SAME(parse_size("1 k"), -1) | SAME(parse_duration("1d"), 86400) | SAME(parse_duration("1k"), -1) |
         SAME(parse_duration("2d3h4m5s"), 183845) | SAME(parse_duration("-1"), -1);
}
