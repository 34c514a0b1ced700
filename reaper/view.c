/* Which agent and which request belong to which unit, as of this pass. A unit counts as busy as soon as either list says so. */
#include "reaper/record.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FREED_KEEP_MS = 10 * 60 * 1000, FREED_MAX = 4096 };

static bool in_pool(const struct unit *unit, const struct mirror_pool *pool)
{
    return (unit->pool_id && unit->pool_id == pool->id) || strcmp(str_or_empty(unit->pool), pool->name) == 0;
}

static const struct mirror_pool *pool_of(const struct mirror *mirror, const struct unit *unit)
{
    const struct mirror_pool *pool = unit->pool_id ? mirror_find_id(mirror, unit->pool_id) : NULL;
    return pool ? pool : mirror_find(mirror, str_or_empty(unit->pool));
}

static void start_units(const struct reaper_world *world)
{
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(world->units, &cursor));) {
        struct record *record = record_of(unit);
        record->pool = pool_of(world->mirror, unit);
        record->agent = NULL;
        record->busy = NULL;
        record->agent_busy = false;
        if (unit->trouble == UNIT_IMAGE_PULL && record->pull_began.ns != unit->changed.ns) {
            record->pull_began = unit->changed;
            record->pulls++;
        }
    }
}

/* What the list of agents says of an assignment holds only as long as no newer list of requests denies it. */
static bool assigned_still(const struct mirror_pool *pool, const struct mirror_agent *agent)
{
    if (!agent->assigned)
        return false;
    bool requests_newer = pool->have_requests && mono_before(pool->agents_began, pool->began);
    return !requests_newer || map_get_u64(pool->requests, agent->assigned);
}

/* Of two agents of one unit (registered twice) the one with work, then the online one counts. */
static bool better(const struct mirror_agent *now, const struct mirror_agent *agent)
{
    if (!now || (agent->assigned && !now->assigned))
        return true;
    return agent->online && !now->online && !now->assigned;
}

struct aliases {
    struct map *by_name;             /* name of an agent that was found by its host name -> unit; NULL = none */
};

static void settle_agents(struct reaper *reaper, const struct reaper_world *world, const struct mirror_pool *pool, struct aliases *aliases)
{
    struct pool_memo *memo = reaper_pool_memo(reaper, pool->id);
    memo->stray = false;
    for (size_t i = 0; i < pool->n_agents; i++) {
        const struct mirror_agent *agent = &pool->agents[i];
        struct unit *unit = units_by_agent(world->units, agent->name, agent->host);
        if (!unit || !in_pool(unit, pool)) {
            memo->stray |= agent->ours && agent->online;
            continue;
        }
        struct record *record = record_of(unit);
        if (better(record->agent, agent))
            record->agent = agent;
        record->agent_busy |= assigned_still(pool, agent);
        if (!units_by_agent(world->units, agent->name, NULL)) {
            if (!aliases->by_name)
                aliases->by_name = map_new();
            map_set(aliases->by_name, agent->name, unit);
        }
    }
}

static struct unit *unit_of_request(const struct reaper_world *world, const struct mirror_pool *pool, const struct aliases *aliases, const char *agent)
{
    struct unit *unit = units_by_agent(world->units, agent, NULL);
    if (!unit && aliases->by_name)
        unit = map_get(aliases->by_name, agent);
    return unit && in_pool(unit, pool) ? unit : NULL;
}

static void notice_race(struct reaper *reaper, const struct mirror_pool *pool, const char *agent)
{
    struct mono *when = map_count(reaper->freed) ? map_get(reaper->freed, agent) : NULL;
    if (!when || !mono_before(*when, pool->began))
        return;
    reaper->races++;
    free(map_remove(reaper->freed, agent));
}

static void raise_floor(struct pool_memo *memo, struct mono now, const struct mirror_request *request)
{
    int64_t stamp = request->queued_ms > request->assigned_ms ? request->queued_ms : request->assigned_ms;
    stamp = stamp > request->received_ms ? stamp : request->received_ms;
    if (stamp <= memo->floor_ms + mono_ms_between(memo->floor_at, now))
        return;
    memo->floor_ms = stamp;
    memo->floor_at = now;
}

