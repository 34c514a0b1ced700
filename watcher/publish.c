#include "watcher/shell_priv.h"

#include "common/mem.h"

#include <stdlib.h>

enum { PICTURE_AGE_MS = 30 * 1000 };

static const enum role audience[] = {ROLE_PROVISIONER, ROLE_REAPER};

struct sending {
    struct bus *bus;
    enum role role;
};

static int send_part(void *data, const struct msg *part)
{
    const struct sending *sending = data;
    return bus_send(sending->bus, sending->role, part);
}

/* False: the peer is not there any more, or its queue is full and the bus drops it; a full set follows after its next hello. */
static bool send_parts(struct watcher *w, enum role role, const struct msg *msg)
{
    struct sending sending = {.bus = w->bus, .role = role};
    return bus_up(w->bus, role) && bus_in_parts(msg, send_part, &sending) == 0;
}

/* ---- requests ---- */

struct rows {
    struct request_row *rows;
    const char **demands;
    size_t n;
};

static bool is_wanted(const struct watch_request *r, bool full)
{
    return full || r->dirty;
}

static struct rows rows_of(const struct core *core, bool full)
{
    struct rows rows = {0};
    const struct watch_request *r;
    size_t n_demands = 0;
    if (!full && !core_dirty(core))
        return rows;
    for (size_t cursor = 0; (r = core_next(core, &cursor));) {
        rows.n += is_wanted(r, full);
        n_demands += is_wanted(r, full) ? r->n_demands : 0;
    }
    if (!rows.n)
        return rows;
    rows.rows = xcalloc(rows.n, sizeof *rows.rows);
    rows.demands = xcalloc(n_demands, sizeof *rows.demands);
    size_t i = 0;
    const char **demands = rows.demands;
    for (size_t cursor = 0; (r = core_next(core, &cursor));) {
        if (!is_wanted(r, full))
            continue;
        watch_request_row(r, &rows.rows[i++], demands);
        demands += r->n_demands;
    }
    return rows;
}

static void rows_free(struct rows *rows)
{
    free(rows->rows);
    free(rows->demands);
}

static struct gone_row *gone_of(const struct core *core, size_t *ret_n)
{
    const struct core_gone *gone = core_gone(core, ret_n);
    struct gone_row *rows = *ret_n ? xcalloc(*ret_n, sizeof *rows) : NULL;
    for (size_t i = 0; i < *ret_n; i++)
        rows[i] = (struct gone_row){.id = gone[i].id, .result = gone[i].result, .agent = gone[i].agent, .received_ms = gone[i].received_ms};
    return rows;
}

static struct msg requests_msg(struct watched *pool, bool full)
{
    struct watcher *w = pool->watcher;
    return (struct msg){.type = MSG_requests, .u.requests = {
        .pool_id = pool->picture_id, .pool = pool->name, .full = full, .set = ++w->set, .last = true,
        .began_ns = (uint64_t)core_began(pool->core).ns,
        .delay_ms = (uint64_t)pace_told_ms(&pool->polls, &w->budget, loop_now(w->loop)),
    }};
}

static void send_full(struct watched *pool, enum role role)
{
    struct msg msg = requests_msg(pool, true);
    struct rows rows = rows_of(pool->core, true);
    msg.u.requests.rows = rows.rows;
    msg.u.requests.n_rows = rows.n;
    struct gone_row *gone = gone_of(pool->core, &msg.u.requests.n_gone);
    msg.u.requests.gone = gone;
    pool->needs_full[role] = !send_parts(pool->watcher, role, &msg);
    free(gone);
    rows_free(&rows);
}

void publish_delta(struct watched *pool)
{
    struct msg msg = requests_msg(pool, false);
    struct rows rows = rows_of(pool->core, false);
    struct gone_row *gone = gone_of(pool->core, &msg.u.requests.n_gone);
    msg.u.requests.rows = rows.rows;
    msg.u.requests.n_rows = rows.n;
    msg.u.requests.gone = gone;
    for (size_t i = 0; i < ARRAY_SIZE(audience); i++) {
        bool up = bus_up(pool->watcher->bus, audience[i]);
        if (up && pool->needs_full[audience[i]])
            send_full(pool, audience[i]);
        else if (!send_parts(pool->watcher, audience[i], &msg))
            pool->needs_full[audience[i]] = true;
    }
    core_told(pool->core);
    free(gone);
    rows_free(&rows);
}

