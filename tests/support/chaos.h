/* Random histories for the ledger: every byte is one thing that happens. After each pass the invariants are checked; at the end the world is left in peace
 * and must come to rest: every job served or cancelled, no unit left, and no more units made than jobs and accidents account for. */
#ifndef TESTS_SUPPORT_CHAOS_H
#define TESTS_SUPPORT_CHAOS_H

#include "tests/support/world.h"

struct chaos {
    struct world w;
    size_t accidents;                /* each may cost one more unit */
    bool hidden[WORLD_UNITS];        /* made, but the watch has not shown it */
    bool unanswered[WORLD_UNITS];    /* made, but the reply was lost */
    uint64_t seed;
    bool peaceful;                   /* no accidents and no cancelled jobs: then there are exactly as many units as jobs */
    bool closed;                     /* peaceful: no more jobs, so that a unit too many has none to hide behind */
};

static uint64_t chaos_random(struct chaos *c, uint64_t n)
{
    c->seed = c->seed * 6364136223846793005ull + 1442695040888963407ull;
    return n ? (c->seed >> 33) % n : 0;
}

/* A random unit in this place, -1 = none. */
static int chaos_unit(struct chaos *c, enum place place)
{
    size_t n = c->w.n_units, from = chaos_random(c, n);
    for (size_t k = 0; k < n; k++) {
        size_t i = (from + k) % n;
        if (c->w.list[i].place == place && !c->hidden[i])
            return (int)i;
    }
    return -1;
}

static struct world_job *chaos_job(struct chaos *c, enum job_state state)
{
    for (size_t i = 0; i < c->w.n_jobs; i++)
        if (c->w.jobs[i].state == state && chaos_random(c, 3) == 0)
            return &c->w.jobs[i];
    for (size_t i = 0; i < c->w.n_jobs; i++)
        if (c->w.jobs[i].state == state)
            return &c->w.jobs[i];
    return NULL;
}

static void chaos_answer(struct chaos *c, const struct ledger_action *a, int made)
{
    struct world *w = &c->w;
    int i = made >= 0 ? made : world_find(w, a->name);
    if (made < 0) {
        CHECK(c->unanswered[i] || c->hidden[i]);                /* a name is used twice only when the outcome was not known */
        CHECK(w->list[i].request == a->request_id && w->list[i].attempt == a->attempt);
    }
    bool spent = w->list[i].place == PLACE_ENDED;
    ledger_created(w->ledger, w->now, c->seed, a->name, w->list[i].uid, spent ? LEDGER_SPENT : LEDGER_OK, "", "");
    c->unanswered[i] = false;
}

static void chaos_create(struct chaos *c, const struct ledger_action *a, bool troubled)
{
    struct world *w = &c->w;
    uint64_t luck = troubled ? chaos_random(c, 6) : 5;
    if (luck == 0) {                                            /* refused: nothing made */
        ledger_created(w->ledger, w->now, c->seed, a->name, "", LEDGER_REFUSED_QUOTA, "quota", "exceeded quota: q");
        return;
    }
    if (luck == 1) {                                            /* throttled: nothing made */
        ledger_created(w->ledger, w->now, c->seed, a->name, "", LEDGER_RETRY, "throttled", "429");
        return;
    }
    int made = world_create(w, a);
    if (luck == 2) {                                            /* the reply is lost */
        int i = made >= 0 ? made : world_find(w, a->name);
        c->unanswered[i] = true;
        ledger_created(w->ledger, w->now, c->seed, a->name, "", LEDGER_RETRY, "unavailable", "no reply");
        c->hidden[i] = made >= 0 ? true : c->hidden[i];
        c->accidents++;                                         /* seen too late, it may be taken for lost */
        return;
    }
    chaos_answer(c, a, made);
    if (made >= 0 && luck == 3) {
        c->hidden[made] = true;
        c->accidents++;
    } else if (made >= 0) {
        world_show(w, &w->list[made]);
    }
}

static void chaos_check_requests(const struct chaos *c)
{
    const struct mirror_pool *pool = mirror_find(c->w.mirror, "linux");
    size_t cursor = 0;
    const struct mirror_request *r;
    while (pool && pool->have_requests && (r = map_next(pool->requests, &cursor, NULL))) {
        struct ledger_view v;
        CHECK(ledger_request_view(c->w.ledger, WORLD_POOL_ID, r->id, &v));
        CHECK(strcmp(v.state, "waiting") != 0 || *v.unit || *v.code);   /* no silent waiting */
    }
}

static void chaos_pass(struct chaos *c, bool troubled)
{
    struct world *w = &c->w;
    world_pass(w);
    chaos_check_requests(c);
    for (size_t k = 0; k < w->actions.n; k++) {
        struct ledger_action a = w->actions.list[k];
        if (a.kind == LEDGER_CREATE) {
            chaos_create(c, &a, troubled);
            continue;
        }
        struct ledger_view v;
        CHECK(ledger_unit_view(w->ledger, a.name, &v));
        CHECK(strcmp(v.state, "busy") != 0);                    /* never one whose job the pictures show */
        int i = world_find(w, a.name);
        if (i >= 0 && strcmp(w->list[i].uid, a.uid) == 0)
            w->list[i].retire_ordered = true;
    }
}

