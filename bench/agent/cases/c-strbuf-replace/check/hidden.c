#include "strbuf.h"
#include <stdio.h>
#include <string.h>

static int check(const char *text, const char *find, const char *with, const char *wanted, size_t count) {
  struct strbuf buf;
  strbuf_init(&buf);
  strbuf_adds(&buf, text);
  size_t got = strbuf_replace(&buf, find, with);
  int bad = got != count || strcmp(buf.text, wanted) || buf.length != strlen(wanted);
  if (bad) printf("%s: %zu, %s\n", text, got, buf.text);
  strbuf_adds(&buf, "!");
  bad |= buf.text[buf.length - 1] != '!' || buf.text[buf.length];
  strbuf_free(&buf);
  return bad;
}

int main(void) {
  return check("a-b-c", "-", "+", "a+b+c", 2) | check("aaa", "aa", "a", "aa", 1) | check("aaaa", "aa", "aaa", "aaaaaa", 2) |
         check("x", "", "y", "x", 0) | check("", "x", "y", "", 0) | check("ab", "ab", "", "", 1) | check("abab", "ba", "", "ab", 1) |
         check("----------------------------------------", "-", "long text", "long textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong textlong text", 40);
}
