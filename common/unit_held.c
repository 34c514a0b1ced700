/* Pods whose Job is not there: it comes a moment later, or it is gone for good and they are orphans. */
#include "common/unit_entry.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_MAX = 8192 };

struct pod {
    struct unit_orphan orphan;      /* strings borrowed from facts; first */
    struct unit_pod_facts facts;
    json_t *object;                 /* NULL = the facts are enough */
    struct pod *next;               /* of the same owner */
};

struct unit_held {
    struct map *by_uid;
    struct map *by_owner;           /* owner's uid -> first pod */
};

struct unit_held *unit_held_new(void)
{
    struct unit_held *held = xcalloc(1, sizeof *held);
    *held = (struct unit_held){.by_uid = map_new(), .by_owner = map_new()};
    return held;
}

static void pod_free(struct pod *pod)
{
    unit_pod_facts_done(&pod->facts);
    json_decref(pod->object);
    free(pod);
}

void unit_held_free(struct unit_held **held)
{
    if (!*held)
        return;
    size_t cursor = 0;
    for (struct pod *pod; (pod = map_next((*held)->by_uid, &cursor, NULL));)
        pod_free(pod);
    map_free((*held)->by_uid);
    map_free((*held)->by_owner);
    free(*held);
    *held = NULL;
}

static void unlink_from_owner(struct unit_held *held, struct pod *pod)
{
    const char *owner = pod->facts.meta.owner_uid;
    struct pod *first = owner ? map_get(held->by_owner, owner) : NULL;
    if (first == pod) {
        map_remove(held->by_owner, owner);
        if (pod->next)
            map_set(held->by_owner, owner, pod->next);
        return;
    }
    for (; first; first = first->next) {
        if (first->next == pod) {
            first->next = pod->next;
            return;
        }
    }
}

static void link_to_owner(struct unit_held *held, struct pod *pod)
{
    if (pod->facts.meta.owner_uid)
        pod->next = map_set(held->by_owner, pod->facts.meta.owner_uid, pod);
}

/* Returns the time since when the pod is without owner, now if it was not held. */
static struct mono forget(struct unit_held *held, const char *uid, struct mono now)
{
    struct pod *pod = map_remove(held->by_uid, uid);
    if (!pod)
        return now;
    struct mono seen = pod->orphan.seen;
    unlink_from_owner(held, pod);
    pod_free(pod);
    return seen;
}

void unit_held_put(struct unit_held *held, struct mono now, struct unit_pod_facts *facts, const json_t *object)
{
    struct mono seen = forget(held, facts->meta.uid, now);
    if (map_count(held->by_uid) >= HELD_MAX) {
        unit_pod_facts_done(facts);
        return;
    }
    struct pod *pod = xcalloc(1, sizeof *pod);
    pod->facts = *facts;
    if (object && facts->several)
        pod->object = json_deep_copy(object);
    const struct unit_meta *meta = &pod->facts.meta;
    pod->orphan = (struct unit_orphan){
        .pod = meta->name, .uid = meta->uid, .ns = meta->ns, .owner_uid = meta->owner_uid, .seen = seen, .deleting = meta->deleting};
    map_set(held->by_uid, meta->uid, pod);
    link_to_owner(held, pod);
}

static void look_again(struct pod *pod, const char *agent_container)
{
    struct unit_pod_facts facts;
    if (!pod->object || !agent_container || unit_parse_pod(pod->object, agent_container, &facts))
        return;
    unit_pod_facts_done(&pod->facts);
    pod->facts = facts;
}

bool unit_held_take_for(struct unit_held *held, const char *owner_uid, const char *agent_container, struct unit_pod_facts *ret)
{
    struct pod *pod = map_get(held->by_owner, owner_uid);
    if (!pod)
        return false;
    unlink_from_owner(held, pod);
    map_remove(held->by_uid, pod->facts.meta.uid);
    look_again(pod, agent_container);
    *ret = pod->facts;
    pod->facts = (struct unit_pod_facts){0};
    pod_free(pod);
    return true;
}

void unit_held_drop(struct unit_held *held, const char *uid)
{
    forget(held, uid, MONO_ZERO);
}

void unit_held_drop_named(struct unit_held *held, const char *name, const char *uid)
{
    if (uid && *uid) {
        unit_held_drop(held, uid);
        return;
    }
    size_t cursor = 0;
    for (struct pod *pod; (pod = map_next(held->by_uid, &cursor, NULL));) {
        if (strcmp(pod->facts.meta.name, name) == 0) {
            unit_held_drop(held, pod->facts.meta.uid);
            return;
        }
    }
}

const struct unit_orphan *unit_held_next(const struct unit_held *held, size_t *cursor)
{
    const struct pod *pod = map_next(held->by_uid, cursor, NULL);
    return pod ? &pod->orphan : NULL;
}
