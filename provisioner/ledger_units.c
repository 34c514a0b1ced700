/* The state of every unit, from the cluster's picture, the agents, the requests that name it and what the ledger itself has under way. */
#include "provisioner/ledger_priv.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool unit_is_live(const struct unit_memo *u)
{
    return u->state != STATE_ENDED;
}

static int template_by_name(const struct pool_book *pool, const char *name)
{
    for (size_t t = 0; t < pool->config->n_templates; t++)
        if (strcmp(pool->config->templates[t].name, str_or_empty(name)) == 0)
            return (int)t;
    return TEMPLATE_UNKNOWN;
}

/* A unit whose pool is known by id, or, before the watcher has told the id, by its pool annotation. */
static struct pool_book *book_of(struct ledger *l, const struct unit *unit)
{
    for (size_t i = 0; i < l->n_pools; i++) {
        struct pool_book *p = &l->pools[i];
        if (p->mirror ? p->mirror->id == unit->pool_id : strcmp(p->config->name, str_or_empty(unit->pool)) == 0)
            return p;
    }
    return NULL;
}

static uint32_t warm_generation(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash ? (uint32_t)strtoul(dash + 1, NULL, 10) : 0;
}

/* The same name under another uid is another unit. */
static struct unit_memo *memo_for(struct ledger *l, const struct unit *unit)
{
    struct unit_memo *u = map_get(l->units, unit->name);
    if (u && u->uid && strcmp(u->uid, unit->uid) != 0) {
        unit_memo_drop(l, u);
        u = NULL;
    }
    if (!u)
        u = ledger_unit_memo(l, unit->name);
    if (!u->uid)
        u->uid = xstrdup(unit->uid);
    return u;
}

static void list_unit(struct ledger *l, struct pool_book *pool, struct unit_memo *u)
{
    if (pool->n_units == pool->cap_units) {
        pool->cap_units = pool->cap_units ? pool->cap_units * 2 : 64;
        pool->units = xreallocarray(pool->units, pool->cap_units, sizeof *pool->units);
    }
    pool->units[pool->n_units++] = u;
    u->pool = (size_t)(pool - l->pools);
    u->pass = l->pass;
    u->serves = 0;
    u->online = u->disabled = false;
    u->stands_for = NULL;
}

static void take_from_cluster(struct ledger *l, struct pool_book *pool, const struct unit *unit)
{
    struct unit_memo *u = memo_for(l, unit);
    list_unit(l, pool, u);
    u->seen = unit;
    u->create = CREATE_NONE;
    u->template_index = template_by_name(pool, unit->template_name);
    u->request_id = unit->request_id;
    u->attempt = unit->attempt;
    u->ended_at = unit->phase == UNIT_ENDED ? unit->ended_seen : MONO_NEVER;
    if (!unit->request_id && warm_generation(unit->name) > pool->warm_generation)
        pool->warm_generation = warm_generation(unit->name);
}

/* Memos that the cluster does not show: being created, or gone. */
static void take_unseen(struct ledger *l, const struct ledger_world *world, struct unit_memo *u)
{
    u->seen = NULL;
    if (world->units_fresh && u->create == CREATE_NONE && u->ended_at.ns == MONO_NEVER.ns)
        u->ended_at = l->now;
    if (u->create == CREATE_ACCEPTED && mono_reached(mono_add_ms(u->since, CREATE_UNSEEN_MS), l->now)) {
        u->create = CREATE_NONE;
        u->ended_at = l->now;
    }
    if (u->create != CREATE_NONE && u->ended_at.ns == MONO_NEVER.ns)
        ledger_wake_at(l, u->create == CREATE_WAITS ? u->retry_at : mono_add_ms(u->since, CREATE_UNSEEN_MS));
    list_unit(l, &l->pools[u->pool], u);
}

void ledger_scan_units(struct ledger *l, const struct ledger_world *world)
{
    size_t cursor = 0;
    const struct unit *unit;
    while ((unit = units_next(world->units, &cursor))) {
        struct pool_book *pool = book_of(l, unit);
        if (pool)
            take_from_cluster(l, pool, unit);
    }
    struct unit_memo *u;
    for (cursor = 0; (u = map_next(l->units, &cursor, NULL));)
        if (u->pass != l->pass)
            take_unseen(l, world, u);
}

static struct unit_memo *memo_of_agent(const struct ledger *l, const struct ledger_world *world, const char *name, const char *host)
{
    const struct unit *unit = units_by_agent(world->units, name, host);
    return unit ? map_get(l->units, unit->name) : map_get(l->units, name);
}

/* The first registration since the last bad end closes the template's breaker. */
static void mark_registered(struct pool_book *pool, struct unit_memo *u)
{
    if (!u->registered && u->template_index != TEMPLATE_UNKNOWN)
        template_registered(&pool->templates[u->template_index]);
    u->registered = true;
}

static void mark_served(struct pool_book *pool, struct unit_memo *u, uint64_t request)
{
    mark_registered(pool, u);
    u->served = true;
    u->last_served = request;
}

