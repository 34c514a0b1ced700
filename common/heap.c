#include "common/heap.h"

#include <malloc.h>

enum { LOOK_MS = 1000, WORTH_BYTES = 256 * 1024, LARGE_BYTES = 128 * 1024 };

void heap_tune(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

bool heap_give_back(struct heap_watch *watch, struct mono now)
{
    if (!mono_reached(watch->next, now))
        return false;
    watch->next = mono_add_ms(now, LOOK_MS);
    size_t used = mallinfo2().uordblks;
    if (used + WORTH_BYTES > watch->high) {
        watch->high = used > watch->high ? used : watch->high;
        return false;
    }
    watch->high = used;
    malloc_trim(0);
    return true;
}
