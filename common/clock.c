#include "common/clock.h"

#include <sys/random.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct mono clock_mono(void)
{
    return (struct mono){read_ns(CLOCK_MONOTONIC)};
}

struct wall clock_wall(void)
{
    return (struct wall){read_ns(CLOCK_REALTIME) / 1000000};
}

uint64_t clock_random(void)
{
    uint64_t value;
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value)
        value = (uint64_t)read_ns(CLOCK_MONOTONIC) * 0x9E3779B97F4A7C15ull;
    return value;
}
