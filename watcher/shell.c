#include "watcher/shell.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"
#include "watcher/shell_priv.h"

#include <stdlib.h>
#include <string.h>

/* The agents are listed out of turn when one gets a request or is free again: soon for one not seen before, seldom otherwise; a pool whose list is
 * slow is asked for it less often. */
enum { AGENTS_SOON_MS = 1000, AGENTS_GAP_MS = 5000, AGENTS_NEW_GAP_MS = 2000, AGENTS_SLOW_FACTOR = 10, THROTTLE_WORTH_TELLING_MS = 1000 };

static void arm(struct watched *pool);

/* ---- staleness and budget ---- */

void shell_note_budget(struct watcher *w, const struct ado_result *result)
{
    int64_t wait = mono_ms_between(loop_now(w->loop), w->budget.closed_until);
    w->counters.throttled += result->err.code == ERR_THROTTLED || result->wait_ms > 0;
    if (wait >= THROTTLE_WORTH_TELLING_MS && !w->throttle_told) {
        log_warn("Azure DevOps wants a pause", kv_i("ms", wait), kv_i("status", result->status), kv_err(&result->err));
        w->throttle_told = true;
    } else if (wait <= 0 && result->err.code == ERR_NONE && w->throttle_told) {
        log_info("the pause is over", KV_NONE);
        w->throttle_told = false;
    }
}

/* One line when it begins, ends or gets another cause; the failing rounds between are debug. */
static void set_stale(struct watched *pool, struct stale *stale, const char *what, const struct ado_result *result)
{
    char *reason = result->err.code != ERR_NONE ? reason_text(pool->watcher->config, pool->name, result) : NULL;
    if (reason && stale->code != result->err.code)
        log_warn("picture is stale", kv_s("pool", pool->name), kv_s("of", what), kv_s("reason", reason));
    else if (reason)
        log_debug("still stale", kv_s("pool", pool->name), kv_s("of", what), kv_s("reason", reason));
    else if (stale->code != ERR_NONE)
        log_info("picture is fresh again", kv_s("pool", pool->name), kv_s("of", what));
    free(stale->reason);
    *stale = (struct stale){.code = result->err.code, .reason = reason};
}

/* ---- requests ---- */

static void end_round(struct watched *pool, const struct ado_result *result)
{
    struct watcher *w = pool->watcher;
    pace_ended(&pool->polls, &w->budget, loop_now(w->loop), result->err.code, result->wait_ms, clock_random());
    shell_note_budget(w, result);
    set_stale(pool, &pool->stale, "requests", result);
}

static void round_failed(struct watched *pool, const struct ado_result *result)
{
    struct watcher *w = pool->watcher;
    w->counters.polls_failed++;
    end_round(pool, result);
    publish_stale(pool);
    if (!pool->id) {                      /* the agents share the fate, and the line in the log */
        free(pool->agents_stale.reason);
        pool->agents_stale = (struct stale){.code = pool->stale.code, .reason = xstrdup(pool->stale.reason)};
        publish_agents_stale(pool);
    }
    once_failed(pool, result->err.code, pool->polls.failures, &pool->once.requests);
    if (!pool->id && pool->once.requests)
        pool->once.agents = true;
    once_step(w);
    arm(pool);
}

static void wish_agents(struct watched *pool, const struct core_change *change)
{
    struct pace *agents = &pool->agents;
    int64_t slow = agents->took_ms * AGENTS_SLOW_FACTOR;
    int64_t gap = change->unknown_agent ? AGENTS_NEW_GAP_MS : AGENTS_GAP_MS;
    struct mono now = loop_now(pool->watcher->loop), soon = mono_add_ms(now, change->unknown_agent ? AGENTS_SOON_MS : 0);
    struct mono last = agents->busy ? now : agents->ended;
    if (change->assigned || change->vanished)
        pace_wish(agents, mono_max(soon, mono_add_ms(last, gap > slow ? gap : slow)));
}

static bool is_known(void *data, const char *bytes, size_t n)
{
    struct watched *pool = data;
    return core_poll_known(pool->core, bytes, n);
}

static int on_request(void *data, const struct ado_request *row, struct err *err)
{
    struct watched *pool = data;
    (void)err;
    core_poll_row(pool->core, row);
    return 0;
}

