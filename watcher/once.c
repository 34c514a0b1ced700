/* RUN_ONCE: every pool is read once, completely, told to both peers; the provisioner hears `done`; we leave when all of it is on its way. */
#include "watcher/shell_priv.h"

#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdio.h>

enum { TRIES_MAX = 3, FLUSH_CHECK_MS = 20, FLUSH_MAX_MS = 2000 };

static bool may_pass(enum err_code code)
{
    return code == ERR_IO || code == ERR_TIMEOUT || code == ERR_THROTTLED || code == ERR_UNAVAILABLE || code == ERR_INVALID;
}

void once_failed(struct watched *pool, enum err_code code, unsigned failures, bool *given_up)
{
    if (!pool->watcher->config->run_once || (may_pass(code) && failures < TRIES_MAX))
        return;
    *given_up = true;
    pool->once.failed = true;
}

static bool all_settled(const struct watcher *w)
{
    for (size_t i = 0; i < w->n_pools; i++)
        if (!w->pools[i].once.requests || !w->pools[i].once.agents)
            return false;
    return true;
}

static const struct watched *first_failed(const struct watcher *w)
{
    for (size_t i = 0; i < w->n_pools; i++)
        if (w->pools[i].once.failed)
            return &w->pools[i];
    return NULL;
}

static void send_done(struct watcher *w, const char *reason)
{
    const struct msg done = {.type = MSG_done, .u.done = {.complete = !*reason, .reason = reason}};
    w->once.told[ROLE_PROVISIONER] = bus_send(w->bus, ROLE_PROVISIONER, &done) == 0;
}

static void end(struct watcher *w, int code)
{
    w->once.ending = true;
    w->once.code = code;
    w->once.deadline = mono_add_ms(loop_now(w->loop), FLUSH_MAX_MS);
    loop_timer_set(w->once.timer, loop_now(w->loop));
}

/* A peer that is connected has been sent every picture as it was made. */
void once_step(struct watcher *w)
{
    if (!w->config->run_once || w->once.ending || !all_settled(w))
        return;
    const struct watched *failed = first_failed(w);
    char reason[512] = "";
    if (failed)
        snprintf(reason, sizeof reason, "pool %s: %s", failed->name,
                 str_or_empty(failed->stale.reason ? failed->stale.reason : failed->agents_stale.reason));
    if (!w->once.told[ROLE_PROVISIONER] && bus_up(w->bus, ROLE_PROVISIONER))
        send_done(w, reason);
    w->once.told[ROLE_REAPER] |= bus_up(w->bus, ROLE_REAPER);
    if (!w->once.told[ROLE_PROVISIONER] || !w->once.told[ROLE_REAPER])
        return;
    log_info(failed ? "run once: not complete" : "run once: complete", kv_s("reason", reason));
    end(w, failed ? EXIT_FAILED : EXIT_OK);
}

/* One that went away before we left may come back without memory. */
void once_peer(struct watcher *w, enum role role, bool up)
{
    if (!w->config->run_once || w->once.ending)
        return;
    if (!up)
        w->once.told[role] = false;
    once_step(w);
}

static const char *missing(const struct watcher *w)
{
    if (!all_settled(w))
        return "not every pool could be read in time (RUN_ONCE_DEADLINE)";
    return w->once.told[ROLE_PROVISIONER] ? "the reaper was not there in time (RUN_ONCE_DEADLINE)"
                                          : "the provisioner was not there in time (RUN_ONCE_DEADLINE)";
}

static void on_timer(void *data)
{
    struct watcher *w = data;
    struct mono now = loop_now(w->loop);
    if (!w->once.ending) {
        const char *reason = missing(w);
        log_error("run once: not complete", kv_s("reason", reason));
        if (!w->once.told[ROLE_PROVISIONER] && bus_up(w->bus, ROLE_PROVISIONER))
            send_done(w, reason);
        end(w, EXIT_FAILED);
    } else if (bus_flushed(w->bus) || mono_reached(w->once.deadline, now)) {
        daemon_exit(w->once.code);
    } else {
        loop_timer_set(w->once.timer, mono_add_ms(now, FLUSH_CHECK_MS));
    }
}

void once_start(struct watcher *w)
{
    if (!w->config->run_once)
        return;
    w->once.timer = loop_timer_new(w->loop, on_timer, w);
    loop_timer_set(w->once.timer, mono_add_ms(loop_now(w->loop), w->config->run_once_deadline_ms));
}
