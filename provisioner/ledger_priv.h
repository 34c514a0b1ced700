/* The inside of the ledger, shared by its own files only. */
#ifndef PROVISIONER_LEDGER_PRIV_H
#define PROVISIONER_LEDGER_PRIV_H

#include "common/map.h"
#include "provisioner/ledger.h"

enum unit_state { STATE_CREATING, STATE_PENDING, STATE_STARTING, STATE_IDLE, STATE_BUSY, STATE_LEAVING, STATE_RETIRING, STATE_ENDED };

enum create_state {
    CREATE_NONE,       /* seen in the cluster, nothing of ours under way */
    CREATE_SENT,       /* no answer yet */
    CREATE_WAITS,      /* to be sent again under the same name at retry_at */
    CREATE_ACCEPTED,   /* the API server has it; the watch has not shown it yet */
};

enum { TEMPLATE_UNKNOWN = -1 };

/* What is known of one unit beyond the cluster's picture. Lives from the CREATE until a poll that began after the unit was gone. */
struct unit_memo {
    char name[64];
    char *uid;
    const struct unit *seen;         /* this pass; NULL = not in the picture (any more) */
    size_t pool;                     /* index of the book */
    int template_index;
    uint64_t request_id;             /* 0 = warm */
    uint32_t attempt;
    enum create_state create;
    struct mono since;               /* of the create state */
    struct mono retry_at;
    unsigned tries;
    const char *wait_code;           /* CREATE_WAITS: why */
    char *wait_text;
    enum unit_state state;
    uint64_t serves, last_served;
    bool served;                     /* its agent has or had a job */
    bool online, registered, disabled;
    bool overdue;                    /* its agent has not come within the registration deadline */
    bool settled;                    /* its end has been put to account */
    bool troubled;                   /* the reaper told a cause; already put to account */
    bool retire_sent;
    const char *retire_reason;
    struct mono retire_again;        /* an order unheeded so long is told again */
    struct mono ended_at;            /* ended, or gone from the picture; MONO_NEVER = live */
    struct mono surplus_since;       /* MONO_NEVER = matched */
    struct request_memo *stands_for; /* this pass */
    uint64_t pass;
};

struct request_class {
    char *key;
    char **demands;
    size_t n_demands, users;
    uint8_t *fits;                   /* [template] */
    char *why_none;                  /* when nothing fits: the sentence; else NULL */
    size_t index;                    /* this pass, in the matching */
    uint64_t pass;
};

struct request_memo {
    uint64_t id;
    const struct mirror_request *row;   /* this pass */
    struct request_class *class;
    struct unit_memo *own;           /* this pass: the available unit made for it */
    struct unit_memo *unit;          /* this pass: stands for it or runs it */
    bool served;                     /* this pass: an agent of ours has or had it, whatever an older list of requests says */
    uint32_t highest_attempt;
    uint32_t failures, idle_exits;
    struct mono retry_at;
    struct mono reserved_since;
    struct mono held_since;          /* left to free agents of others; MONO_ZERO = not */
    const char *state;
    const char *code;                /* static or "" */
    char *reason;                    /* NULL = "" */
    char *last_failure;              /* the cause of the latest bad end */
    const char *last_failure_code;
    uint64_t pass;
};

struct template_book {
    const struct config_template *config;
    struct capability *caps;         /* declared plus what every unit of it has */
    size_t n_caps;
    size_t live;                     /* units, this pass */
    struct mono paused_until;        /* MONO_ZERO = open */
    unsigned pauses;
    bool probing;                    /* after a pause: one create at a time until one is accepted */
    size_t in_flight;                /* this pass: sent and unanswered */
    bool broken;                     /* the breaker is open: until an agent of it registers */
    unsigned bad_ends;               /* since the last registration */
    const char *pause_code;
    char *pause_reason;
};

enum { PASSED_OVER_MAX = 32 };
struct passed_over { uint64_t class; struct mono until; };   /* demands that free agents of others did not take */

