/* Azure DevOps agent pools on the wire: pools, job requests, agents. Every auth failure shape, throttling (Retry-After also on 200), stale and cut replies.
 * Facts: sections 1-3 and 10 of the Azure contract. */
#ifndef COMMON_ADO_H
#define COMMON_ADO_H

#include "common/err.h"
#include "common/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ado;

enum ado_right { ADO_MAY_READ = 0, ADO_MAY_ENABLE = 1, ADO_MAY_DELETE = 2, ADO_MAY_ADD = 4 /* and replace */ };

struct ado_options {
    const char *org_url;          /* normalised: no trailing slash */
    const char *pat;              /* one of the two */
    const char *pat_file;         /* re-read when it changed, and after a 401 */
    const char *proxy, *no_proxy, *ca_file, *user_agent;
    unsigned may;                 /* of ado_right; anything else is our bug and aborts */
};
struct ado *ado_open(struct loop *loop, const struct ado_options *options, struct err *err);
void ado_close(struct ado **ado);

/* What every reply tells besides its content. */
struct ado_result {
    struct err err;               /* ERR_AUTH: 203, 3xx, 401, HTML; ERR_DENIED 403; ERR_NOT_FOUND; ERR_THROTTLED; ERR_UNAVAILABLE; ERR_CONFLICT (400 job still running, 409)... */
    int status;
    int64_t wait_ms;              /* Retry-After or X-RateLimit-Delay: do not call again before; also on 200; 0 = none */
    struct mono began;            /* when the request was sent: the picture is at least as new as this */
    int64_t server_ms;            /* the reply's Date, Unix ms; 0 = unknown */
    uint64_t bytes;
};

struct ado_pool { uint32_t id; char *name; bool hosted; };

struct ado_request {              /* one row of jobrequests; strings "" when absent; borrowed during the callback */
    uint64_t id;
    int64_t queued_ms, assigned_ms, received_ms, finished_ms;   /* Unix ms, 0 = not */
    const char *result;           /* "" = unfinished */
    uint64_t agent_id;            /* reservedAgent, 0 = none */
    const char *agent_name;
    bool agent_online, agent_enabled;
    const char *const *demands;
    size_t n_demands;
    int priority;
    const char *job_id, *plan;    /* opaque */
    const char *definition, *run; /* names */
    const char *url;              /* owner's web link */
};
struct ado_agent {
    uint64_t id;
    const char *name, *host_name;        /* Agent.ComputerName, else HOSTNAME capability */
    const char *instance;                /* capability ADO_ORCHESTRATOR_INSTANCE, "" */
    const char *version;
    bool online, enabled;
    uint64_t assigned_request, last_request;   /* 0 = none */
    bool assigned_received;
    bool placeholder;                    /* has the capability ADO_ORCHESTRATOR_PLACEHOLDER */
};

/* An agent to register: an entry of the list, nothing runs behind it. */
struct ado_capability { const char *name, *value; };
struct ado_new_agent {
    const char *name, *version, *os;
    const struct ado_capability *capabilities;
    size_t n_capabilities;
};
/* A registered agent with all its system capabilities; borrowed during the callback. */
struct ado_found {
    struct ado_agent agent;
    const struct ado_capability *capabilities;
    size_t n_capabilities;
};

typedef void ado_pool_fn(void *data, const struct ado_result *result, const struct ado_pool *pool);          /* pool NULL on error */
typedef int ado_request_row_fn(void *data, const struct ado_request *row, struct err *err);
typedef int ado_agent_row_fn(void *data, const struct ado_agent *row, struct err *err);
/* The set is complete only when err is ERR_NONE: a cut or miscounted reply is an error, and the rows given before are to be dropped. */
typedef void ado_done_fn(void *data, const struct ado_result *result);
typedef void ado_request_fn(void *data, const struct ado_result *result, const struct ado_request *request); /* NULL on error; 404: ERR_NOT_FOUND */
typedef void ado_agent_fn(void *data, const struct ado_result *result, const struct ado_agent *agent);
typedef void ado_found_fn(void *data, const struct ado_result *result, const struct ado_found *found);       /* NULL on error */

void ado_find_pool(struct ado *ado, const char *name, ado_pool_fn *on_done, void *data);      /* exact name, exactly one, not hosted; else ERR_NOT_FOUND with a plain sentence */
/* Unfinished requests (completedRequestCount=0); a server that ignores the parameter sends finished ones too. is_known, or NULL: looks at the bytes of
 * each row first; true = it is neither parsed nor delivered. */
typedef bool ado_known_fn(void *data, const char *bytes, size_t n);
void ado_list_requests(struct ado *ado, uint32_t pool_id, ado_known_fn *is_known, ado_request_row_fn *on_row, ado_done_fn *on_done, void *data);
void ado_get_request(struct ado *ado, uint32_t pool_id, uint64_t request_id, ado_request_fn *on_done, void *data);
void ado_list_agents(struct ado *ado, uint32_t pool_id, ado_agent_row_fn *on_row, ado_done_fn *on_done, void *data);
void ado_get_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, ado_agent_fn *on_done, void *data);
void ado_enable_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, const char *name, bool enabled, ado_done_fn *on_done, void *data);
void ado_delete_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, ado_done_fn *on_done, void *data);  /* 404 counts as done */
void ado_find_agent(struct ado *ado, uint32_t pool_id, const char *name, ado_found_fn *on_done, void *data);  /* without case, as ADO does; ERR_NOT_FOUND */
/* ERR_EXISTS or ERR_CONFLICT: the pool has an agent of that name. */
void ado_add_agent(struct ado *ado, uint32_t pool_id, const struct ado_new_agent *agent, ado_found_fn *on_done, void *data);
void ado_replace_agent(struct ado *ado, uint32_t pool_id, uint64_t agent_id, const struct ado_new_agent *agent, ado_found_fn *on_done, void *data);

uint64_t ado_calls(const struct ado *ado);    /* HTTP calls made since open, for status and bench */

#endif
