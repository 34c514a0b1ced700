/* The core's own memory, shared by its files. */
#ifndef REAPER_RECORD_H
#define REAPER_RECORD_H

#include "reaper/core.h"

#include "common/map.h"

enum step {
    STEP_NONE,
    STEP_CHECK,          /* is its container really not started? */
    STEP_DISABLE,        /* no new request for its agent */
    STEP_READ,           /* did it get one before that? */
    STEP_ENABLE,         /* it did */
    STEP_DELETE,
};

struct record {                      /* unit->priv */
    char *uid;                       /* of the unit it speaks of */
    /* what Azure DevOps shows of it, settled in each pass; borrowed from the mirror for that pass */
    const struct mirror_pool *pool;
    const struct mirror_agent *agent;
    const struct mirror_request *busy;
    bool agent_busy;                 /* only the list of agents says so, and no newer list of requests denies it */
    /* remembered */
    uint64_t served;                 /* the last request its agent had */
    struct mono left_at;             /* when that was first seen gone; MONO_NEVER = it is not */
    struct mono agent_seen;          /* when its agent was last listed */
    struct mono pull_began;
    unsigned pulls;                  /* how often it came to the image-pull state */
    /* the operation */
    enum step step;
    bool in_flight, disabled, deleted, told;
    unsigned dry;                    /* 1 << rule: said what it would do, once */
    enum reaper_rule rule;
    char *reason, *message;
    uint32_t agent_pool;
    uint64_t agent_id;
    char *agent_name;
    unsigned failures;
    struct mono not_before;
    struct mono settled_at;          /* older pictures of its agent say nothing any more */
};

struct pool_memo {
    uint32_t id;
    bool stray;                      /* an online agent of ours that belongs to no unit */
    int64_t floor_ms;                /* Azure DevOps's clock is at least this at floor_at */
    struct mono floor_at;
    struct mono gone_read;           /* requests that left since then are news */
};

struct order {
    char *reason;
    struct mono told;
};

struct orphan_record {
    uint64_t pass;
    bool in_flight, deleted;
    unsigned failures;
    struct mono not_before;
};

struct reaper {
    const struct config *config;
    struct pool_memo *pools;
    size_t n_pools;
    struct map *orders;              /* uid -> struct order */
    struct map *orphans;             /* pod uid -> struct orphan_record */
    struct mono collected;           /* when an orphan last vanished by itself */
    struct map *freed;               /* name of an agent deleted while free -> struct mono *, when */
    uint64_t pass;
    struct mono now, deadline;
    size_t under_way;
    uint64_t deleted[RULE_COUNT], races;
};

/* core.c */
struct reaper_action *reaper_action_add(struct reaper_actions *actions);
void reaper_wake_at(struct reaper *reaper, struct mono when);      /* ignored unless later than now */
struct record *record_of(struct unit *unit);
struct pool_memo *reaper_pool_memo(struct reaper *reaper, uint32_t id);

/* view.c: joins agents and requests with the units. */
void view_settle(struct reaper *reaper, const struct reaper_world *world);
bool view_busy(const struct record *record);
bool view_ado_fresh(const struct reaper *reaper, const struct record *record);    /* requests and agents */
int64_t view_ado_now(struct reaper *reaper, uint32_t pool_id);      /* Unix ms, at most the service's own clock; 0 = not known */
void view_freed(struct reaper *reaper, const struct unit *unit);    /* deleted while its agent was free: watch for the race */

/* steps.c */
void steps_advance(struct reaper *reaper, const struct reaper_world *world, struct unit *unit, struct reaper_actions *out);
void steps_result(struct reaper *reaper, struct unit *unit, uint64_t random, const struct reaper_result *result);

/* orphans.c */
void orphans_pass(struct reaper *reaper, const struct reaper_world *world, struct reaper_actions *out);
void orphans_result(struct reaper *reaper, uint64_t random, const struct reaper_result *result);

#endif
