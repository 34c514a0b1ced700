#include "common/utf8.h"

#include "common/mem.h"

size_t utf8_char(const char *p, size_t n, uint32_t *ret)
{
    static const struct { unsigned char mask, lead; uint32_t least; } forms[] = {
        {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000},
    };
    for (size_t len = 1; len <= ARRAY_SIZE(forms) && len <= n; len++) {
        if (((unsigned char)p[0] & forms[len - 1].mask) != forms[len - 1].lead)
            continue;
        uint32_t c = (unsigned char)p[0] & (unsigned char)~forms[len - 1].mask;
        for (size_t i = 1; i < len; i++) {
            if (((unsigned char)p[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | ((unsigned char)p[i] & 0x3f);
        }
        if (c < forms[len - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return 0;
        if (ret)
            *ret = c;
        return len;
    }
    return 0;
}
