#include "common/heap.h"

#include <malloc.h>

enum { LOOK_MS = 1000, SWEEP_MS = 10 * 1000, FREED_BYTES = 256 * 1024, SWEEP_BYTES = 1024 * 1024, LARGE_BYTES = 128 * 1024 };

void heap_tune(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

/* Much has been freed since the last time; or it is a while ago, and what was given back then has been touched here and there. */
static bool worth_it(const struct heap_watch *watch, const struct mallinfo2 *heap, struct mono now)
{
    return heap->uordblks + FREED_BYTES <= watch->high || (heap->fordblks >= SWEEP_BYTES && mono_reached(watch->sweep, now));
}

bool heap_give_back(struct heap_watch *watch, struct mono now)
{
    if (!mono_reached(watch->next, now))
        return false;
    watch->next = mono_add_ms(now, LOOK_MS);
    struct mallinfo2 heap = mallinfo2();
    if (heap.uordblks > watch->high)
        watch->high = heap.uordblks;
    if (!worth_it(watch, &heap, now))
        return false;
    watch->high = heap.uordblks;
    watch->sweep = mono_add_ms(now, SWEEP_MS);
    malloc_trim(0);
    return true;
}
