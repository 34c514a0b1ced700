/* What may go, and in which steps. Pure and level-triggered: each pass looks at the pictures of Azure DevOps and of the cluster afresh and says which calls to
 * make now; what a call came to is told back by reaper_result and decides the next step in a later pass. The rules themselves are in rules.h.
 * Nothing is ever deleted on an old picture that the decision needs, and a unit whose agent has a request is deleted by no rule but MAX_JOB_DURATION. */
#ifndef REAPER_CORE_H
#define REAPER_CORE_H

#include "common/config.h"
#include "common/mono.h"
#include "common/unit.h"
#include "protocol/mirror.h"

enum reaper_rule {
    RULE_ENDED,           /* served its purpose, retention is over */
    RULE_FAILED,          /* the same, ended badly: kept longer */
    RULE_LEAVING,         /* its request is gone, its agent does not leave */
    RULE_RETIRED,         /* ordered */
    RULE_DISABLED,        /* its agent is disabled and has nothing to do */
    RULE_NEVER_STARTED,   /* image, configuration, crash: the cluster cannot start it */
    RULE_UNREGISTERED,    /* it runs, its agent never came */
    RULE_OVERDUE,         /* MAX_JOB_DURATION */
    RULE_ORPHAN,          /* a pod without its Job */
    RULE_COUNT,
};
const char *reaper_rule_name(enum reaper_rule rule);

enum reaper_action_kind { REAPER_DELETE_UNIT, REAPER_CHECK_POD, REAPER_DISABLE_AGENT, REAPER_READ_AGENT, REAPER_ENABLE_AGENT, REAPER_DELETE_POD, REAPER_TROUBLE };

struct reaper_action {               /* everything borrowed for the time between the pass and the next change of any picture */
    enum reaper_action_kind kind;
    enum reaper_rule rule;
    const char *reason;              /* reason code of the whole operation */
    const struct unit *unit;         /* all but DELETE_POD */
    const struct unit_orphan *orphan;/* DELETE_POD */
    bool same_version;               /* DELETE_UNIT: the Job must not have changed since this picture of it either */
    bool others_may_run;             /* CHECK_POD: only the agent's container must not have started */
    uint32_t pool_id;                /* of the agent */
    uint64_t agent_id;
    const char *agent_name;
    const char *message;             /* TROUBLE */
};
struct reaper_actions {
    struct reaper_action *list;
    size_t n, cap;
};
void reaper_actions_done(struct reaper_actions *actions);

struct reaper_world {
    const struct mirror *mirror;
    const struct units *units;
    bool units_fresh;                /* Jobs and pods are listed and followed */
    bool leading;                    /* false: only what has ended or is an orphan goes */
    bool finishing;                  /* nothing new is begun, what has begun is finished */
    struct wall server_now;          /* the API server's clock; 0 = not known: ages of what ended before we looked are not known then */
};

struct reaper;
struct reaper *reaper_new(const struct config *config);
void reaper_free(struct reaper **reaper);       /* the units' own records are freed by reaper_unit_gone */

/* Fills out (reset first). Every action but TROUBLE is answered by one reaper_result. */
void reaper_pass(struct reaper *reaper, const struct reaper_world *world, struct mono now, struct reaper_actions *out);
/* When a pass could decide something without any news; MONO_NEVER = not. Always later than the now of the last pass. */
struct mono reaper_deadline(const struct reaper *reaper);

enum reaper_outcome {
    REAPER_OK,            /* CHECK_POD: its agent's container has not started */
    REAPER_STARTED,       /* CHECK_POD: it has */
    REAPER_ABSENT,        /* 404 */
    REAPER_CHANGED,       /* a precondition did not hold */
    REAPER_ERROR,         /* anything else: tried again after a while */
    REAPER_DRY,           /* REAPER_DRY_RUN: this is where it would have begun to change things */
};
struct reaper_result {
    enum reaper_action_kind kind;
    enum reaper_rule rule;           /* kind, rule, name, uid: as in the action */
    const char *name, *uid;          /* of the unit or the orphan pod */
    enum reaper_outcome outcome;
    bool agent_enabled;              /* READ_AGENT */
    uint64_t agent_assigned;
};
void reaper_result(struct reaper *reaper, const struct units *units, struct mono now, uint64_t random, const struct reaper_result *result);

/* Idempotent; kept until the unit is gone, ended or busy, or nobody has repeated it for a long time. */
void reaper_order(struct reaper *reaper, struct mono now, const char *unit, const char *uid, const char *reason);
/* The unit has left the collection: frees what the reaper kept with it. Before unit_free. */
void reaper_unit_gone(struct reaper *reaper, struct unit *unit);

size_t reaper_under_way(const struct reaper *reaper);            /* operations begun and not finished, as of the last pass */
size_t reaper_orders(const struct reaper *reaper);
/* What is being done with it, "" = nothing; reason (may be NULL) gets the reason code. */
const char *reaper_unit_step(const struct unit *unit, const char **ret_reason);
uint64_t reaper_deleted(const struct reaper *reaper, enum reaper_rule rule);
/* Units deleted after their agent was seen free, to which a request was assigned all the same in that instant. */
uint64_t reaper_races(const struct reaper *reaper);

#endif
