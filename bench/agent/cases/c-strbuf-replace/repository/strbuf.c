#include "strbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(struct strbuf *buf, size_t more) {
  size_t needed = buf->length + more + 1;
  if (needed <= buf->size) return;
  size_t size = buf->size ? buf->size * 2 : 32;
  if (size < needed) size = needed;
  char *text = realloc(buf->text, size);
  if (!text) {
    fputs("out of memory\n", stderr);
    exit(1);
  }
  buf->text = text;
  buf->size = size;
}

void strbuf_init(struct strbuf *buf) {
  memset(buf, 0, sizeof *buf);
  grow(buf, 0);
  buf->text[0] = 0;
}

void strbuf_free(struct strbuf *buf) {
  free(buf->text);
  memset(buf, 0, sizeof *buf);
}

void strbuf_add(struct strbuf *buf, const char *text, size_t length) {
  grow(buf, length);
  memcpy(buf->text + buf->length, text, length);
  buf->length += length;
  buf->text[buf->length] = 0;
}

void strbuf_adds(struct strbuf *buf, const char *text) { strbuf_add(buf, text, strlen(text)); }
