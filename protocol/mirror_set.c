/* Which message may follow which: parts of one set share its number, sets rise, deltas follow a full set of the same connection. */
#include "protocol/mirror_parts.h"

static int check_next(const struct set *set, uint64_t number, struct err *err)
{
    if (set->open)
        return err_set(err, ERR_INVALID, "set %llu begins before set %llu is complete", (unsigned long long)number, (unsigned long long)set->number);
    if (set->any && number <= set->number)
        return err_set(err, ERR_INVALID, "set %llu after set %llu", (unsigned long long)number, (unsigned long long)set->number);
    return 0;
}

int set_part(struct set *set, uint64_t number, bool full, bool last, size_t rows, struct err *err)
{
    bool same = set->open && number == set->number;
    if (same && full != set->full)
        return err_set(err, ERR_INVALID, "parts of set %llu disagree whether it is full", (unsigned long long)number);
    if (!same && check_next(set, number, err))
        return -1;
    if (!full && !set->synced)
        return err_set(err, ERR_INVALID, "a delta without a full set before it");
    if (rows > ROWS_MAX - set->n)
        return err_set(err, ERR_TOO_LARGE, "more than %d rows in one set", ROWS_MAX);
    set->open = !last;
    set->full = full;
    set->number = number;
    set->any = true;
    if (last)
        set->synced = true;
    return 0;
}

int set_stale(struct set *set, uint64_t number, size_t rows, struct err *err)
{
    if (check_next(set, number, err))
        return -1;
    if (rows)
        return err_set(err, ERR_INVALID, "rows in a message that says that there are none");
    set->number = number;
    set->any = true;
    return 0;
}

void set_disconnected(struct set *set)
{
    set->open = set->synced = set->any = false;
}

int64_t set_delay(uint64_t delay_ms)
{
    return delay_ms > DELAY_MS_MAX ? DELAY_MS_MAX : (int64_t)delay_ms;
}

/* Nothing begins after it has come in. */
struct mono set_began(uint64_t began_ns, struct mono now)
{
    return began_ns > (uint64_t)now.ns ? now : (struct mono){(int64_t)began_ns};
}
