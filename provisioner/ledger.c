/* The pass, and what is told to the ledger between passes. */
#include "provisioner/ledger.h"

#include "common/backoff.h"
#include "common/mem.h"
#include "provisioner/ledger_priv.h"

#include <stdlib.h>
#include <string.h>

static const struct backoff create_backoff = {.first_ms = 500, .max_ms = 30 * 1000};
enum { QUOTA_FIRST_MS = 15 * 1000, QUOTA_MAX_MS = 60 * 1000, REFUSED_FIRST_MS = 5 * 1000, REFUSED_MAX_MS = 60 * 1000 };

/* ---- life ---- */

static void book_init(struct pool_book *b, const struct config *config, const struct config_pool *pool)
{
    b->config = pool;
    b->requests = map_new();
    b->classes = map_new();
    b->templates = xcalloc(pool->n_templates, sizeof *b->templates);
    for (size_t t = 0; t < pool->n_templates; t++)
        template_book_init(&b->templates[t], config, &pool->templates[t]);
}

struct ledger *ledger_new(const struct config *config)
{
    struct ledger *l = xcalloc(1, sizeof *l);
    l->config = config;
    l->units = map_new();
    l->n_pools = config->n_pools;
    l->pools = xcalloc(l->n_pools, sizeof *l->pools);
    for (size_t i = 0; i < l->n_pools; i++)
        book_init(&l->pools[i], config, &config->pools[i]);
    return l;
}

static void book_done(struct pool_book *b)
{
    size_t cursor = 0;
    struct request_memo *r;
    while ((r = map_next(b->requests, &cursor, NULL)))
        request_memo_free(b, r);
    map_free(b->requests);
    map_free(b->classes);
    map_free(b->aliases);
    for (size_t t = 0; t < b->config->n_templates; t++)
        template_book_done(&b->templates[t]);
    free(b->templates);
    free(b->units);
    free(b->waiting);
}

static void unit_memo_free(struct unit_memo *u)
{
    free(u->uid);
    free(u->wait_text);
    free(u);
}

void ledger_free(struct ledger **ledger)
{
    struct ledger *l = *ledger;
    *ledger = NULL;
    if (!l)
        return;
    size_t cursor = 0;
    struct unit_memo *u;
    while ((u = map_next(l->units, &cursor, NULL)))
        unit_memo_free(u);
    map_free(l->units);
    for (size_t i = 0; i < l->n_pools; i++)
        book_done(&l->pools[i]);
    free(l->pools);
    free(l->candidates);
    free(l);
}

void ledger_actions_done(struct ledger_actions *actions)
{
    free(actions->list);
    *actions = (struct ledger_actions){0};
}

/* ---- shared by the ledger's files ---- */

void ledger_wake_at(struct ledger *l, struct mono t)
{
    if (mono_before(l->now, t))
        l->deadline = mono_min(l->deadline, t);
}

uint64_t ledger_random(struct ledger *l)
{
    l->random = l->random * 6364136223846793005ull + 1442695040888963407ull;
    return l->random >> 33;
}

void ledger_set_reason(struct request_memo *r, const char *code, const char *text)
{
    r->code = code;
    if (strcmp(str_or_empty(r->reason), str_or_empty(text)) != 0)
        xstr_replace(&r->reason, text);
}

struct unit_memo *ledger_unit_memo(struct ledger *l, const char *name)
{
    struct unit_memo *u = map_get(l->units, name);
    if (u)
        return u;
    u = xcalloc(1, sizeof *u);
    strncpy(u->name, name, sizeof u->name - 1);
    u->template_index = TEMPLATE_UNKNOWN;
    u->ended_at = u->surplus_since = MONO_NEVER;
    map_set(l->units, u->name, u);
    return u;
}

void unit_memo_drop(struct ledger *l, struct unit_memo *u)
{
    map_remove(l->units, u->name);
    unit_memo_free(u);
}

