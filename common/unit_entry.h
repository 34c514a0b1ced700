/* The insides of unit.c: one unit with what is remembered of its Job and of its pod (unit_entry.c), and pods without a Job (unit_held.c). */
#ifndef COMMON_UNIT_ENTRY_H
#define COMMON_UNIT_ENTRY_H

#include "common/map.h"
#include "common/unit_parse.h"

struct unit_side {              /* what one of the two objects says */
    enum unit_phase phase;
    enum unit_trouble trouble;
    char *message;
    struct wall ended;
    bool deleting;
};

struct unit_entry {
    struct unit unit;           /* first: readers hold a pointer to it; unit.message is borrowed from a side */
    struct unit_side job, pod;
    bool pod_vanished;          /* it ran and was deleted before anyone saw how it ended */
    struct wall pod_created;
    char *agent_container;      /* by the Job's annotation */
    char *pod_key;              /* under which unit.c finds it by pod */
};

struct unit_entry *unit_entry_new(void);
void unit_entry_free(struct unit_entry **entry);
void unit_entry_reset(struct unit_entry *entry);                                  /* everything but priv */
void unit_entry_take_job(struct unit_entry *entry, struct unit_job_facts *facts, struct mono now);    /* empties facts */
/* Is this the pod that counts? The newest of a Job does. */
bool unit_entry_wants_pod(const struct unit_entry *entry, const struct unit_pod_facts *facts);
void unit_entry_take_pod(struct unit_entry *entry, struct unit_pod_facts *facts, struct mono now);    /* empties facts */
void unit_entry_lose_pod(struct unit_entry *entry);
void unit_entry_derive(struct unit_entry *entry, struct mono now);                /* phase, trouble... of the unit from both sides */
bool unit_entry_pod_facts(const struct unit_entry *entry, struct unit_pod_facts *ret);   /* of the live pod, copies; false = none */

struct unit_held;               /* pods whose Job is not there (yet) */
struct unit_held *unit_held_new(void);
void unit_held_free(struct unit_held **held);
/* Takes the facts over. pod may be NULL; it is kept only where the Job's annotation will matter. Beyond the bound a pod is not remembered. */
void unit_held_put(struct unit_held *held, struct mono now, struct unit_pod_facts *facts, const json_t *pod);
/* Hands out one pod of this owner after the other. */
bool unit_held_take_for(struct unit_held *held, const char *owner_uid, const char *agent_container, struct unit_pod_facts *ret);
void unit_held_drop(struct unit_held *held, const char *uid);
void unit_held_drop_named(struct unit_held *held, const char *name, const char *uid);   /* uid "" or NULL: whichever has the name */
const struct unit_orphan *unit_held_next(const struct unit_held *held, size_t *cursor);

#endif