static void on_requests(void *data, const struct ado_result *result)
{
    struct watched *pool = data;
    if (result->err.code != ERR_NONE) {
        core_poll_abandon(pool->core);
        if (result->err.code == ERR_NOT_FOUND)
            pool->id = 0;
        round_failed(pool, result);
        return;
    }
    bool first = !core_known(pool->core);
    struct core_change change = core_poll_commit(pool->core, result->began);
    end_round(pool, result);
    log_debug("polled", kv_s("pool", pool->name), kv_i("requests", (int64_t)core_count(pool->core)), kv_i("changed", change.upserts),
              kv_i("vanished", change.vanished), kv_i("ms", pool->polls.took_ms));
    if (!first)
        wish_agents(pool, &change);
    publish_delta(pool);
    ask_vanished(pool);
    pool->once.requests = true;
    once_step(pool->watcher);
    arm(pool);
}

static void list_requests(struct watched *pool)
{
    core_poll_begin(pool->core);
    ado_list_requests(pool->watcher->ado, pool->id, is_known, on_request, on_requests, pool);
}

static void resolved(struct watched *pool, uint32_t id)
{
    log_info("pool resolved", kv_s("pool", pool->name), kv_i("id", id));
    pool->id = id;
    if (pool->agents_stale.code != ERR_NONE)
        pace_ask(&pool->agents);
    if (pool->picture_id == id)
        return;
    core_forget(pool->core);
    pool->picture_id = id;
    memset(pool->needs_full, 1, sizeof pool->needs_full);
}

static void on_pool(void *data, const struct ado_result *result, const struct ado_pool *found)
{
    struct watched *pool = data;
    struct watcher *w = pool->watcher;
    if (!found) {
        round_failed(pool, result);
        return;
    }
    resolved(pool, found->id);
    budget_note(&w->budget, loop_now(w->loop), ERR_NONE, result->wait_ms, clock_random());
    shell_note_budget(w, result);
    if (mono_reached(w->budget.closed_until, loop_now(w->loop))) {
        list_requests(pool);
        arm(pool);
        return;
    }
    pool->polls.busy = false;
    arm(pool);
}

static void start_round(struct watched *pool)
{
    struct watcher *w = pool->watcher;
    w->counters.polls++;
    pace_started(&pool->polls, loop_now(w->loop));
    if (pool->id)
        list_requests(pool);
    else
        ado_find_pool(w->ado, pool->name, on_pool, pool);
}

/* ---- agents ---- */

static int on_agent(void *data, const struct ado_agent *row, struct err *err)
{
    struct watched *pool = data;
    (void)err;
    core_agents_row(pool->core, row);
    return 0;
}

static void on_agents(void *data, const struct ado_result *result)
{
    struct watched *pool = data;
    struct watcher *w = pool->watcher;
    pace_ended(&pool->agents, &w->budget, loop_now(w->loop), result->err.code, result->wait_ms, clock_random());
    shell_note_budget(w, result);
    set_stale(pool, &pool->agents_stale, "agents", result);
    if (result->err.code == ERR_NONE) {
        core_agents_commit(pool->core, result->began);
        publish_agents(pool);
        pool->once.agents = true;
    } else {
        w->counters.agent_polls_failed++;
        core_agents_abandon(pool->core);
        publish_agents_stale(pool);
        once_failed(pool, result->err.code, pool->agents.failures, &pool->once.agents);
    }
    once_step(w);
    arm(pool);
}

static void start_agents(struct watched *pool)
{
    struct watcher *w = pool->watcher;
    w->counters.agent_polls++;
    pace_started(&pool->agents, loop_now(w->loop));
    core_agents_begin(pool->core);
    ado_list_agents(w->ado, pool->id, on_agent, on_agents, pool);
}

/* ---- time ---- */

static bool once_over(const struct watched *pool, bool part)
{
    return pool->watcher->config->run_once && part;
}

static struct mono next_round(const struct watched *pool)
{
    return once_over(pool, pool->once.requests) ? MONO_NEVER : pace_next(&pool->polls, &pool->watcher->budget);
}

static struct mono next_agents(const struct watched *pool)
{
    return !pool->id || once_over(pool, pool->once.agents) ? MONO_NEVER : pace_next(&pool->agents, &pool->watcher->budget);
}

static void arm(struct watched *pool)
{
    loop_timer_set(pool->timer, mono_min(next_round(pool), next_agents(pool)));
}

static void on_timer(void *data)
{
    struct watched *pool = data;
    struct mono now = loop_now(pool->watcher->loop);
    if (mono_reached(next_round(pool), now))
        start_round(pool);
    if (mono_reached(next_agents(pool), now))
        start_agents(pool);
    arm(pool);
}

/* ---- peers ---- */

