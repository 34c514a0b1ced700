/* The ledger: which request has which unit, which need a new one, which units are too many. Pure: one pass turns the pictures of Azure DevOps and of the cluster
 * into actions; what an action came to is told back by ledger_created. Nothing is derived from counters: every pass recomputes from the pictures; what the
 * ledger itself remembers is only what no picture shows (creates under way, backoff, who served what, why a request waits). */
#ifndef PROVISIONER_LEDGER_H
#define PROVISIONER_LEDGER_H

#include "common/config.h"
#include "common/mono.h"
#include "common/unit.h"
#include "protocol/mirror.h"

struct ledger;

struct ledger_world {
    const struct mirror *mirror;
    const struct units *units;
    bool units_fresh;             /* Jobs and pods are listed and followed */
    bool writes_allowed;          /* the lease is ours */
    bool final_round;             /* RUN_ONCE: no warm replacement, nothing retired */
};

enum ledger_action_kind { LEDGER_CREATE, LEDGER_RETIRE };
struct ledger_action {
    enum ledger_action_kind kind;
    const struct config_pool *pool;
    const struct config_template *template;   /* CREATE */
    uint32_t pool_id;
    char name[64];                /* of the unit */
    char uid[64];                 /* RETIRE */
    uint64_t request_id;          /* CREATE: 0 = warm */
    uint32_t attempt;
    const struct mirror_request *request;     /* CREATE: borrowed from the mirror for this call only; NULL = warm */
    const char *reason;           /* RETIRE: reason code, static */
};
struct ledger_actions { struct ledger_action *list; size_t n, cap; };
void ledger_actions_done(struct ledger_actions *actions);

enum ledger_outcome {
    LEDGER_OK,                    /* 201, or 409 and a GET shows our own live unit of this request and attempt */
    LEDGER_SPENT,                 /* 409 and a GET shows ours, but ended or terminating: next attempt */
    LEDGER_TAKEN,                 /* 409 and it is somebody else's: reason name-taken, next attempt after backoff */
    LEDGER_REFUSED_QUOTA,         /* the template pauses, tried again after a while or when a unit left */
    LEDGER_REFUSED,               /* RBAC, admission, namespace, manifest: the pool's template pauses with backoff, code and message are the reason */
    LEDGER_RETRY,                 /* throttled, unavailable, no reply: the same name again after backoff; the outcome may be that it exists */
};

struct ledger *ledger_new(const struct config *config);
void ledger_free(struct ledger **ledger);

/* random: for jitter. Fills out (reset first). Also settles each request's reason and each unit's state, see below. */
void ledger_pass(struct ledger *ledger, const struct ledger_world *world, struct mono now, uint64_t random, struct ledger_actions *out);
/* The next time a pass could decide something without new pictures; MONO_NEVER = none. Always > the now of the last pass. */
struct mono ledger_deadline(const struct ledger *ledger);

/* What the CREATE of this name came to. code: a static string ("quota", "rbac", "admission", "namespace", "template", "throttled"...) and message for people. */
void ledger_created(struct ledger *ledger, struct mono now, uint64_t random, const char *name, const char *uid, enum ledger_outcome outcome, const char *code,
                    const char *message);
/* The reaper says why it is about to delete this unit. */
void ledger_trouble(struct ledger *ledger, struct mono now, const char *name, const char *uid, const char *cause, const char *message);
/* The reaper is (again) connected: RETIRE actions are issued anew. */
void ledger_reaper_connected(struct ledger *ledger);

/* ---- what people see; valid until the next pass ---- */
struct ledger_view {
    const char *state;            /* request: waiting, assigned, running; unit: creating, pending, starting, idle, busy, leaving, retiring, ended */
    const char *unit;             /* request: the unit that stands for it, "" */
    const char *code, *reason;    /* request: why it waits, "" ; unit: trouble */
    uint64_t serves;              /* unit: the request its agent has */
};
/* false: not known. */
bool ledger_request_view(const struct ledger *ledger, uint32_t pool_id, uint64_t request_id, struct ledger_view *ret);
bool ledger_unit_view(const struct ledger *ledger, const char *name, struct ledger_view *ret);

struct ledger_pool_counts {
    uint64_t queued, running;                           /* requests */
    uint64_t pending, starting, busy, ended;            /* units */
    uint64_t created;                                   /* since start */
    const char *note_code, *note;                       /* the pool's own trouble, "" (a template paused by quota...) */
};
void ledger_pool_counts(const struct ledger *ledger, uint32_t pool_id, struct ledger_pool_counts *ret);
/* Creates sent and not answered yet: for RUN_ONCE. Walk with cursor as units_next: units that no picture shows yet. */
size_t ledger_creating(const struct ledger *ledger);
const char *ledger_next_creating(const struct ledger *ledger, size_t *cursor, uint32_t *ret_pool_id, uint64_t *ret_request);
/* True when every waiting request of every pool has a unit or a reason that is not "starting". */
bool ledger_settled(const struct ledger *ledger);

#endif
