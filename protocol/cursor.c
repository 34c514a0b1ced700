#include "protocol/cursor.h"

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static int take_number(struct cursor *c, size_t size, uint64_t *ret)
{
    if (left(c) < size)
        return -1;
    *ret = 0;
    for (size_t i = 0; i < size; i++)
        *ret = *ret << 8 | *c->at++;
    return 0;
}

static int take_signed(struct cursor *c, size_t size, struct wire *ret)
{
    if (take_number(c, size, &ret->number))
        return -1;
    uint64_t sign = 1ull << (size * 8 - 1);
    ret->kind = ret->number & sign ? WIRE_NEGATIVE : WIRE_UINT;
    if (ret->number & sign && size < 8)
        ret->number |= ~(uint64_t)0 << (size * 8);
    return 0;
}

static int take_bytes(struct cursor *c, enum wire_kind kind, uint64_t size, struct wire *ret)
{
    if (size > left(c))
        return -1;
    *ret = (struct wire){.kind = kind, .number = size, .bytes = (const char *)c->at};
    c->at += size;
    return 0;
}

static int take_sized(struct cursor *c, enum wire_kind kind, size_t size_size, size_t extra, struct wire *ret)
{
    uint64_t size;
    return take_number(c, size_size, &size) ? -1 : take_bytes(c, kind, size + extra, ret);
}

/* Every element takes at least one byte: a larger count is a lie. */
static int take_count(struct cursor *c, enum wire_kind kind, uint64_t count, struct wire *ret)
{
    if (count > left(c) / (kind == WIRE_MAP ? 2 : 1))
        return -1;
    *ret = (struct wire){.kind = kind, .number = count};
    return 0;
}

static int take_counted(struct cursor *c, enum wire_kind kind, size_t size, struct wire *ret)
{
    uint64_t count;
    return take_number(c, size, &count) ? -1 : take_count(c, kind, count, ret);
}

static int take_plain(struct cursor *c, enum wire_kind kind, size_t size, struct wire *ret)
{
    ret->kind = kind;
    return take_number(c, size, &ret->number);
}

static int take_long_form(struct cursor *c, unsigned char head, struct wire *ret)
{
    switch (head) {
    case 0xc0: ret->kind = WIRE_NIL; return 0;
    case 0xc2: case 0xc3: *ret = (struct wire){.kind = WIRE_BOOL, .number = head & 1}; return 0;
    case 0xc4: case 0xc5: case 0xc6: return take_sized(c, WIRE_BIN, (size_t)1 << (head - 0xc4), 0, ret);
    case 0xc7: case 0xc8: case 0xc9: return take_sized(c, WIRE_EXT, (size_t)1 << (head - 0xc7), 1, ret);
    case 0xca: return take_plain(c, WIRE_FLOAT, 4, ret);
    case 0xcb: return take_plain(c, WIRE_FLOAT, 8, ret);
    case 0xcc: case 0xcd: case 0xce: case 0xcf: return take_plain(c, WIRE_UINT, (size_t)1 << (head - 0xcc), ret);
    case 0xd0: case 0xd1: case 0xd2: case 0xd3: return take_signed(c, (size_t)1 << (head - 0xd0), ret);
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return take_bytes(c, WIRE_EXT, ((uint64_t)1 << (head - 0xd4)) + 1, ret);
    case 0xd9: case 0xda: case 0xdb: return take_sized(c, WIRE_STR, (size_t)1 << (head - 0xd9), 0, ret);
    case 0xdc: case 0xdd: return take_counted(c, WIRE_ARRAY, (size_t)2 << (head - 0xdc), ret);
    case 0xde: case 0xdf: return take_counted(c, WIRE_MAP, (size_t)2 << (head - 0xde), ret);
    default: return -1;
    }
}

int cursor_next(struct cursor *c, struct wire *ret)
{
    *ret = (struct wire){.kind = WIRE_NIL};
    if (!left(c))
        return -1;
    unsigned char head = *c->at++;
    if (head < 0x80) {
        *ret = (struct wire){.kind = WIRE_UINT, .number = head};
        return 0;
    }
    if (head < 0x90)
        return take_count(c, WIRE_MAP, head & 0x0f, ret);
    if (head < 0xa0)
        return take_count(c, WIRE_ARRAY, head & 0x0f, ret);
    if (head < 0xc0)
        return take_bytes(c, WIRE_STR, head & 0x1f, ret);
    if (head >= 0xe0) {
        *ret = (struct wire){.kind = WIRE_NEGATIVE, .number = (uint64_t)(int64_t)(int8_t)head};
        return 0;
    }
    return take_long_form(c, head, ret);
}

int cursor_skip(struct cursor *c, int depth)
{
    struct wire w;
    if (depth > CURSOR_DEPTH_MAX || cursor_next(c, &w))
        return -1;
    if (w.kind != WIRE_ARRAY && w.kind != WIRE_MAP)
        return 0;
    uint64_t n = w.kind == WIRE_MAP ? w.number * 2 : w.number;
    for (uint64_t i = 0; i < n; i++)
        if (cursor_skip(c, depth + 1))
            return -1;
    return 0;
}
