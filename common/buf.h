/* A growing byte buffer with a maximum fixed at the start. An append that would pass the maximum fails and leaves
 * the buffer "failed" (sticky), so that a sequence of appends needs one check at its end. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;   /* always NUL-terminated once anything was appended; NULL before */
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
int buf_append(struct buf *b, const void *bytes, size_t n);    /* 0, or -1 when the maximum is passed */
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t n);                     /* drops n bytes at the front */
void buf_reset(struct buf *b);                                 /* empty, not failed; keeps the memory */
char *buf_take(struct buf *b);                                 /* the bytes as a string the caller frees; b is empty after */
void buf_done(struct buf *b);                                  /* frees the memory */
void buf_wipe(struct buf *b);                                  /* as buf_done, for secrets */

#endif
