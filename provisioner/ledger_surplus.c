/* Units that stand for no request and are more than the warm ones: retired through the reaper, which checks again. */
#include "provisioner/ledger_priv.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { GONE_LOOKBACK_MS = 60 * 1000 };

static void retire(struct ledger *l, struct pool_book *pool, struct unit_memo *u, const char *reason, struct ledger_actions *out)
{
    u->retire_sent = true;
    u->retire_reason = reason;
    u->retire_again = mono_add_ms(l->now, RETIRE_AGAIN_MS);
    ledger_wake_at(l, u->retire_again);
    struct ledger_action *a = ledger_action_add(out);
    *a = (struct ledger_action){.kind = LEDGER_RETIRE, .pool = pool->config, .pool_id = pool->mirror->id, .request_id = u->request_id,
                                .attempt = u->attempt, .reason = reason};
    memcpy(a->name, u->name, sizeof a->name);
    strncpy(a->uid, str_or_empty(u->uid), sizeof a->uid - 1);
}

/* Did another agent take the request this unit was made for? Then the unit is worth keeping for a while; a cancelled one is not. */
static bool served_elsewhere(const struct ledger *l, const struct pool_book *pool, uint64_t request)
{
    const struct mirror_pool *m = pool->mirror;
    for (size_t i = m->n_gone; i-- > 0;) {
        if (mono_ms_between(m->gone[i].seen, l->now) > GONE_LOOKBACK_MS)
            return false;
        if (m->gone[i].id == request)
            return m->gone[i].received_ms != 0;
    }
    return false;
}

static bool cancelled_before_start(const struct ledger *l, const struct pool_book *pool, const struct unit_memo *u)
{
    return u->request_id && !u->seen->container_started && !map_get_u64(pool->requests, u->request_id) && !served_elsewhere(l, pool, u->request_id);
}

/* First in the list are those to keep: idle before starting before pending, older before younger. */
static int by_worth(const void *a, const void *b)
{
    const struct unit_memo *x = *(struct unit_memo *const *)a, *y = *(struct unit_memo *const *)b;
    if (x->state != y->state)
        return x->state > y->state ? -1 : 1;
    return x->seen->seen.ns < y->seen->seen.ns ? -1 : x->seen->seen.ns > y->seen->seen.ns;
}

static size_t unmatched_units(struct pool_book *pool, struct unit_memo **list)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->n_units; i++) {
        struct unit_memo *u = pool->units[i];
        if (u->seen && u->create == CREATE_NONE && unit_is_live(u) && unit_is_available(u, pool) && !u->stands_for)
            list[n++] = u;
        else
            u->surplus_since = MONO_NEVER;
    }
    if (n)
        qsort(list, n, sizeof *list, by_worth);
    return n;
}

static void judge_surplus(struct ledger *l, struct pool_book *pool, struct unit_memo *u, struct ledger_actions *out)
{
    if (cancelled_before_start(l, pool, u)) {
        retire(l, pool, u, "cancelled", out);
        return;
    }
    if (u->surplus_since.ns == MONO_NEVER.ns)
        u->surplus_since = l->now;
    struct mono end = mono_add_ms(u->surplus_since, pool->config->idle_grace_ms);
    ledger_wake_at(l, end);
    if (mono_reached(end, l->now))
        retire(l, pool, u, "surplus", out);
}

static void judge_kept(struct ledger *l, struct pool_book *pool, struct unit_memo *u, struct ledger_actions *out)
{
    u->surplus_since = MONO_NEVER;
    if (pool->config->warm_max_age_ms <= 0)
        return;
    struct mono old = mono_add_ms(u->seen->seen, pool->config->warm_max_age_ms);
    ledger_wake_at(l, old);
    if (mono_reached(old, l->now))
        retire(l, pool, u, "warm-age", out);
}

/* An order unheeded (the reaper was away, or thought otherwise) is told again as long as it holds. */
static void remind(struct ledger *l, struct pool_book *pool, struct ledger_actions *out)
{
    for (size_t i = 0; i < pool->n_units; i++) {
        struct unit_memo *u = pool->units[i];
        if (u->state == STATE_BUSY)
            u->retire_sent = false;
        if (!u->retire_sent || u->state != STATE_RETIRING || !u->seen || u->seen->deleting)
            continue;
        if (mono_reached(u->retire_again, l->now))
            retire(l, pool, u, u->retire_reason, out);
        else
            ledger_wake_at(l, u->retire_again);
    }
}

/* A request that only an ended unit stands for may need a new one at the next poll: as many spare units wait for that answer. */
static size_t places_of_the_ended(const struct pool_book *pool)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->n_units; i++)
        n += pool->units[i]->state == STATE_ENDED && pool->units[i]->stands_for;
    return n;
}

void ledger_retire_surplus(struct ledger *l, struct pool_book *pool, const struct ledger_world *world, struct ledger_actions *out)
{
    if (!pool->fresh || !world->writes_allowed || world->final_round)
        return;
    remind(l, pool, out);
    size_t keep = ledger_warm_wanted(pool) + places_of_the_ended(pool);
    struct unit_memo **list = xcalloc(pool->n_units, sizeof *list);
    size_t n = unmatched_units(pool, list);
    for (size_t i = 0; i < n; i++) {
        if (i < keep)
            judge_kept(l, pool, list[i], out);
        else
            judge_surplus(l, pool, list[i], out);
    }
    free(list);
}