struct ledger_action *ledger_action_add(struct ledger_actions *out)
{
    if (out->n == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 16;
        out->list = xreallocarray(out->list, out->cap, sizeof *out->list);
    }
    return &out->list[out->n++];
}

/* ---- the pass ---- */

static void begin_pool(struct ledger *l, struct pool_book *pool, const struct ledger_world *world)
{
    pool->mirror = mirror_find(world->mirror, pool->config->name);
    pool->fresh = pool->mirror && pool->mirror->have_requests && pool->mirror->have_agents && world->units_fresh &&
                  mirror_requests_fresh(pool->mirror, l->now);
    if (pool->mirror && pool->mirror->have_requests)
        ledger_wake_at(l, mirror_stale_at(pool->mirror));
    struct request_memo *r;
    for (size_t cursor = 0; (r = map_next(pool->requests, &cursor, NULL));)
        r->own = r->unit = NULL;
    pool->n_units = 0;
    pool->free_foreign = 0;
    pool->live = 0;
    pool->counts = (struct ledger_pool_counts){.created = pool->created, .note_code = "", .note = ""};
    for (size_t t = 0; t < pool->config->n_templates; t++)
        pool->templates[t].live = pool->templates[t].in_flight = 0;
}

/* A pause that holds nobody back is nobody's trouble: when the last that waited has left, no create will ever tell that the obstacle is gone. */
static void note_pauses(const struct ledger *l, struct pool_book *pool)
{
    bool wanted = pool->n_waiting || ledger_warm_wanted(pool);
    for (size_t t = 0; t < pool->config->n_templates && wanted; t++) {
        const struct template_book *b = &pool->templates[t];
        if (!template_paused(b, l->now) && !(b->probing && b->in_flight))
            continue;
        pool->counts.note_code = b->pause_code;
        pool->counts.note = str_or_empty(b->pause_reason);
        return;
    }
}

static bool pool_settled(const struct pool_book *pool)
{
    if (!pool->fresh)
        return false;
    for (size_t i = 0; i < pool->n_waiting; i++) {
        const struct request_memo *r = pool->waiting[i];
        if (r->unit ? r->unit->create == CREATE_SENT || r->unit->create == CREATE_WAITS : !*r->code)
            return false;
    }
    return true;
}

void ledger_pass(struct ledger *l, const struct ledger_world *world, struct mono now, uint64_t random, struct ledger_actions *out)
{
    out->n = 0;
    l->now = now;
    l->deadline = MONO_NEVER;
    l->random ^= random;
    l->pass++;
    l->n_candidates = l->live_total = 0;
    for (size_t i = 0; i < l->n_pools; i++)
        begin_pool(l, &l->pools[i], world);
    ledger_scan_units(l, world);
    for (size_t i = 0; i < l->n_pools; i++) {
        struct pool_book *pool = &l->pools[i];
        ledger_judge_units(l, pool, world);
        if (!pool->mirror || !pool->mirror->have_requests)
            continue;
        ledger_scan_requests(l, pool, world);
        if (pool->fresh)
            ledger_settle_ends(l, pool);
        ledger_match(l, pool);
    }
    ledger_create_units(l, world, out);
    l->settled = true;
    for (size_t i = 0; i < l->n_pools; i++) {
        ledger_retire_surplus(l, &l->pools[i], world, out);
        note_pauses(l, &l->pools[i]);
        l->settled = l->settled && pool_settled(&l->pools[i]);
    }
}

struct mono ledger_deadline(const struct ledger *l)
{
    return l->deadline;
}

/* ---- between passes ---- */

static struct template_book *template_of(struct ledger *l, const struct unit_memo *u)
{
    return u->template_index == TEMPLATE_UNKNOWN ? NULL : &l->pools[u->pool].templates[u->template_index];
}

