/* How long to wait before try n+1: exponential, capped, with injected jitter. Pure. */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t first_ms;
    int64_t max_ms;
};

/* The wait after `failures` (>= 1) failures in a row: first * 2^(failures-1), capped, then scaled to 50-100 % by random. */
int64_t backoff_delay(const struct backoff *b, unsigned failures, uint64_t random);

#endif