static void settle_requests(struct reaper *reaper, const struct reaper_world *world, const struct mirror_pool *pool, const struct aliases *aliases)
{
    struct pool_memo *memo = reaper_pool_memo(reaper, pool->id);
    size_t cursor = 0;
    for (const struct mirror_request *request; (request = map_next(pool->requests, &cursor, NULL));) {
        raise_floor(memo, reaper->now, request);
        if (!*request->agent)
            continue;
        struct unit *unit = unit_of_request(world, pool, aliases, request->agent);
        if (!unit) {
            notice_race(reaper, pool, request->agent);
            continue;
        }
        struct record *record = record_of(unit);
        if (!record->busy || (request->received_ms && !record->busy->received_ms))
            record->busy = request;
    }
}

/* Short jobs are seen by their end alone. Newest last: only those that came since the last pass. */
static void settle_gone(struct reaper *reaper, const struct reaper_world *world, const struct mirror_pool *pool, const struct aliases *aliases)
{
    struct pool_memo *memo = reaper_pool_memo(reaper, pool->id);
    for (size_t i = pool->n_gone; i-- > 0;) {
        const struct mirror_gone *gone = &pool->gone[i];
        if (mono_before(gone->seen, memo->gone_read))
            break;
        struct unit *unit = gone->received_ms && *gone->agent ? unit_of_request(world, pool, aliases, gone->agent) : NULL;
        if (unit)
            record_of(unit)->served = gone->id;
    }
    memo->gone_read = reaper->now;
}

/* Remembers who served what, and since when that is over. A single-use agent that has a last request and no other is on its way out. */
static void remember(struct reaper *reaper, struct record *record)
{
    if (record->agent)
        record->agent_seen = record->pool->agents_heard;
    if (record->busy)
        record->served = record->busy->id;
    else if (record->agent && record->agent->assigned && record->agent_busy)
        record->served = record->agent->assigned;
    else if (record->agent && record->agent->last)
        record->served = record->agent->last;
    if (!record->served || view_busy(record))
        record->left_at = MONO_NEVER;
    else if (record->left_at.ns == MONO_NEVER.ns && view_ado_fresh(reaper, record))
        record->left_at = reaper->now;
}

static void expire_freed(struct reaper *reaper)
{
    size_t cursor = 0;
    const char *name;
    for (struct mono *when; (when = map_next(reaper->freed, &cursor, &name));)
        if (mono_ms_between(*when, reaper->now) > FREED_KEEP_MS)
            free(map_remove(reaper->freed, name));
}

void view_settle(struct reaper *reaper, const struct reaper_world *world)
{
    expire_freed(reaper);
    start_units(world);
    for (size_t i = 0; i < mirror_count(world->mirror); i++) {
        const struct mirror_pool *pool = mirror_pool_at(world->mirror, i);
        struct aliases aliases = {0};
        settle_agents(reaper, world, pool, &aliases);
        settle_requests(reaper, world, pool, &aliases);
        settle_gone(reaper, world, pool, &aliases);
        map_free(aliases.by_name);
    }
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(world->units, &cursor));)
        remember(reaper, record_of(unit));
}

bool view_busy(const struct record *record)
{
    return record->busy || record->agent_busy;
}

bool view_ado_fresh(const struct reaper *reaper, const struct record *record)
{
    return record->pool && mirror_requests_fresh(record->pool, reaper->now) && mirror_agents_fresh(record->pool, reaper->now);
}

int64_t view_ado_now(struct reaper *reaper, uint32_t pool_id)
{
    const struct pool_memo *memo = reaper_pool_memo(reaper, pool_id);
    return memo->floor_ms ? memo->floor_ms + mono_ms_between(memo->floor_at, reaper->now) : 0;
}

void view_freed(struct reaper *reaper, const struct unit *unit)
{
    const struct record *record = unit->priv;
    const char *name = record->agent_name ? record->agent_name : unit->name;
    if (map_count(reaper->freed) >= FREED_MAX)
        return;
    struct mono *when = xcalloc(1, sizeof *when);
    *when = reaper->now;
    free(map_set(reaper->freed, name, when));
}
