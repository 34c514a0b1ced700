#include "protocol/azpctl/text.h"

#include "common/mem.h"
#include "common/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct range { uint32_t first, last; };

/* A terminal or its reader would be led astray by these, or see nothing of them. */
static const struct range hidden[] = {
    {0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff},
    {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};
static const struct range combining[] = {
    {0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x610, 0x61a}, {0x64b, 0x65f}, {0xe31, 0xe31}, {0xe34, 0xe3a}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};
static const struct range wide[] = {
    {0x1100, 0x115f}, {0x231a, 0x231b}, {0x23e9, 0x23ec}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
    {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

static bool among(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

char *text_clean(const char *text)
{
    size_t n = strlen(text), used = 0;
    char *out = xcalloc(1, n + 4);   /* room for an ellipsis */
    uint32_t c = 0;
    for (size_t i = 0, size; i < n; i += size ? size : 1) {
        size = utf8_char(text + i, n - i, &c);
        if (size == 1 && strchr("\t\n\r", text[i])) {
            out[used++] = ' ';
        } else if (size && !among(hidden, ARRAY_SIZE(hidden), c)) {
            memcpy(out + used, text + i, size);
            used += size;
        }
    }
    return out;
}

static size_t cells(uint32_t c)
{
    if (among(combining, ARRAY_SIZE(combining), c))
        return 0;
    return among(wide, ARRAY_SIZE(wide), c) ? 2 : 1;
}

/* Bytes of text that fit into width cells; *ret_width: the cells they take. */
static size_t fitting(const char *text, size_t width, size_t *ret_width)
{
    size_t i = 0, n = strlen(text), size;
    uint32_t c = 0;
    for (*ret_width = 0; i < n && (size = utf8_char(text + i, n - i, &c)); i += size) {
        if (*ret_width + cells(c) > width)
            return i;
        *ret_width += cells(c);
    }
    return i;
}

size_t text_width(const char *clean)
{
    size_t width;
    fitting(clean, SIZE_MAX - 2, &width);
    return width;
}

void text_shorten(char *clean, size_t width)
{
    size_t taken;
    if (text_width(clean) > width)
        memcpy(clean + fitting(clean, width - 1, &taken), "\xe2\x80\xa6", 4);
}
