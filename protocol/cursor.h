/* Reads msgpack values one by one from bytes that nobody vouches for. Never allocates; a container that claims more elements than bytes are left,
 * a length past the end or nesting beyond CURSOR_DEPTH_MAX is an error. Pure. */
#ifndef PROTOCOL_CURSOR_H
#define PROTOCOL_CURSOR_H

#include <stddef.h>
#include <stdint.h>

enum { CURSOR_DEPTH_MAX = 8 };

enum wire_kind { WIRE_NIL, WIRE_BOOL, WIRE_UINT, WIRE_NEGATIVE, WIRE_FLOAT, WIRE_STR, WIRE_BIN, WIRE_EXT, WIRE_ARRAY, WIRE_MAP };

struct wire {
    enum wire_kind kind;
    uint64_t number;              /* BOOL, UINT: the value; NEGATIVE: its two's complement; STR, BIN, EXT: bytes; ARRAY: elements; MAP: pairs */
    const char *bytes;            /* STR, BIN, EXT */
};

struct cursor { const unsigned char *at, *end; };

/* The next value, or the head of the next container: its elements follow. -1 when the bytes are not msgpack. */
int cursor_next(struct cursor *c, struct wire *ret);
int cursor_skip(struct cursor *c, int depth);   /* one whole value that lies at this depth (outermost: 1) */

#endif
