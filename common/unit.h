/* Units as the cluster shows them: our Jobs joined with their pods. Pure: fed with objects, read by the provisioner and the reaper.
 * A unit's phase comes from its pod; the Job's conditions are only the fallback (they lag under load). */
#ifndef COMMON_UNIT_H
#define COMMON_UNIT_H

#include "common/mono.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABEL_MANAGED_BY "app.kubernetes.io/managed-by"
#define MANAGED_BY "ado-orchestrator"
#define LABEL_INSTANCE "ado-orchestrator.io/instance"
#define LABEL_POOL_ID "ado-orchestrator.io/pool-id"
#define LABEL_TEMPLATE "ado-orchestrator.io/template"
#define ANNOTATION_POOL "ado-orchestrator.io/pool"
#define ANNOTATION_REQUEST "ado-orchestrator.io/request-id"      /* absent for warm units */
#define ANNOTATION_ATTEMPT "ado-orchestrator.io/attempt"
#define ANNOTATION_DEMANDS "ado-orchestrator.io/demands"
#define ANNOTATION_QUEUED "ado-orchestrator.io/queue-time"
#define ANNOTATION_TEMPLATE_HASH "ado-orchestrator.io/template-hash"
#define ANNOTATION_AGENT_CONTAINER "ado-orchestrator.io/agent-container"
#define ANNOTATION_HOLD "ado-orchestrator.io/hold"               /* any value: the reaper leaves the unit alone */

enum unit_phase {
    UNIT_PENDING,     /* no pod yet, unscheduled, pulling, creating */
    UNIT_RUNNING,     /* the agent's container runs */
    UNIT_ENDED,       /* pod Succeeded or Failed, or the agent's container terminated, or Job finished without a pod */
};

/* Why a unit that has not started does not start, or how it ended. */
enum unit_trouble {
    UNIT_FINE,
    UNIT_NO_POD,            /* the Job has no pod (quota, admission of pods, or just slow) */
    UNIT_UNSCHEDULABLE,
    UNIT_IMAGE_PULL,        /* ErrImagePull, ImagePullBackOff, RegistryUnavailable, ErrImageNeverPull, ImageInspectError */
    UNIT_IMAGE_NAME,        /* InvalidImageName: final */
    UNIT_CONTAINER_CONFIG,  /* CreateContainerConfigError, CreateContainerError, RunContainerError, StartError... */
    UNIT_CRASH,             /* ended with a code other than 0 */
    UNIT_OOM,
    UNIT_EVICTED,           /* Evicted, preempted, DisruptionTarget */
    UNIT_NODE_LOST,
    UNIT_DEADLINE,          /* activeDeadlineSeconds */
};
const char *unit_trouble_name(enum unit_trouble trouble);   /* the reason code: "image-pull" */
const char *unit_phase_name(enum unit_phase phase);

struct unit {
    char *name;             /* of the Job */
    char *uid;
    char *resource_version;
    char *ns;
    char *pod, *pod_uid, *pod_resource_version;   /* NULL: no pod */
    uint32_t pool_id;
    char *pool;
    char *template_name;
    uint64_t request_id;    /* 0 = warm */
    uint32_t attempt;
    bool held;              /* ANNOTATION_HOLD */
    bool deleting;          /* Job or pod has a deletionTimestamp */
    bool container_started; /* some container of the pod has run, ever */
    enum unit_phase phase;
    enum unit_trouble trouble;
    char *message;          /* the cluster's words for the trouble, or the container's last words; NULL */
    int exit_code;          /* of the agent's container; -1 = unknown */
    struct wall created;    /* of the Job, server time */
    struct wall ended;      /* when the agent's container finished, server time; 0 = not */
    struct mono seen;       /* when we first saw it */
    struct mono ended_seen; /* when we first saw it ended; MONO_NEVER = not ended */
    struct mono changed;    /* when phase or trouble last changed */
    void *priv;             /* the reader's own; kept over updates; freed by the reader in on_gone */
};

struct units;               /* the collection */
struct units *units_new(void);
void units_free(struct units **units);
/* Job and pod objects as they come from the reflector, in any order; a pod may come before its Job. */
void units_job(struct units *units, struct mono now, const json_t *job);
void units_pod(struct units *units, struct mono now, const json_t *pod);
/* Returns the unit that lost its Job (out of the collection, free it with unit_free) or NULL. Its pod becomes an orphan at the time that units_tick
 * (or any call since) told last. */
struct unit *units_job_gone(struct units *units, const char *name, const char *uid);
void units_pod_gone(struct units *units, struct mono now, const char *name, const char *uid);
void unit_free(struct unit **unit);

void units_tick(struct units *units, struct mono now);      /* tells the time ahead of units_job_gone */

struct unit *units_get(const struct units *units, const char *name);
/* The unit an agent of this name or host name belongs to: unit name, pod name. NULL = none. */
struct unit *units_by_agent(const struct units *units, const char *agent_name, const char *host_name);
const char *unit_agent_container(const struct unit *unit);  /* as its Job's annotation says; NULL = the first one */
size_t units_count(const struct units *units);
struct unit *units_next(const struct units *units, size_t *cursor);   /* start with 0, ends with NULL */

/* Pods with our labels whose Job is not there: for the reaper. Walk as units_next. */
struct unit_orphan {
    char *pod, *uid, *ns;
    char *owner_uid;        /* NULL = no owner at all */
    struct mono seen;       /* when it first had no owner */
    bool deleting;
};
const struct unit_orphan *units_next_orphan(const struct units *units, size_t *cursor);

#endif
