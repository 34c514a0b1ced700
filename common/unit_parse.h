/* What one Job object or one pod object says about a unit. Pure and total: any JSON goes in, facts come out. Strings are owned by the facts. */
#ifndef COMMON_UNIT_PARSE_H
#define COMMON_UNIT_PARSE_H

#include "common/unit.h"

enum { UNIT_MESSAGE_MAX = 500 };

struct unit_meta {             /* metadata that Jobs and pods share */
    char *name, *uid, *resource_version, *ns;
    char *owner_uid;           /* of the controller, NULL = no owner */
    struct wall created;
    bool deleting;
    bool held;
};

struct unit_job_facts {
    struct unit_meta meta;
    uint32_t pool_id;
    char *pool, *template_name;
    uint64_t request_id;
    uint32_t attempt;
    char *agent_container;     /* NULL = the first */
    bool finished;
    enum unit_trouble trouble; /* of a finished Job */
    char *message;
    struct wall ended;
};

struct unit_pod_facts {
    struct unit_meta meta;
    enum unit_phase phase;
    enum unit_trouble trouble;
    char *message;
    int exit_code;
    struct wall ended;
    bool started;              /* some container has run */
    bool several;              /* more than one container: which one is the agent's matters */
};

/* 0, or -1 when the object has no name or no uid: it cannot be followed. */
int unit_parse_job(const json_t *job, struct unit_job_facts *ret);
/* agent_container: as the Job's annotation says, NULL; the pod's own annotation wins. */
int unit_parse_pod(const json_t *pod, const char *agent_container, struct unit_pod_facts *ret);
void unit_job_facts_done(struct unit_job_facts *facts);
void unit_pod_facts_done(struct unit_pod_facts *facts);

/* For the parsers of this module. */
int unit_parse_meta(const json_t *object, struct unit_meta *ret);
void unit_meta_done(struct unit_meta *meta);
const char *unit_annotation(const json_t *object, const char *name);        /* "" = absent */
char *unit_clean_message(const char *text);                                 /* control bytes out, at most UNIT_MESSAGE_MAX bytes; NULL for "" */
enum unit_trouble unit_trouble_of_waiting(const char *reason);              /* state.waiting.reason */
enum unit_trouble unit_trouble_of_disruption(const char *reason);           /* condition DisruptionTarget */
enum unit_trouble unit_trouble_of_pod_reason(const char *reason);           /* pod status.reason; UNIT_FINE = tells nothing */
bool unit_never_ran(const char *terminated_reason);                         /* the runtime could not start it */

#endif