static void send_stale(struct watched *pool, enum role role)
{
    struct msg msg = requests_msg(pool, false);
    msg.u.requests.stale = true;
    msg.u.requests.reason = pool->stale.reason;
    if (!send_parts(pool->watcher, role, &msg))
        pool->needs_full[role] = true;
}

void publish_stale(struct watched *pool)
{
    for (size_t i = 0; i < ARRAY_SIZE(audience); i++)
        send_stale(pool, audience[i]);
}

/* ---- agents ---- */

static struct msg agents_msg(struct watched *pool)
{
    struct watcher *w = pool->watcher;
    return (struct msg){.type = MSG_agents, .u.agents = {
        .pool_id = pool->picture_id, .pool = pool->name, .set = ++w->set, .last = true,
        .began_ns = (uint64_t)core_agents_began(pool->core).ns,
        .delay_ms = (uint64_t)pace_told_ms(&pool->agents, &w->budget, loop_now(w->loop)),
    }};
}

static struct agent_row *agents_of(const struct watched *pool, size_t *ret_n)
{
    const struct watch_agent *const *agents = core_agents(pool->core, ret_n);
    struct agent_row *rows = *ret_n ? xcalloc(*ret_n, sizeof *rows) : NULL;
    for (size_t i = 0; i < *ret_n; i++)
        watch_agent_row(agents[i], pool->watcher->config->instance, &rows[i]);
    return rows;
}

static void send_agents(struct watched *pool, enum role first, enum role last)
{
    struct msg msg = agents_msg(pool);
    struct agent_row *rows = agents_of(pool, &msg.u.agents.n_rows);
    msg.u.agents.rows = rows;
    for (size_t i = 0; i < ARRAY_SIZE(audience); i++)
        if (audience[i] >= first && audience[i] <= last)
            send_parts(pool->watcher, audience[i], &msg);
    free(rows);
}

void publish_agents(struct watched *pool)
{
    send_agents(pool, ROLE_PROVISIONER, ROLE_REAPER);
}

static void send_agents_stale(struct watched *pool, enum role role)
{
    struct msg msg = agents_msg(pool);
    msg.u.agents.stale = true;
    msg.u.agents.reason = pool->agents_stale.reason;
    send_parts(pool->watcher, role, &msg);
}

void publish_agents_stale(struct watched *pool)
{
    for (size_t i = 0; i < ARRAY_SIZE(audience); i++)
        send_agents_stale(pool, audience[i]);
}

/* ---- a new peer ---- */

/* What is sent counts as fresh for the receiver from then on: an old picture is not sent at all, the next good poll brings a whole one. */
static bool too_old(const struct watched *pool, struct mono began, int64_t told_ms)
{
    int64_t age = mono_ms_between(began, loop_now(pool->watcher->loop));
    return age > PICTURE_AGE_MS && age > 3 * told_ms;
}

static void introduce_requests(struct watched *pool, enum role role)
{
    struct watcher *w = pool->watcher;
    pool->needs_full[role] = true;
    if (pool->stale.code != ERR_NONE)
        send_stale(pool, role);
    else if (core_known(pool->core) && !too_old(pool, core_began(pool->core), pace_told_ms(&pool->polls, &w->budget, loop_now(w->loop))))
        send_full(pool, role);
}

static void introduce_agents(struct watched *pool, enum role role)
{
    struct watcher *w = pool->watcher;
    if (pool->agents_stale.code != ERR_NONE)
        send_agents_stale(pool, role);
    else if (core_agents_known(pool->core) &&
             !too_old(pool, core_agents_began(pool->core), pace_told_ms(&pool->agents, &w->budget, loop_now(w->loop))))
        send_agents(pool, role, role);
}

void publish_everything(struct watcher *w, enum role role)
{
    for (size_t i = 0; i < w->n_pools; i++) {
        introduce_requests(&w->pools[i], role);
        introduce_agents(&w->pools[i], role);
    }
}
