/* The heap between bursts. What a burst leaves behind lies between what stays, where free() alone never gives it back to the kernel. */
#ifndef COMMON_HEAP_H
#define COMMON_HEAP_H

#include "common/mono.h"

#include <stdbool.h>
#include <stddef.h>

void heap_tune(void);      /* before there are threads or much is allocated */

struct heap_watch {        /* zeroed at first */
    struct mono next, sweep;
    size_t high;           /* bytes in use at most since the last time */
};

/* To be called at every rest; looks at most once a second. True: something was given back. */
bool heap_give_back(struct heap_watch *watch, struct mono now);

#endif