struct pool_book {
    const struct config_pool *config;
    struct template_book *templates;
    const struct mirror_pool *mirror;   /* this pass; NULL = nothing heard */
    bool fresh;                      /* creation and retirement may rest on this pass's pictures */
    struct map *requests;            /* u64 -> request_memo */
    struct map *classes;             /* key -> request_class */
    struct unit_memo **units;        /* this pass */
    size_t n_units, cap_units;
    struct request_memo **waiting;   /* this pass, in order of service */
    size_t n_waiting, cap_waiting;
    struct ledger_pool_counts counts;
    uint64_t created;
    uint32_t warm_generation;        /* highest seen */
    struct map *aliases;             /* this pass: agent names that are neither a unit's nor a pod's -> unit_memo; NULL = none */
    struct mono gone_read;
    size_t live;                     /* this pass: units not ended */
    size_t free_foreign;             /* this pass: free online agents of others */
    struct passed_over passed_over[PASSED_OVER_MAX];
};

struct candidate { struct pool_book *pool; struct request_memo *request; };

struct ledger {
    const struct config *config;
    struct pool_book *pools;
    size_t n_pools;
    struct map *units;               /* name -> unit_memo */
    struct candidate *candidates;
    size_t n_candidates, cap_candidates;
    size_t live_total;
    uint64_t pass;
    uint64_t random;
    struct mono now, deadline;
    bool settled;
};

enum {
    CREATE_UNSEEN_MS = 60 * 1000,    /* accepted but never shown by the watch: not believed any longer */
    LEAVING_GRACE_MS = 30 * 1000,
    RETIRE_AGAIN_MS = 30 * 1000,
    BREAKER_ENDS = 3,
};

/* ledger.c */
void ledger_wake_at(struct ledger *l, struct mono t);            /* remembers the earliest time after now */
void ledger_set_reason(struct request_memo *r, const char *code, const char *text);
struct unit_memo *ledger_unit_memo(struct ledger *l, const char *name);
uint64_t ledger_random(struct ledger *l);
void unit_memo_drop(struct ledger *l, struct unit_memo *u);
bool unit_is_live(const struct unit_memo *u);

/* ledger_templates.c */
void template_book_init(struct template_book *t, const struct config *config, const struct config_template *template_config);
void template_book_done(struct template_book *t);
void template_pause(struct template_book *t, struct mono now, int64_t first_ms, int64_t max_ms, uint64_t random, const char *code, const char *reason);
void template_reopen(struct template_book *t);
void template_break(struct template_book *t, struct mono now, uint64_t random, const char *code, const char *reason);
void template_sent(struct template_book *t, struct mono now, uint64_t random);
void template_accepted(struct template_book *t);
void template_registered(struct template_book *t);
bool template_paused(const struct template_book *t, struct mono now);
struct request_class *request_class_for(struct pool_book *pool, const struct mirror_request *row);
void request_class_release(struct pool_book *pool, struct request_class *class);
void request_class_free(struct request_class *class);

/* ledger_units.c: the state of every unit */
void ledger_scan_units(struct ledger *l, const struct ledger_world *world);
void ledger_judge_units(struct ledger *l, struct pool_book *pool, const struct ledger_world *world);
bool unit_is_available(const struct unit_memo *u, const struct pool_book *pool);

/* ledger_requests.c: the state of every request */
void ledger_scan_requests(struct ledger *l, struct pool_book *pool, const struct ledger_world *world);
/* As qsort: who is served first - higher priority, then older. */
int ledger_service_order(const struct mirror_request *x, const struct mirror_request *y);
void ledger_settle_ends(struct ledger *l, struct pool_book *pool);
void ledger_note_trouble(struct ledger *l, struct pool_book *pool, const struct unit_memo *u, const char *code, const char *text);
void request_memo_free(struct pool_book *pool, struct request_memo *r);

/* ledger_match.c: who stands for whom; the rest become candidates */
void ledger_match(struct ledger *l, struct pool_book *pool);

/* ledger_foreign.c: true = a free agent of somebody else may take it, *free_agents is one less; the reason is set */
bool ledger_left_to_others(struct ledger *l, struct pool_book *pool, struct request_memo *r, size_t *free_agents);

/* ledger_create.c, ledger_surplus.c */
void ledger_create_units(struct ledger *l, const struct ledger_world *world, struct ledger_actions *out);
void ledger_retire_surplus(struct ledger *l, struct pool_book *pool, const struct ledger_world *world, struct ledger_actions *out);
size_t ledger_warm_wanted(const struct pool_book *pool);         /* unmatched units to keep */
struct ledger_action *ledger_action_add(struct ledger_actions *out);

#endif
