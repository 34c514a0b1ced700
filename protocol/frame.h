/* A frame: u32 big-endian length, then that many bytes. Pure. */
#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include "common/err.h"

#include <stddef.h>

enum { FRAME_HEAD = 4 };

/* Is the first frame whole? 1: *ret_body bytes follow its head; 0: more bytes are needed; -1: it announces nothing, or more than PROTOCOL_FRAME_MAX. */
int frame_peek(const char *bytes, size_t n, size_t *ret_body, struct err *err);

#endif