/* Requests that name an agent of ours: that unit is busy. */
static void take_reservations(struct ledger *l, struct pool_book *pool, const struct ledger_world *world)
{
    size_t cursor = 0;
    const struct mirror_request *row;
    while ((row = map_next(pool->mirror->requests, &cursor, NULL))) {
        if (!*row->agent)
            continue;
        struct unit_memo *u = memo_of_agent(l, world, row->agent, NULL);
        if (!u && pool->aliases)
            u = map_get(pool->aliases, row->agent);
        if (!u)
            continue;
        u->serves = row->id;
        if (row->received_ms)
            mark_served(pool, u, row->id);
    }
}

/* Newest last: only those that came since the last pass. */
static void take_gone(struct ledger *l, struct pool_book *pool, const struct ledger_world *world)
{
    for (size_t i = pool->mirror->n_gone; i-- > 0;) {
        const struct mirror_gone *gone = &pool->mirror->gone[i];
        if (mono_before(gone->seen, pool->gone_read))
            break;
        struct unit_memo *u = *gone->agent ? memo_of_agent(l, world, gone->agent, NULL) : NULL;
        if (u && gone->received_ms)
            mark_served(pool, u, gone->id);
    }
    pool->gone_read = l->now;
}

static void take_agent(struct pool_book *pool, struct unit_memo *u, const struct mirror_agent *agent)
{
    u->online = agent->online;
    u->disabled = !agent->enabled;
    if (agent->online)
        mark_registered(pool, u);
    if (agent->last && !u->served)
        mark_served(pool, u, agent->last);
    if (strcmp(agent->name, u->name) == 0 || (u->seen && u->seen->pod && strcmp(agent->name, u->seen->pod) == 0))
        return;
    if (!pool->aliases)
        pool->aliases = map_new();
    map_set(pool->aliases, agent->name, u);
}

static void take_agents(struct ledger *l, struct pool_book *pool, const struct ledger_world *world)
{
    map_free(pool->aliases);
    pool->aliases = NULL;
    for (size_t i = 0; i < pool->mirror->n_agents; i++) {
        const struct mirror_agent *agent = &pool->mirror->agents[i];
        struct unit_memo *u = memo_of_agent(l, world, agent->name, agent->host);
        if (u)
            take_agent(pool, u, agent);
        pool->free_foreign += !u && !agent->ours && agent->online && agent->enabled && !agent->assigned;
    }
}

static enum unit_state state_of(const struct unit_memo *u)
{
    if (u->ended_at.ns != MONO_NEVER.ns)
        return STATE_ENDED;
    if (u->serves)
        return STATE_BUSY;
    if (u->create != CREATE_NONE)
        return STATE_CREATING;
    if (u->served)
        return STATE_LEAVING;
    if (u->retire_sent || (u->seen && u->seen->deleting) || u->troubled)
        return STATE_RETIRING;
    if (u->online)
        return STATE_IDLE;
    return u->seen && u->seen->phase == UNIT_RUNNING ? STATE_STARTING : STATE_PENDING;
}

static void count_state(struct ledger *l, struct pool_book *pool, const struct unit_memo *u)
{
    struct ledger_pool_counts *n = &pool->counts;
    switch (u->state) {
    case STATE_CREATING:
    case STATE_RETIRING:
    case STATE_PENDING: n->pending++; break;
    case STATE_STARTING:
    case STATE_IDLE: n->starting++; break;
    case STATE_LEAVING:
    case STATE_BUSY: n->busy++; break;
    case STATE_ENDED: n->ended += u->seen != NULL; return;
    }
    l->live_total++;
    pool->live++;
    if (u->template_index == TEMPLATE_UNKNOWN)
        return;
    struct template_book *t = &pool->templates[u->template_index];
    t->live++;
    t->in_flight += u->create == CREATE_SENT;
}

/* Registration deadline: a running container whose agent never came is no longer counted on; the reaper will say so and remove it. */
static bool registration_overdue(struct ledger *l, const struct unit_memo *u, const struct pool_book *pool)
{
    if (u->state != STATE_STARTING || u->registered || u->template_index == TEMPLATE_UNKNOWN)
        return false;
    int64_t limit = pool->config->templates[u->template_index].registration_deadline_ms;
    if (limit <= 0)
        return false;
    struct mono deadline = mono_add_ms(u->seen->changed, limit);
    ledger_wake_at(l, deadline);
    return mono_reached(deadline, l->now);
}

void ledger_judge_units(struct ledger *l, struct pool_book *pool, const struct ledger_world *world)
{
    if (pool->mirror) {
        take_agents(l, pool, world);
        take_reservations(l, pool, world);
        take_gone(l, pool, world);
    }
    for (size_t i = 0; i < pool->n_units; i++) {
        struct unit_memo *u = pool->units[i];
        u->state = state_of(u);
        u->overdue = registration_overdue(l, u, pool);
        count_state(l, pool, u);
    }
}

bool unit_is_available(const struct unit_memo *u, const struct pool_book *pool)
{
    switch (u->state) {
    case STATE_CREATING:
    case STATE_PENDING:
        return true;
    case STATE_STARTING:
    case STATE_IDLE:
        return !u->disabled && !u->overdue;
    case STATE_ENDED:
        /* it keeps its place until a poll that began after its end */
        return !u->served && !u->settled && !mono_before(u->ended_at, pool->mirror->began);
    case STATE_BUSY:
    case STATE_LEAVING:
    case STATE_RETIRING:
        return false;
    }
    return false;
}