static void on_peer(void *data, struct bus_peer *peer, bool up)
{
    struct watcher *w = data;
    enum role role = bus_peer_role(peer);
    if (role != ROLE_PROVISIONER && role != ROLE_REAPER)
        return;
    if (up)
        publish_everything(w, role);
    else
        for (size_t i = 0; i < w->n_pools; i++)
            w->pools[i].needs_full[role] = true;
    once_peer(w, role, up);
}

static void poll_now(struct watcher *w, const char *name)
{
    for (size_t i = 0; i < w->n_pools; i++) {
        if (*name && strcmp(w->pools[i].name, name) != 0)
            continue;
        pace_ask(&w->pools[i].polls);
        arm(&w->pools[i]);
    }
}

static void lead(struct watcher *w, bool leading)
{
    if (w->standby == !leading)
        return;
    w->standby = !leading;
    log_info(leading ? "our provisioner leads: polling at full pace" : "our provisioner stands by: polling slowly", KV_NONE);
    for (size_t i = 0; i < w->n_pools; i++) {
        pace_standby(&w->pools[i].polls, w->standby);
        pace_standby(&w->pools[i].agents, w->standby);
        arm(&w->pools[i]);
    }
}

static void on_message(void *data, struct bus_peer *from, const struct msg *msg)
{
    struct watcher *w = data;
    switch (msg->type) {
    case MSG_poll: poll_now(w, msg->u.poll.pool); return;
    case MSG_leader: lead(w, msg->u.leader.leading); return;
    case MSG_status: status_answer(w, from, &msg->u.status); return;
    case MSG_unsupported:
        log_warn("a peer does not know a message of ours", kv_i("number", (int64_t)msg->u.unsupported.number), kv_s("reason", msg->u.unsupported.reason));
        return;
    case MSG_hello:
    case MSG_requests:
    case MSG_agents:
    case MSG_retire:
    case MSG_trouble:
    case MSG_reaped:
    case MSG_pause:
    case MSG_drain:
    case MSG_done:
    case MSG_status_reply: return;
    }
}

/* ---- life ---- */

static void open_pools(struct watcher *w)
{
    w->n_pools = w->config->n_pools;
    w->pools = xcalloc(w->n_pools, sizeof *w->pools);
    for (size_t i = 0; i < w->n_pools; i++) {
        struct watched *pool = &w->pools[i];
        *pool = (struct watched){.watcher = w, .name = w->config->pools[i].name, .core = core_new((struct siphash_key){clock_random(), clock_random()})};
        memset(pool->needs_full, 1, sizeof pool->needs_full);
        pace_init(&pool->polls, w->config->polling_delay_ms);
        pace_init(&pool->agents, w->config->agents_delay_ms);
        pool->timer = loop_timer_new(w->loop, on_timer, pool);
        pool->tell_timer = loop_timer_new(w->loop, ask_tell, pool);
        arm(pool);
    }
}

void *shell_start(struct loop *loop, const struct config *config, struct err *err)
{
    struct watcher *w = xcalloc(1, sizeof *w);
    char user_agent[128];
    struct ado_options ado = reason_ado_options(config, user_agent, sizeof user_agent);
    const struct bus_options bus = {
        .run_dir = config->run_dir, .role = ROLE_WATCHER, .build = daemon_build(), .instance = config->instance, .peer_uids = config->peer_uids,
        .listen = true, .dial = 1u << ROLE_PROVISIONER | 1u << ROLE_REAPER, .on_peer = on_peer, .on_message = on_message, .data = w,
    };
    *w = (struct watcher){.loop = loop, .config = config, .started = loop_now(loop)};
    w->ado = ado_open(loop, &ado, err);
    w->bus = w->ado ? bus_open(loop, &bus, err) : NULL;
    if (!w->bus) {
        shell_stop(w);
        return NULL;
    }
    open_pools(w);
    once_start(w);
    return w;
}

static void close_pool(struct watched *pool)
{
    loop_timer_free(&pool->timer);
    loop_timer_free(&pool->tell_timer);
    core_free(&pool->core);
    free(pool->stale.reason);
    free(pool->agents_stale.reason);
}

void shell_stop(void *watcher)
{
    struct watcher *w = watcher;
    if (w->ado)
        ado_close(&w->ado);
    if (w->bus)
        bus_close(&w->bus);
    for (size_t i = 0; i < w->n_pools; i++)
        close_pool(&w->pools[i]);
    if (w->once.timer)
        loop_timer_free(&w->once.timer);
    free(w->pools);
    free(w);
}
