#include "common/unit_entry.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct unit_entry EMPTY = {
    .unit = {.exit_code = -1, .ended_seen = {INT64_MAX}, .phase = UNIT_PENDING, .trouble = UNIT_NO_POD},
    .pod = {.trouble = UNIT_NO_POD},
};

struct unit_entry *unit_entry_new(void)
{
    struct unit_entry *entry = xcalloc(1, sizeof *entry);
    *entry = EMPTY;
    return entry;
}

static void forget_pod(struct unit *unit)
{
    xstr_replace(&unit->pod, NULL);
    xstr_replace(&unit->pod_uid, NULL);
    xstr_replace(&unit->pod_resource_version, NULL);
}

static void free_fields(struct unit_entry *entry)
{
    struct unit *unit = &entry->unit;
    free(unit->name);
    free(unit->uid);
    free(unit->resource_version);
    free(unit->ns);
    free(unit->pool);
    free(unit->template_name);
    forget_pod(unit);
    free(entry->job.message);
    free(entry->pod.message);
    free(entry->agent_container);
    free(entry->pod_key);
}

void unit_entry_free(struct unit_entry **entry)
{
    if (!*entry)
        return;
    free_fields(*entry);
    free(*entry);
    *entry = NULL;
}

void unit_entry_reset(struct unit_entry *entry)
{
    void *priv = entry->unit.priv;
    free_fields(entry);
    *entry = EMPTY;
    entry->unit.priv = priv;
}

static void move(char **slot, char **from)
{
    free(*slot);
    *slot = *from;
    *from = NULL;
}

static void set_side(struct unit_side *side, struct unit_side now)
{
    free(side->message);
    *side = now;
}

void unit_entry_take_job(struct unit_entry *entry, struct unit_job_facts *facts, struct mono now)
{
    struct unit *unit = &entry->unit;
    move(&unit->name, &facts->meta.name);
    move(&unit->uid, &facts->meta.uid);
    move(&unit->resource_version, &facts->meta.resource_version);
    move(&unit->ns, &facts->meta.ns);
    move(&unit->pool, &facts->pool);
    move(&unit->template_name, &facts->template_name);
    move(&entry->agent_container, &facts->agent_container);
    unit->pool_id = facts->pool_id;
    unit->request_id = facts->request_id;
    unit->attempt = facts->attempt;
    unit->held = facts->meta.held;
    unit->created = facts->meta.created;
    set_side(&entry->job, (struct unit_side){
        .phase = facts->finished ? UNIT_ENDED : UNIT_PENDING,
        .trouble = facts->trouble,
        .message = facts->message,
        .ended = facts->ended,
        .deleting = facts->meta.deleting,
    });
    facts->message = NULL;
    unit_job_facts_done(facts);
    unit_entry_derive(entry, now);
}

bool unit_entry_wants_pod(const struct unit_entry *entry, const struct unit_pod_facts *facts)
{
    const struct unit *unit = &entry->unit;
    if (!unit->pod || strcmp(unit->pod_uid, facts->meta.uid) == 0 || facts->meta.created.ms > entry->pod_created.ms)
        return true;
    /* Stamps have whole seconds: of two pods of one second the live one counts. */
    bool same_second = facts->meta.created.ms == entry->pod_created.ms;
    return same_second && entry->pod.phase == UNIT_ENDED && facts->phase != UNIT_ENDED;
}

void unit_entry_take_pod(struct unit_entry *entry, struct unit_pod_facts *facts, struct mono now)
{
    struct unit *unit = &entry->unit;
    bool same = unit->pod_uid && strcmp(unit->pod_uid, facts->meta.uid) == 0;
    unit->container_started = facts->started || (same && unit->container_started);
    move(&unit->pod, &facts->meta.name);
    move(&unit->pod_uid, &facts->meta.uid);
    move(&unit->pod_resource_version, &facts->meta.resource_version);
    unit->exit_code = facts->exit_code;
    entry->pod_created = facts->meta.created;
    entry->pod_vanished = false;
    set_side(&entry->pod, (struct unit_side){
        .phase = facts->phase,
        .trouble = facts->trouble,
        .message = facts->message,
        .ended = facts->ended,
        .deleting = facts->meta.deleting,
    });
    facts->message = NULL;
    unit_pod_facts_done(facts);
    unit_entry_derive(entry, now);
}

void unit_entry_lose_pod(struct unit_entry *entry)
{
    struct unit_side *pod = &entry->pod;
    forget_pod(&entry->unit);
    pod->deleting = false;
    switch (pod->phase) {
    case UNIT_ENDED:
        return;
    case UNIT_RUNNING:
        pod->phase = UNIT_ENDED;
        entry->pod_vanished = true;
        if (pod->trouble == UNIT_FINE)
            pod->trouble = UNIT_NODE_LOST;
        if (!pod->message)
            pod->message = xstrdup("its pod was deleted while it ran");
        return;
    case UNIT_PENDING:
        set_side(pod, (struct unit_side){.phase = UNIT_PENDING, .trouble = UNIT_NO_POD});
        return;
    }
}

/* The pod speaks for the unit while there is one, and after that if it ended before our eyes; the Job only where the pod cannot. */
static const struct unit_side *speaker(const struct unit_entry *entry)
{
    if (entry->unit.pod || entry->job.phase != UNIT_ENDED)
        return &entry->pod;
    if (entry->pod_vanished)
        return entry->job.trouble == UNIT_CRASH ? &entry->pod : &entry->job;
    return entry->pod.phase == UNIT_ENDED ? &entry->pod : &entry->job;
}

void unit_entry_derive(struct unit_entry *entry, struct mono now)
{
    struct unit *unit = &entry->unit;
    const struct unit_side *side = speaker(entry);
    if (unit->phase != side->phase || unit->trouble != side->trouble || unit->changed.ns == 0)
        unit->changed = now;
    unit->phase = side->phase;
    unit->trouble = side->trouble;
    unit->message = side->message;
    unit->ended = side->ended.ms || side->phase != UNIT_ENDED ? side->ended : entry->job.ended;
    unit->deleting = entry->job.deleting || entry->pod.deleting;
    if (side->phase != UNIT_ENDED)
        unit->ended_seen = MONO_NEVER;
    else if (unit->ended_seen.ns == MONO_NEVER.ns)
        unit->ended_seen = now;
}

bool unit_entry_pod_facts(const struct unit_entry *entry, struct unit_pod_facts *ret)
{
    const struct unit *unit = &entry->unit;
    if (!unit->pod)
        return false;
    *ret = (struct unit_pod_facts){
        .meta = {.name = xstrdup(unit->pod),
                 .uid = xstrdup(unit->pod_uid),
                 .resource_version = xstrdup(unit->pod_resource_version),
                 .ns = xstrdup(unit->ns),
                 .owner_uid = xstrdup(unit->uid),
                 .created = entry->pod_created,
                 .deleting = entry->pod.deleting,
                 .held = unit->held},
        .phase = entry->pod.phase,
        .trouble = entry->pod.trouble,
        .message = xstrdup(entry->pod.message),
        .exit_code = unit->exit_code,
        .ended = entry->pod.ended,
        .started = unit->container_started,
    };
    return true;
}
