/* What the receiver of `requests` and `agents` messages knows of each pool. Pure: parts are gathered and apply together at the last one;
 * staleness is judged by the receiver's own clock too. */
#ifndef PROTOCOL_MIRROR_H
#define PROTOCOL_MIRROR_H

#include "common/map.h"
#include "common/mono.h"
#include "protocol/msg.h"

struct mirror_request {
    uint64_t id;
    int64_t queued_ms, assigned_ms, received_ms;
    uint64_t agent_id;
    char *agent;                  /* "" = none */
    bool agent_online;
    char **demands;
    size_t n_demands;
    int64_t priority;
    char *definition, *run, *url;
    struct mono first_seen;       /* by this process */
};

struct mirror_agent {
    uint64_t id;
    char *name, *host, *instance;
    bool online, enabled, ours;
    bool placeholder;             /* never online, never a unit: there so that Azure DevOps lets jobs be queued */
    uint64_t assigned, last;
    struct mono offline_since;    /* first seen offline without a break; MONO_NEVER = online */
};

struct mirror_gone {              /* requests that have left, newest last, kept for 15 minutes (bounded) */
    uint64_t id;
    int64_t received_ms;
    struct mono seen;
    char result[32];              /* "" = not known */
    char agent[72];               /* "" = none, not known, or longer than any agent of ours; in place, for a block of its own would outlive the burst around it */
};

struct mirror_pool {
    uint32_t id;
    char *name;
    struct map *requests;         /* u64 id -> struct mirror_request *; the map and the requests change with each message */
    bool have_requests;           /* a full set has been applied; stays true when the watcher goes: its picture ages */
    struct mono began;            /* of the poll that the picture comes from */
    struct mono heard;            /* when the last message of any kind for this pool came */
    bool reported_stale;
    char *stale_reason;           /* "" = none */
    int64_t delay_ms;
    struct mirror_agent *agents;
    size_t n_agents;
    bool have_agents;
    struct mono agents_began, agents_heard;
    bool agents_reported_stale;
    int64_t agents_delay_ms;
    struct mirror_gone *gone;
    size_t n_gone;
    uint64_t done;                /* requests that have left since start */
};

struct mirror;
struct mirror *mirror_new(void);
void mirror_free(struct mirror **mirror);
/* 0, or -1 with err when the message makes no sense (a delta without a full set, parts out of order): drop the connection. */
int mirror_requests(struct mirror *mirror, struct mono now, const struct msg_requests *msg, struct err *err);
int mirror_agents(struct mirror *mirror, struct mono now, const struct msg_agents *msg, struct err *err);
void mirror_disconnected(struct mirror *mirror, struct mono now);     /* the watcher is gone: half-gathered parts are dropped, pictures stay and age */

size_t mirror_count(const struct mirror *mirror);
struct mirror_pool *mirror_pool_at(const struct mirror *mirror, size_t i);
struct mirror_pool *mirror_find(const struct mirror *mirror, const char *name);
struct mirror_pool *mirror_find_id(const struct mirror *mirror, uint32_t id);

/* May decisions rest on this picture? false also when nothing was heard for max(3 x delay, 30 s). */
bool mirror_requests_fresh(const struct mirror_pool *pool, struct mono now);
bool mirror_agents_fresh(const struct mirror_pool *pool, struct mono now);
struct mono mirror_stale_at(const struct mirror_pool *pool);          /* when the requests turn stale by silence; MONO_NEVER = no picture yet */
struct mono mirror_agents_stale_at(const struct mirror_pool *pool);
/* NULL when it has not left, left too long ago, or was never known. */
const struct mirror_gone *mirror_gone_find(const struct mirror_pool *pool, uint64_t id);
/* Both compare without case, as Azure DevOps and Windows do. */
const struct mirror_agent *mirror_agent_by_name(const struct mirror_pool *pool, const char *name);
const struct mirror_agent *mirror_agent_by_host(const struct mirror_pool *pool, const char *host);

#endif
