#include "common/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX_BYTES = 63 };

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > WORD_MAX_BYTES || m > WORD_MAX_BYTES)
        return UINT_MAX;
    unsigned rows[3][WORD_MAX_BYTES + 1];   /* the two rows before this one: a swap looks two back */
    for (size_t i = 0; i <= n; i++) {
        unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            if (i == 0) {
                row[j] = (unsigned)j;
                continue;
            }
            row[j] = least(least(row[j - 1], up[j]) + 1, up[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

const char *nearest(const char *text, const char *const *words, size_t n, unsigned max_distance)
{
    const char *best = NULL;
    unsigned best_distance = least(max_distance, (unsigned)strnlen(text, WORD_MAX_BYTES + 1) - 1) + 1;
    for (size_t i = 0; *text && i < n; i++) {
        unsigned d = nearest_distance(text, words[i]);
        if (d < best_distance) {
            best_distance = d;
            best = words[i];
        }
    }
    return best;
}