static void chaos_show_hidden(struct chaos *c)
{
    for (size_t i = 0; i < c->w.n_units; i++) {
        if (c->hidden[i] && c->w.list[i].place != PLACE_DELETED)
            world_show(&c->w, &c->w.list[i]);
        c->hidden[i] = false;
    }
}

/* What the reaper would do: it looks at the truth of the moment before it deletes. */
static void chaos_reap(struct chaos *c)
{
    struct world *w = &c->w;
    const struct mirror_pool *pool = mirror_find(w->mirror, "linux");
    for (size_t i = 0; i < w->n_units; i++) {
        struct world_unit *u = &w->list[i];
        const struct unit *seen = c->hidden[i] || u->place == PLACE_DELETED ? NULL : units_get(w->units, u->name);
        if (!seen)
            continue;
        bool idle = u->place == PLACE_PENDING || u->place == PLACE_RUNNING || u->place == PLACE_ONLINE;
        bool old = u->place == PLACE_ENDED && pool && mono_before(seen->ended_seen, pool->began);
        if ((u->retire_ordered && idle) || old)
            world_delete(w, (int)i);
    }
}

static void chaos_progress(struct chaos *c)
{
    int i = chaos_unit(c, PLACE_RUNNING);
    if (i >= 0)
        world_set(&c->w, i, PLACE_ONLINE);
    else if ((i = chaos_unit(c, PLACE_PENDING)) >= 0)
        world_set(&c->w, i, PLACE_RUNNING);
}

static void chaos_assign(struct chaos *c)
{
    int i = chaos_unit(c, PLACE_ONLINE);
    struct world_job *j = chaos_job(c, JOB_QUEUED);
    if (i >= 0 && j)
        world_take(&c->w, i, j);
}

static void chaos_crash(struct chaos *c)
{
    int i = chaos_unit(c, chaos_random(c, 2) ? PLACE_PENDING : PLACE_RUNNING);
    if (i < 0 || c->peaceful)
        return;
    c->accidents++;
    c->w.list[i].exit_code = 1;
    world_set(&c->w, i, PLACE_ENDED);
}

static void chaos_step(struct chaos *c, uint8_t what)
{
    struct world *w = &c->w;
    struct world_job *j;
    switch (what % 20) {
    case 0: case 1: case 2:
        if (w->n_jobs < 40 && !c->closed)
            world_queue(w, -1);
        break;
    case 3:
        if (!c->peaceful && (j = chaos_job(c, JOB_QUEUED)))
            j->state = JOB_CANCELLED;
        break;
    case 4: world_poll_begin(w); break;
    case 5: case 6:
        if (w->polling)
            world_poll_deliver(w);
        break;
    case 7: world_agents(w); break;
    case 8: world_advance(w, 50 + (int64_t)chaos_random(c, 500)); break;
    case 9: world_advance(w, (int64_t)chaos_random(c, 15000)); break;
    case 10: case 11: chaos_progress(c); break;
    case 12: case 13: chaos_assign(c); break;
    case 14:
        if ((j = chaos_job(c, JOB_RUNNING)))
            world_finish(w, j, 0);
        break;
    case 15: chaos_crash(c); break;
    case 16: chaos_pass(c, false); break;
    case 17: chaos_pass(c, !c->peaceful); break;
    case 18: chaos_reap(c); break;
    case 19:
        if (what > 200)
            world_poll_fails(w);
        else
            chaos_show_hidden(c);
        break;
    }
}

static bool chaos_at_rest(const struct chaos *c)
{
    for (size_t i = 0; i < c->w.n_jobs; i++)
        if (c->w.jobs[i].state == JOB_QUEUED || c->w.jobs[i].state == JOB_RUNNING)
            return false;
    for (size_t i = 0; i < c->w.n_units; i++)
        if (c->w.list[i].place != PLACE_DELETED)
            return false;
    return true;
}

static void chaos_settle(struct chaos *c)
{
    struct world *w = &c->w;
    for (int round = 0; round < 2000 && !chaos_at_rest(c); round++) {
        chaos_show_hidden(c);
        for (int k = 0; k < 100; k++) {
            chaos_progress(c);
            chaos_assign(c);
        }
        struct world_job *j;
        while ((j = chaos_job(c, JOB_RUNNING)))
            world_finish(w, j, 0);
        world_advance(w, 500);
        world_poll(w);
        world_agents(w);
        world_advance(w, 500);
        chaos_pass(c, false);
        chaos_reap(c);
    }
}

static void chaos_run(const uint8_t *bytes, size_t n)
{
    struct chaos *c = xcalloc(1, sizeof *c);
    world_open(&c->w);
    c->w.templates[0].registration_deadline_ms = 0;
    c->w.pool.limit = n && bytes[0] % 4 == 0 ? 5 : 0;
    c->seed = n;
    c->peaceful = n && bytes[0] & 1;
    world_start(&c->w);
    for (size_t i = 0; i < n && c->w.n_units < WORLD_UNITS - 300; i++) {
        c->closed = c->peaceful && i > n / 3;
        chaos_step(c, bytes[i]);
    }
    chaos_settle(c);
    CHECK(chaos_at_rest(c));
    CHECK(c->w.creations <= c->w.n_jobs + c->accidents);
    CHECK(!c->peaceful || c->w.creations == c->w.n_jobs);
    world_close(&c->w);
    free(c);
}

#endif
