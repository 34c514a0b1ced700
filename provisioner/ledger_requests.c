/* The state of every request, and what the end of a unit means for the request it was made for. */
#include "provisioner/ledger_priv.h"

#include "common/backoff.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct backoff request_backoff = {.first_ms = 10 * 1000, .max_ms = 5 * 60 * 1000};

static struct request_memo *memo_for(struct pool_book *pool, const struct mirror_request *row)
{
    struct request_memo *r = map_get_u64(pool->requests, row->id);
    if (r)
        return r;
    r = xcalloc(1, sizeof *r);
    r->id = row->id;
    r->class = request_class_for(pool, row);
    r->code = "";
    r->reserved_since = MONO_NEVER;
    r->last_failure_code = "";
    map_set_u64(pool->requests, row->id, r);
    return r;
}

void request_memo_free(struct pool_book *pool, struct request_memo *r)
{
    request_class_release(pool, r->class);
    free(r->reason);
    free(r->last_failure);
    free(r);
}

/* Reserved to an agent of ours that has already had a job: ADO's --once race. It is given time to be taken after all. */
static bool reserved_to_leaving(struct ledger *l, struct request_memo *r, const struct unit_memo *u)
{
    if (!u->served || u->last_served == r->id) {
        r->reserved_since = MONO_NEVER;
        return false;
    }
    if (r->reserved_since.ns == MONO_NEVER.ns)
        r->reserved_since = l->now;
    struct mono patience = mono_add_ms(r->reserved_since, LEAVING_GRACE_MS);
    ledger_wake_at(l, patience);
    return mono_reached(patience, l->now);
}

/* Assigned but not received: does it wait for us all the same? */
static bool reservation_is_void(struct ledger *l, struct pool_book *pool, struct request_memo *r)
{
    const struct mirror_request *row = r->row;
    if (r->unit)
        return !unit_is_live(r->unit) || reserved_to_leaving(l, r, r->unit);
    const struct mirror_agent *agent = mirror_agent_by_name(pool->mirror, row->agent);
    return !(agent ? agent->online : row->agent_online);
}

static void add_waiting(struct pool_book *pool, struct request_memo *r)
{
    if (pool->n_waiting == pool->cap_waiting) {
        pool->cap_waiting = pool->cap_waiting ? pool->cap_waiting * 2 : 64;
        pool->waiting = xreallocarray(pool->waiting, pool->cap_waiting, sizeof *pool->waiting);
    }
    pool->waiting[pool->n_waiting++] = r;
}

static void judge(struct ledger *l, struct pool_book *pool, struct request_memo *r)
{
    const struct mirror_request *row = r->row;
    bool reserved = *row->agent || row->agent_id;
    if (row->received_ms || r->served) {
        r->state = "running";
        pool->counts.running++;
    } else if (reserved && !reservation_is_void(l, pool, r)) {
        r->state = "assigned";
        pool->counts.queued++;
    } else {
        r->state = "waiting";
        pool->counts.queued++;
        add_waiting(pool, r);
        return;
    }
    ledger_set_reason(r, "", NULL);
}

int ledger_service_order(const struct mirror_request *x, const struct mirror_request *y)
{
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->queued_ms != y->queued_ms)
        return x->queued_ms < y->queued_ms ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_service(const void *a, const void *b)
{
    return ledger_service_order((*(struct request_memo *const *)a)->row, (*(struct request_memo *const *)b)->row);
}

static void drop_vanished(struct ledger *l, struct pool_book *pool)
{
    size_t cursor = 0;
    struct request_memo *r;
    while ((r = map_next(pool->requests, &cursor, NULL))) {
        if (r->pass == l->pass)
            continue;
        map_remove_u64(pool->requests, r->id);
        request_memo_free(pool, r);
    }
}

/* The unit of the highest attempt stands for the request; every attempt seen counts for the next name. */
static void take_units(struct ledger *l, struct pool_book *pool)
{
    for (size_t i = 0; i < pool->n_units; i++) {
        struct unit_memo *u = pool->units[i];
        struct request_memo *r = u->request_id ? map_get_u64(pool->requests, u->request_id) : NULL;
        if (r && u->attempt > r->highest_attempt)
            r->highest_attempt = u->attempt;
        if (r && unit_is_available(u, pool) && (!r->own || u->attempt > r->own->attempt))
            r->own = u;
        struct request_memo *served = u->serves ? map_get_u64(pool->requests, u->serves) : NULL;
        if (served)
            served->unit = u;
        struct request_memo *last = u->served ? map_get_u64(pool->requests, u->last_served) : NULL;
        if (last)
            last->served = true;
    }
    (void)l;
}

