/* Pods of ours whose Job is gone: the garbage collector takes most of them; what it leaves (deleted with Orphan, or a collector that is down) we take. */
#include "reaper/record.h"

#include "common/backoff.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ORPHAN_GRACE_MS = 30 * 1000, ORPHAN_PATIENCE_MS = 5 * 60 * 1000 };

static const struct backoff RETRY = {.first_ms = 2000, .max_ms = 60 * 1000};

/* Is this the pod's own name, or that of the unit whose pod it was ("unit-xxxxx")? */
static bool names_pod(const char *name, const char *pod)
{
    if (strcasecmp(name, pod) == 0)
        return true;
    const char *dash = strrchr(pod, '-');
    return dash && strlen(name) == (size_t)(dash - pod) && strncasecmp(name, pod, (size_t)(dash - pod)) == 0;
}

static bool pool_names_pod(const struct mirror_pool *pool, const char *pod)
{
    size_t cursor = 0;
    for (const struct mirror_request *request; (request = map_next(pool->requests, &cursor, NULL));)
        if (*request->agent && names_pod(request->agent, pod))
            return true;
    for (size_t i = 0; i < pool->n_agents; i++)
        if (pool->agents[i].assigned && (names_pod(pool->agents[i].name, pod) || names_pod(pool->agents[i].host, pod)))
            return true;
    return false;
}

/* An agent in an orphan may be at work (its Job was deleted by hand): every pool must be in sight and none may show it busy. */
static bool may_work(const struct reaper *reaper, const struct mirror *mirror, const char *pod)
{
    for (size_t i = 0; i < reaper->config->n_pools; i++) {
        const struct mirror_pool *pool = mirror_find(mirror, reaper->config->pools[i].name);
        if (!pool || !mirror_requests_fresh(pool, reaper->now) || !mirror_agents_fresh(pool, reaper->now))
            return true;
    }
    for (size_t i = 0; i < mirror_count(mirror); i++)
        if (pool_names_pod(mirror_pool_at(mirror, i), pod))
            return true;
    return false;
}

static struct orphan_record *orphan_record(struct reaper *reaper, const char *uid)
{
    struct orphan_record *record = map_get(reaper->orphans, uid);
    if (!record) {
        record = xcalloc(1, sizeof *record);
        map_set(reaper->orphans, uid, record);
    }
    record->pass = reaper->pass;
    return record;
}

/* A collector that takes others will come to this one: after a burst it needs minutes. Not for ever: it never takes what was deleted with Orphan. */
static struct mono due_at(const struct reaper *reaper, const struct unit_orphan *orphan, const struct orphan_record *record)
{
    struct mono patience = mono_min(mono_add_ms(reaper->collected, ORPHAN_GRACE_MS), mono_add_ms(orphan->seen, ORPHAN_PATIENCE_MS));
    return mono_max(mono_max(mono_add_ms(orphan->seen, ORPHAN_GRACE_MS), patience), record->not_before);
}

static void judge(struct reaper *reaper, const struct reaper_world *world, const struct unit_orphan *orphan, struct reaper_actions *out)
{
    struct orphan_record *record = orphan_record(reaper, orphan->uid);
    struct mono due = due_at(reaper, orphan, record);
    reaper->under_way += record->in_flight;
    if (record->in_flight || record->deleted || orphan->deleting || world->finishing || !world->units_fresh)
        return;
    if (!mono_reached(due, reaper->now)) {
        reaper_wake_at(reaper, due);
        return;
    }
    if (may_work(reaper, world->mirror, orphan->pod))
        return;
    record->in_flight = true;
    reaper->under_way++;
    *reaper_action_add(out) = (struct reaper_action){.kind = REAPER_DELETE_POD, .rule = RULE_ORPHAN, .reason = "orphan", .orphan = orphan};
}

/* What has vanished and was not deleted by us, the collector took. */
static void forget_others(struct reaper *reaper)
{
    size_t cursor = 0;
    const char *uid;
    for (struct orphan_record *record; (record = map_next(reaper->orphans, &cursor, &uid));) {
        if (record->pass == reaper->pass)
            continue;
        if (!record->deleted)
            reaper->collected = reaper->now;
        map_remove(reaper->orphans, uid);
        free(record);
    }
}

void orphans_pass(struct reaper *reaper, const struct reaper_world *world, struct reaper_actions *out)
{
    size_t cursor = 0;
    for (const struct unit_orphan *orphan; (orphan = units_next_orphan(world->units, &cursor));)
        judge(reaper, world, orphan, out);
    forget_others(reaper);
}

void orphans_result(struct reaper *reaper, uint64_t random, const struct reaper_result *result)
{
    struct orphan_record *record = map_get(reaper->orphans, result->uid);
    if (result->outcome == REAPER_OK)
        reaper->deleted[RULE_ORPHAN]++;
    if (!record)
        return;
    record->in_flight = false;
    switch (result->outcome) {
    case REAPER_OK:
    case REAPER_ABSENT:
    case REAPER_DRY:
        record->deleted = true;
        return;
    case REAPER_STARTED:
    case REAPER_CHANGED:
    case REAPER_ERROR:
        record->not_before = mono_add_ms(reaper->now, backoff_delay(&RETRY, ++record->failures, random) + 1);
        return;
    }
}
