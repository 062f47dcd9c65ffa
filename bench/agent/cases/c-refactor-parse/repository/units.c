#include "units.h"
#include <limits.h>

long long parse_size(const char *text) {
  long long sum = 0;
  if (!*text) return -1;
  while (*text) {
    long long number = 0, factor = 1;
    if (*text < '0' || *text > '9') return -1;
    while (*text >= '0' && *text <= '9') {
      if (number > (LLONG_MAX - 9) / 10) return -1;
      number = number * 10 + (*text++ - '0');
    }
    if (*text == 'k') factor = 1024;
    else if (*text == 'M') factor = 1024 * 1024;
    else if (*text == 'G') factor = 1024 * 1024 * 1024;
    else if (*text) return -1;
    if (*text) text++;
    if (number > (LLONG_MAX - sum) / factor) return -1;
    sum += number * factor;
  }
  return sum;
}

long long parse_duration(const char *text) {
  long long sum = 0;
  if (!*text) return -1;
  while (*text) {
    long long number = 0, factor = 1;
    if (*text < '0' || *text > '9') return -1;
    while (*text >= '0' && *text <= '9') {
      if (number > (LLONG_MAX - 9) / 10) return -1;
      number = number * 10 + (*text++ - '0');
    }
    if (*text == 's') factor = 1;
    else if (*text == 'm') factor = 60;
    else if (*text == 'h') factor = 60 * 60;
    else if (*text == 'd') factor = 24 * 60 * 60;
    else if (*text) return -1;
    if (*text) text++;
    if (number > (LLONG_MAX - sum) / factor) return -1;
    sum += number * factor;
  }
  return sum;
}