static void put_off(struct unit_memo *u, struct mono now, uint64_t random, const char *code, const char *message)
{
    u->create = CREATE_WAITS;
    u->tries++;
    u->retry_at = mono_add_ms(now, backoff_delay(&create_backoff, u->tries, random));
    u->wait_code = code;
    xstr_replace(&u->wait_text, message);
    if (u->stands_for)
        ledger_set_reason(u->stands_for, code, message);
}

static void name_taken(struct ledger *l, struct unit_memo *u, struct mono now, uint64_t random, const char *message)
{
    struct request_memo *r = u->request_id ? map_get_u64(l->pools[u->pool].requests, u->request_id) : NULL;
    if (!r)
        return;
    r->retry_at = mono_add_ms(now, backoff_delay(&create_backoff, ++r->failures, random));
    r->last_failure_code = "name-taken";
    xstr_replace(&r->last_failure, message);
}

static void accepted(struct ledger *l, struct unit_memo *u, struct template_book *t, struct mono now, const char *uid)
{
    l->pools[u->pool].created++;
    if (t)
        template_accepted(t);
    if (u->create != CREATE_SENT && u->create != CREATE_WAITS)
        return;
    u->create = CREATE_ACCEPTED;
    u->since = now;
    xstr_replace(&u->uid, uid);
}

void ledger_created(struct ledger *l, struct mono now, uint64_t random, const char *name, const char *uid, enum ledger_outcome outcome, const char *code,
                    const char *message)
{
    struct unit_memo *u = map_get(l->units, name);
    if (!u)
        return;
    struct template_book *t = template_of(l, u);
    if (outcome == LEDGER_OK) {
        accepted(l, u, t, now, uid);
        return;
    }
    if (u->create != CREATE_SENT && u->create != CREATE_WAITS)
        return;   /* the watch was faster: the picture is already better than this answer */
    CHECK(t != NULL);
    switch (outcome) {
    case LEDGER_OK:
        break;
    case LEDGER_RETRY:
        put_off(u, now, random, code, message);
        return;
    case LEDGER_TAKEN:
        name_taken(l, u, now, random, message);
        break;
    case LEDGER_REFUSED_QUOTA:
        template_pause(t, now, QUOTA_FIRST_MS, QUOTA_MAX_MS, random, code, message);
        break;
    case LEDGER_REFUSED:
        template_pause(t, now, REFUSED_FIRST_MS, REFUSED_MAX_MS, random, code, message);
        break;
    case LEDGER_SPENT:
        break;
    }
    struct request_memo *r = u->request_id ? map_get_u64(l->pools[u->pool].requests, u->request_id) : NULL;
    if (u->stands_for && u->stands_for->unit == u)
        u->stands_for->unit = NULL;
    if (r && (outcome == LEDGER_REFUSED || outcome == LEDGER_REFUSED_QUOTA) && r->highest_attempt == u->attempt)
        r->highest_attempt--;   /* nothing was made: the name is still free */
    unit_memo_drop(l, u);
}

/* A cause that is not in the table below is still a cause. */
static const char *known_code(const char *cause)
{
    static const char *const codes[] = {"image-pull", "image-name", "container-config", "crash", "oom", "evicted", "node-lost", "registration-deadline", "overdue"};
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(codes[i], cause) == 0)
            return codes[i];
    return "unit-failed";
}

void ledger_trouble(struct ledger *l, struct mono now, const char *name, const char *uid, const char *cause, const char *message)
{
    struct unit_memo *u = map_get(l->units, name);
    if (!u || u->troubled || (u->uid && strcmp(u->uid, uid) != 0))
        return;
    l->now = now;
    u->troubled = true;
    ledger_note_trouble(l, &l->pools[u->pool], u, known_code(cause), *message ? message : cause);
}

void ledger_reaper_connected(struct ledger *l)
{
    size_t cursor = 0;
    struct unit_memo *u;
    while ((u = map_next(l->units, &cursor, NULL)))
        u->retire_again = MONO_ZERO;
}
