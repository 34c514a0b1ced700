#include "protocol/utf8.h"

#include <stdint.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd";

static bool tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

static size_t claimed(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef)
        return 3;
    return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

size_t utf8_step(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t size = n ? claimed(u[0]) : 0;
    if (!size || size > n)
        return 0;
    for (size_t i = 1; i < size; i++)
        if (!tail(u[i]))
            return 0;
    bool overlong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90);
    bool surrogate = u[0] == 0xed && u[1] > 0x9f;
    bool beyond = u[0] == 0xf4 && u[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : size;
}

bool utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0, step; i < n; i += step)
        if (!(step = utf8_step(s + i, n - i)))
            return false;
    return true;
}

size_t utf8_clean(const char *text, size_t n, char *out, size_t max)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t step = utf8_step(text + i, n - i);
        const char *from = step ? text + i : replacement;
        size_t size = step ? step : sizeof replacement - 1;
        if (used + size > max)
            break;
        memcpy(out + used, from, size);
        used += size;
        i += step ? step : 1;
    }
    return used;
}
