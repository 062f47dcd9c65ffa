#include "strbuf.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  struct strbuf buf;
  strbuf_init(&buf);
  for (int i = 0; i < 100; i++) strbuf_adds(&buf, "ab");
  assert(buf.length == 200 && strlen(buf.text) == 200);
  strbuf_free(&buf);
  puts("ok");
  return 0;
}
