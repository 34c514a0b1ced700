#include "watcher/shell_priv.h"

#include "common/daemon.h"
#include "common/mem.h"

#include <stdlib.h>

static void count(const struct core *core, struct pool_status *ret)
{
    const struct watch_request *r;
    for (size_t cursor = 0; (r = core_next(core, &cursor));) {
        ret->queued += !r->received_ms && !r->agent_id;
        ret->running += r->received_ms != 0;
    }
}

static struct pool_status status_of(const struct watched *pool, struct mono now)
{
    bool known = core_known(pool->core), stale = pool->stale.code != ERR_NONE;
    struct pool_status status = {
        .name = pool->name,
        .id = pool->picture_id,
        .state = stale ? "stale" : known ? "ok" : "starting",
        .reason = pool->stale.reason ? pool->stale.reason : pool->agents_stale.reason,
        .age_ms = known ? mono_ms_between(core_began(pool->core), now) : -1,
    };
    count(pool->core, &status);
    return status;
}

static const char *state_of(const struct watch_request *r)
{
    if (r->received_ms)
        return "running";
    return r->agent_id ? "assigned" : "waiting";
}

static bool explain(const struct watcher *w, uint64_t id, struct request_status *ret)
{
    for (size_t i = 0; i < w->n_pools; i++) {
        const struct watch_request *r = core_find(w->pools[i].core, id);
        if (!r)
            continue;
        struct request_row row;
        const char *demands[DEMANDS_MAX];
        watch_request_row(r, &row, demands);
        *ret = (struct request_status){
            .id = id, .pool = w->pools[i].name, .state = state_of(r), .queued_ms = r->queued_ms, .definition = row.definition, .url = row.url,
        };
        return true;
    }
    return false;
}

static uint64_t finished_rows(const struct watcher *w)
{
    uint64_t n = 0;
    for (size_t i = 0; i < w->n_pools; i++)
        n += core_finished_rows(w->pools[i].core);
    return n;
}

static int reply_part(void *data, const struct msg *part)
{
    return bus_reply(data, part);
}

static size_t notes_of(const struct watcher *w, const char *notes[3])
{
    size_t n = 0;
    if (!bus_up(w->bus, ROLE_PROVISIONER))
        notes[n++] = "provisioner not connected";
    if (!bus_up(w->bus, ROLE_REAPER))
        notes[n++] = "reaper not connected";
    if (w->standby)
        notes[n++] = "polling slowly: another replica leads";
    return n;
}

void status_answer(struct watcher *w, struct bus_peer *peer, const struct msg_status *question)
{
    struct mono now = loop_now(w->loop);
    const struct counters *c = &w->counters;
    const struct counter_row counters[] = {
        {"ado_calls", (int64_t)ado_calls(w->ado)}, {"polls", (int64_t)c->polls}, {"polls_failed", (int64_t)c->polls_failed},
        {"agent_polls", (int64_t)c->agent_polls}, {"agent_polls_failed", (int64_t)c->agent_polls_failed},
        {"requests_asked", (int64_t)c->asked}, {"requests_gone", (int64_t)c->gone}, {"throttled", (int64_t)c->throttled},
        {"finished_rows", (int64_t)finished_rows(w)},
    };
    const char *notes[3];
    struct request_status request;
    struct msg msg = {.type = MSG_status_reply, .u.status_reply = {
        .role = role_name(ROLE_WATCHER), .build = daemon_build(), .instance = w->config->instance, .last = true,
        .uptime_ms = mono_ms_between(w->started, now),
        .notes = notes, .n_notes = notes_of(w, notes),
        .counters = counters, .n_counters = ARRAY_SIZE(counters),
        .requests = &request, .n_requests = question->request && explain(w, question->request, &request),
    }};
    struct pool_status *pools = xcalloc(w->n_pools, sizeof *pools);
    for (size_t i = 0; i < w->n_pools; i++)
        pools[i] = status_of(&w->pools[i], now);
    msg.u.status_reply.pools = pools;
    msg.u.status_reply.n_pools = w->n_pools;
    bus_in_parts(&msg, reply_part, peer);
    free(pools);
}
