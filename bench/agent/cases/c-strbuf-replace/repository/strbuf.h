#ifndef STRBUF_H
#define STRBUF_H
#include <stddef.h>

/* A text that grows. `text` always ends with a zero byte, which `length` does not count. */
struct strbuf {
  char *text;
  size_t length, size;
};

/* An empty text. Ends the program where there is no memory. */
void strbuf_init(struct strbuf *buf);
void strbuf_free(struct strbuf *buf);
/* Adds to the end. `text` must not be part of the buffer. */
void strbuf_add(struct strbuf *buf, const char *text, size_t length);
void strbuf_adds(struct strbuf *buf, const char *text);
#endif
