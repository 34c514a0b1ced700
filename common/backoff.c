#include "common/backoff.h"

int64_t backoff_delay(const struct backoff *b, unsigned failures, uint64_t random)
{
    int64_t wait = b->first_ms;
    for (unsigned i = 1; i < failures && wait < b->max_ms; i++)
        wait *= 2;
    if (wait > b->max_ms)
        wait = b->max_ms;
    return wait / 2 + (int64_t)(random % 1024) * (wait - wait / 2) / 1023;
}
