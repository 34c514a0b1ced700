/* RUN_ONCE: when the provisioner's round is over, one pass with all pictures in, then the end of what it began. Never longer than the overall deadline. */
#include "reaper/shell_priv.h"

#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"

enum { PICTURES_WAIT_MS = 3000 };

static bool pictures_are_in(const struct shell *s)
{
    for (size_t i = 0; i < s->config->n_pools; i++) {
        const struct mirror_pool *pool = mirror_find(s->mirror, s->config->pools[i].name);
        if (!pool || !pool->have_requests || !pool->have_agents)
            return false;
    }
    return shell_units_fresh(s) && s->server_ms;
}

static void on_timer(void *data)
{
    struct shell *s = data;
    if (mono_reached(s->once.deadline, loop_now(s->loop))) {
        log_error("run once: not finished in time", kv_i("deadline_ms", s->config->run_once_deadline_ms),
                  kv_s("waiting_for", !s->once.heard ? "the provisioner" : "operations under way"));
        daemon_exit(EXIT_FAILED);
        return;
    }
    loop_timer_set(s->once.timer, s->once.deadline);
    shell_dirty(s);
}

void once_start(struct shell *s)
{
    if (!s->config->run_once)
        return;
    s->once.deadline = mono_add_ms(s->started, s->config->run_once_deadline_ms);
    s->once.timer = loop_timer_new(s->loop, on_timer, s);
    loop_timer_set(s->once.timer, s->once.deadline);
}

void once_stop(struct shell *s)
{
    if (s->once.timer)
        loop_timer_free(&s->once.timer);
}

/* The watcher's pictures come by another connection than the provisioner's word and may be a moment behind it. */
void once_heard(struct shell *s, bool complete)
{
    if (!s->config->run_once || s->once.heard)
        return;
    s->once.heard = true;
    s->once.complete = complete;
    s->once.look_until = mono_add_ms(loop_now(s->loop), PICTURES_WAIT_MS);
    loop_timer_set(s->once.timer, mono_min(s->once.look_until, s->once.deadline));
    shell_dirty(s);
}

bool once_finishing(const struct shell *s)
{
    return s->once.last_pass;
}

void once_passed(struct shell *s)
{
    if (!s->once.heard)
        return;
    if (!s->once.last_pass && (pictures_are_in(s) || mono_reached(s->once.look_until, loop_now(s->loop))))
        s->once.last_pass = true;
    if (!s->once.last_pass || reaper_under_way(s->reaper) || ops_under_way(s->ops))
        return;
    log_info(s->once.complete ? "run once: complete" : "run once: not complete", KV_NONE);
    daemon_exit(s->once.complete ? EXIT_OK : EXIT_FAILED);
}
