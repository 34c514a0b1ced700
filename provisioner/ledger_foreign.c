/* Free agents of others in the same pool. What they can do is not told, it is learnt: a request is left to them for its first ten seconds; when none took
 * it, they do not match its demands, and the next requests with the same demands are not held for a while. */
#include "provisioner/ledger_priv.h"

#include <string.h>

enum { HOLD_MS = 10 * 1000, HELD_ENOUGH_MS = HOLD_MS / 2, PASSED_OVER_MS = 10 * 60 * 1000 };

/* Two classes that are taken for one cost a unit too many at worst. */
static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
    return h;
}

static bool is_passed_over(const struct ledger *l, const struct pool_book *pool, const struct request_class *class)
{
    uint64_t key = hash(class->key);
    for (size_t i = 0; i < PASSED_OVER_MAX; i++)
        if (pool->passed_over[i].class == key && mono_before(l->now, pool->passed_over[i].until))
            return true;
    return false;
}

static void pass_over(const struct ledger *l, struct pool_book *pool, const struct request_class *class)
{
    struct passed_over *oldest = &pool->passed_over[0];
    for (size_t i = 1; i < PASSED_OVER_MAX; i++)
        if (mono_before(pool->passed_over[i].until, oldest->until))
            oldest = &pool->passed_over[i];
    *oldest = (struct passed_over){.class = hash(class->key), .until = mono_add_ms(l->now, PASSED_OVER_MS)};
}

static bool held_in_vain(const struct ledger *l, const struct request_memo *r)
{
    return r->held_since.ns != MONO_ZERO.ns && mono_ms_between(r->held_since, l->now) >= HELD_ENOUGH_MS;
}

bool ledger_left_to_others(struct ledger *l, struct pool_book *pool, struct request_memo *r, size_t *free_agents)
{
    struct mono end = mono_add_ms(r->row->first_seen, HOLD_MS);
    bool known = is_passed_over(l, pool, r->class), over = mono_reached(end, l->now);
    if (*free_agents && over && !known && held_in_vain(l, r))
        pass_over(l, pool, r->class);
    if (!*free_agents || over || known) {
        r->held_since = MONO_ZERO;
        return false;
    }
    --*free_agents;
    if (r->held_since.ns == MONO_ZERO.ns)
        r->held_since = l->now;
    ledger_wake_at(l, end);
    ledger_set_reason(r, "other-agent", "an agent of somebody else is free and may take it");
    return true;
}
