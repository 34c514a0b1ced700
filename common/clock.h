/* The two clocks. For shells only: a pure core gets `now` as a parameter. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include "common/mono.h"

#include <stdint.h>

struct mono clock_mono(void);   /* CLOCK_MONOTONIC: the same for all processes of one machine */
struct wall clock_wall(void);
uint64_t clock_random(void);    /* for jitter; not for secrets */

#endif
