/* RUN_ONCE: when the watcher's round is complete and every unit that it needs is made or its reason told, the reaper hears of it and we end. */
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/shell_priv.h"

#include <stdlib.h>

enum {
    FLUSH_MS = 20,
    LINGER_MS = 10 * 1000,        /* for a reaper that is not connected yet */
    LINGER_PAST_MS = 1000,        /* not longer past the overall deadline */
    REASONS_MAX = 50,             /* log lines */
};

static const char *pool_name(const struct mirror_pool *pool)
{
    return str_or_empty(pool->name);
}

/* What waits after the round, and why: nobody asks us later. */
static void report_pool(const struct shell *s, const struct mirror_pool *pool, size_t *waiting)
{
    const struct mirror_request *row;
    struct ledger_view view;
    for (size_t cursor = 0; (row = map_next(pool->requests, &cursor, NULL));) {
        if (!ledger_request_view(s->ledger, pool->id, row->id, &view) || !*view.code)
            continue;
        if (++*waiting <= REASONS_MAX)
            log_warn("request waits", kv_i("request", (int64_t)row->id), kv_s("pool", pool_name(pool)), kv_s("code", view.code), kv_s("reason", view.reason));
    }
}

static size_t report_waiting(const struct shell *s)
{
    size_t waiting = 0;
    for (size_t i = 0; i < mirror_count(s->mirror); i++)
        report_pool(s, mirror_pool_at(s->mirror, i), &waiting);
    if (waiting > REASONS_MAX)
        log_warn("more requests wait", kv_i("requests", (int64_t)(waiting - REASONS_MAX)));
    return waiting;
}

/* As soon as it is connected. */
static void tell_reaper(struct shell *s)
{
    struct once *o = &s->once;
    struct msg msg = {.type = MSG_done, .u.done = {.complete = o->code == EXIT_OK, .reason = o->reason}};
    if (!o->told && bus_up(s->bus, ROLE_REAPER))
        o->told = bus_send(s->bus, ROLE_REAPER, &msg) == 0;
}

/* Leaves when the reaper has been told, or will not be there to hear it. */
static void linger(void *data)
{
    struct shell *s = data;
    struct once *o = &s->once;
    struct mono now = loop_now(s->loop);
    tell_reaper(s);
    bool heard = o->told && bus_flushed(s->bus);
    if (heard || mono_reached(o->linger_until, now)) {
        if (!heard)
            log_warn("the reaper was not there to hear that the round is over", KV_NONE);
        daemon_exit(o->code);
        return;
    }
    loop_timer_set(o->deadline, mono_add_ms(now, FLUSH_MS));
}

static void finish(struct shell *s, bool complete, const char *reason)
{
    struct once *o = &s->once;
    o->finished = true;
    o->code = complete ? EXIT_OK : EXIT_FAILED;
    o->reason = reason;
    size_t waiting = report_waiting(s);
    if (complete)
        log_info("round complete", kv_i("created", (int64_t)creator_created(s->creator)), kv_i("waiting", (int64_t)waiting));
    else
        log_error("round not complete", kv_s("reason", reason), kv_i("created", (int64_t)creator_created(s->creator)), kv_i("waiting", (int64_t)waiting));
    tell_reaper(s);
    struct mono last = mono_add_ms(s->started, s->config->run_once_deadline_ms + LINGER_PAST_MS);
    o->linger_until = mono_min(mono_add_ms(loop_now(s->loop), LINGER_MS), last);
    loop_timer_free(&o->deadline);
    o->deadline = loop_timer_new(s->loop, linger, s);
    loop_timer_set(o->deadline, mono_add_ms(loop_now(s->loop), FLUSH_MS));
}

static void on_deadline(void *data)
{
    struct shell *s = data;
    const char *code, *trouble = setup_trouble(s->setup, &code);
    if (!s->once.heard)
        finish(s, false, "RUN_ONCE_DEADLINE passed: the watcher did not finish its round");
    else
        finish(s, false, trouble ? "RUN_ONCE_DEADLINE passed while setup waited" : "RUN_ONCE_DEADLINE passed before every unit was made or its reason known");
}

void once_start(struct shell *s)
{
    if (!s->config->run_once)
        return;
    s->once.deadline = loop_timer_new(s->loop, on_deadline, s);
    loop_timer_set(s->once.deadline, mono_add_ms(s->started, s->config->run_once_deadline_ms));
}

void once_stop(struct shell *s)
{
    loop_timer_free(&s->once.deadline);
}

void once_heard(struct shell *s, const struct msg_done *done)
{
    if (!s->config->run_once || s->once.heard)
        return;
    s->once.heard = true;
    s->once.complete = done->complete;
    if (!done->complete)
        log_warn("the watcher's round was not complete", kv_s("reason", done->reason));
    shell_dirty(s);
}

/* After a pass: with an incomplete round the pools that were not read never settle; what is under way is still finished. */
void once_look(struct shell *s)
{
    struct once *o = &s->once;
    if (!o->heard || o->finished || s->dirty || creator_pending(s->creator) || ledger_creating(s->ledger) || keeper_busy(s))
        return;
    if (o->complete ? ledger_settled(s->ledger) : shell_units_fresh(s))
        finish(s, o->complete, o->complete ? "" : "the watcher could not read every pool");
}
