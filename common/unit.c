#include "common/unit_entry.h"

#include "common/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct units {
    struct map *by_name, *by_uid, *by_pod;   /* by_pod: lower-case name of the pod that was last seen */
    struct unit_held *held;
    struct mono now;
};

enum { KEY_MAX = 256 };

/* Agents are registered under names whose case others chose. NULL when it cannot be the name of an object. */
static const char *lower_key(char key[KEY_MAX], const char *name)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0 || n >= KEY_MAX)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        key[i] = (char)tolower((unsigned char)name[i]);
    return key;
}

static struct unit_entry *find(const struct map *map, const char *name)
{
    char key[KEY_MAX];
    return lower_key(key, name) ? map_get(map, key) : NULL;
}

struct units *units_new(void)
{
    struct units *units = xcalloc(1, sizeof *units);
    *units = (struct units){.by_name = map_new(), .by_uid = map_new(), .by_pod = map_new(), .held = unit_held_new()};
    return units;
}

void units_free(struct units **units)
{
    if (!*units)
        return;
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(*units, &cursor));)
        unit_free(&unit);
    map_free((*units)->by_name);
    map_free((*units)->by_uid);
    map_free((*units)->by_pod);
    unit_held_free(&(*units)->held);
    free(*units);
    *units = NULL;
}

void units_tick(struct units *units, struct mono now)
{
    units->now = now;
}

/* The pod's name leads to the unit for as long as no other pod takes its place: an agent outlives its pod in the list of agents. */
static void index_pod(struct units *units, struct unit_entry *entry, const char *pod)
{
    char key[KEY_MAX];
    if (entry->pod_key && lower_key(key, entry->pod_key) && map_get(units->by_pod, key) == entry)
        map_remove(units->by_pod, key);
    xstr_replace(&entry->pod_key, lower_key(key, pod));
    if (entry->pod_key)
        map_set(units->by_pod, entry->pod_key, entry);
}

static void take_pod(struct units *units, struct unit_entry *entry, struct unit_pod_facts *facts)
{
    if (!unit_entry_wants_pod(entry, facts)) {
        unit_pod_facts_done(facts);
        return;
    }
    if (!entry->unit.pod || strcmp(entry->unit.pod, facts->meta.name) != 0)
        index_pod(units, entry, facts->meta.name);
    unit_entry_take_pod(entry, facts, units->now);
}

static void adopt_held(struct units *units, struct unit_entry *entry)
{
    struct unit_pod_facts facts;
    while (unit_held_take_for(units->held, entry->unit.uid, entry->agent_container, &facts))
        take_pod(units, entry, &facts);
}

static struct unit_entry *entry_for(struct units *units, const struct unit_meta *meta)
{
    char key[KEY_MAX];
    struct unit_entry *entry = find(units->by_name, meta->name);
    if (entry && strcmp(entry->unit.uid, meta->uid) == 0)
        return entry;
    if (!lower_key(key, meta->name))
        return NULL;
    if (entry) {                                       /* the same name, another Job: only the reader's own data survives */
        map_remove(units->by_uid, entry->unit.uid);
        index_pod(units, entry, NULL);
        unit_entry_reset(entry);
    } else {
        entry = unit_entry_new();
        map_set(units->by_name, key, entry);
    }
    entry->unit.seen = units->now;
    map_set(units->by_uid, meta->uid, entry);
    return entry;
}

void units_job(struct units *units, struct mono now, const json_t *job)
{
    units->now = now;
    struct unit_job_facts facts;
    if (unit_parse_job(job, &facts))
        return;
    struct unit_entry *entry = entry_for(units, &facts.meta);
    if (!entry) {
        unit_job_facts_done(&facts);
        return;
    }
    unit_entry_take_job(entry, &facts, now);
    adopt_held(units, entry);
}

static void lose_pod(struct unit_entry *entry, struct mono now)
{
    unit_entry_lose_pod(entry);
    unit_entry_derive(entry, now);
}

/* A pod whose owner reference was taken away (its Job was deleted with Orphan) must leave its unit. */
static void leave_unit(struct units *units, const struct unit_meta *meta)
{
    struct unit_entry *entry = find(units->by_pod, meta->name);
    if (entry && entry->unit.pod_uid && strcmp(entry->unit.pod_uid, meta->uid) == 0)
        lose_pod(entry, units->now);
}

void units_pod(struct units *units, struct mono now, const json_t *pod)
{
    units->now = now;
    struct unit_pod_facts facts;
    if (unit_parse_pod(pod, NULL, &facts))
        return;
    struct unit_entry *entry = facts.meta.owner_uid ? map_get(units->by_uid, facts.meta.owner_uid) : NULL;
    if (!entry) {
        leave_unit(units, &facts.meta);
        unit_held_put(units->held, now, &facts, pod);
        return;
    }
    unit_held_drop(units->held, facts.meta.uid);
    if (entry->agent_container && facts.several) {
        unit_pod_facts_done(&facts);
        CHECK(unit_parse_pod(pod, entry->agent_container, &facts) == 0);
    }
    take_pod(units, entry, &facts);
}

static bool is_that(const char *have, const char *uid)
{
    return !uid || !*uid || strcmp(have, uid) == 0;
}

struct unit *units_job_gone(struct units *units, const char *name, const char *uid)
{
    char key[KEY_MAX];
    struct unit_entry *entry = find(units->by_name, name);
    if (!entry || !is_that(entry->unit.uid, uid))
        return NULL;
    map_remove(units->by_name, lower_key(key, name));
    map_remove(units->by_uid, entry->unit.uid);
    index_pod(units, entry, NULL);
    struct unit_pod_facts facts;
    if (unit_entry_pod_facts(entry, &facts))
        unit_held_put(units->held, units->now, &facts, NULL);
    return &entry->unit;
}

void units_pod_gone(struct units *units, struct mono now, const char *name, const char *uid)
{
    units->now = now;
    unit_held_drop_named(units->held, name, uid);
    struct unit_entry *entry = find(units->by_pod, name);
    if (entry && entry->unit.pod_uid && is_that(entry->unit.pod_uid, uid))
        lose_pod(entry, now);
}

void unit_free(struct unit **unit)
{
    struct unit_entry *entry = (struct unit_entry *)*unit;      /* unit is its first member */
    unit_entry_free(&entry);
    *unit = NULL;
}

struct unit *units_get(const struct units *units, const char *name)
{
    struct unit_entry *entry = find(units->by_name, name);
    return entry ? &entry->unit : NULL;
}

struct unit *units_by_agent(const struct units *units, const char *agent_name, const char *host_name)
{
    const char *names[] = {agent_name, host_name};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct unit_entry *entry = find(units->by_name, names[i]);
        if (!entry)
            entry = find(units->by_pod, names[i]);
        if (entry)
            return &entry->unit;
    }
    return NULL;
}

const char *unit_agent_container(const struct unit *unit)
{
    return ((const struct unit_entry *)(const void *)unit)->agent_container;
}

size_t units_count(const struct units *units)
{
    return map_count(units->by_name);
}

struct unit *units_next(const struct units *units, size_t *cursor)
{
    struct unit_entry *entry = map_next(units->by_name, cursor, NULL);
    return entry ? &entry->unit : NULL;
}

const struct unit_orphan *units_next_orphan(const struct units *units, size_t *cursor)
{
    return unit_held_next(units->held, cursor);
}