void ledger_scan_requests(struct ledger *l, struct pool_book *pool, const struct ledger_world *world)
{
    (void)world;
    pool->n_waiting = 0;
    size_t cursor = 0;
    const struct mirror_request *row;
    while ((row = map_next(pool->mirror->requests, &cursor, NULL))) {
        struct request_memo *r = memo_for(pool, row);
        r->row = row;
        r->pass = l->pass;
        r->own = r->unit = NULL;
        r->served = false;
    }
    drop_vanished(l, pool);
    take_units(l, pool);
    struct request_memo *r;
    for (cursor = 0; (r = map_next(pool->requests, &cursor, NULL));)
        judge(l, pool, r);
    if (pool->n_waiting)
        qsort(pool->waiting, pool->n_waiting, sizeof *pool->waiting, by_service);
}

/* ---- ends ---- */

static const char *end_code(const struct unit_memo *u)
{
    const struct unit *seen = u->seen;
    if (seen && seen->trouble != UNIT_FINE)
        return unit_trouble_name(seen->trouble);
    return "no-job";
}

static void note_failure(struct ledger *l, struct request_memo *r, const char *code, const char *text, unsigned failures)
{
    r->last_failure_code = code;
    xstr_replace(&r->last_failure, text);
    r->retry_at = mono_add_ms(l->now, backoff_delay(&request_backoff, failures, ledger_random(l)));
}

void ledger_note_trouble(struct ledger *l, struct pool_book *pool, const struct unit_memo *u, const char *code, const char *text)
{
    struct request_memo *r = u->request_id ? map_get_u64(pool->requests, u->request_id) : NULL;
    if (r)
        note_failure(l, r, code, text, ++r->failures);
    if (u->template_index == TEMPLATE_UNKNOWN)
        return;
    struct template_book *t = &pool->templates[u->template_index];
    if (!u->registered && ++t->bad_ends >= BREAKER_ENDS)
        template_break(t, l->now, ledger_random(l), code, text);
}

/* Exit 0 without a job that we know of: most likely it served one too short to be seen. Once is believed, then it is slowed down. */
static void note_idle_exit(struct ledger *l, struct pool_book *pool, const struct unit_memo *u)
{
    if (u->template_index != TEMPLATE_UNKNOWN)
        template_registered(&pool->templates[u->template_index]);
    struct request_memo *r = u->request_id ? map_get_u64(pool->requests, u->request_id) : NULL;
    if (r && ++r->idle_exits > 1)
        note_failure(l, r, "no-job", "agents made for this request end with code 0 without taking a job", r->idle_exits - 1);
}

static void settle(struct ledger *l, struct pool_book *pool, struct unit_memo *u)
{
    u->settled = true;
    if (u->served || u->troubled || u->retire_sent || !u->seen)
        return;
    char text[256];
    snprintf(text, sizeof text, "unit %s ended before its agent took a job: %s", u->name,
             u->seen->message ? u->seen->message : unit_trouble_name(u->seen->trouble));
    if (u->seen->trouble != UNIT_FINE || u->seen->exit_code > 0)
        ledger_note_trouble(l, pool, u, end_code(u), text);
    else
        note_idle_exit(l, pool, u);
}

/* Its object is gone: under a full quota there may be room again, one create will tell. */
static void notice_room(struct ledger *l, struct pool_book *pool, const struct unit_memo *u)
{
    struct template_book *t = u->template_index == TEMPLATE_UNKNOWN ? NULL : &pool->templates[u->template_index];
    if (t && template_paused(t, l->now) && strcmp(t->pause_code, "quota") == 0) {
        t->paused_until = l->now;
        t->pauses = 0;
    }
}

static void forget_pairing(struct pool_book *pool, const struct unit_memo *u)
{
    struct request_memo *r = u->serves ? map_get_u64(pool->requests, u->serves) : NULL;
    if (r && r->unit == u)
        r->unit = NULL;
}

/* A unit's end is put to account by the first poll that began after it; what is gone from the cluster besides is forgotten then. */
void ledger_settle_ends(struct ledger *l, struct pool_book *pool)
{
    size_t kept = 0;
    for (size_t i = 0; i < pool->n_units; i++) {
        struct unit_memo *u = pool->units[i];
        bool past = u->state == STATE_ENDED && mono_before(u->ended_at, pool->mirror->began);
        if (past && !u->settled)
            settle(l, pool, u);
        if (past && !u->seen) {
            forget_pairing(pool, u);
            notice_room(l, pool, u);
            unit_memo_drop(l, u);
            continue;
        }
        pool->units[kept++] = u;
    }
    pool->n_units = kept;
}
