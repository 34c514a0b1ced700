#include "reaper/shell_priv.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>

/* A pass takes at most a tenth of the time, and a deletion waits for it no longer than a quarter of a second. */
enum { GAP_MIN_MS = 25, GAP_MAX_MS = 250, GAP_FACTOR = 9, DRAIN_MAX_MS = 5000 };

static const struct kube_right RIGHTS[] = {
    {KUBE_GET, "jobs"}, {KUBE_LIST, "jobs"}, {KUBE_WATCH, "jobs"}, {KUBE_DELETE, "jobs"},
    {KUBE_GET, "pods"}, {KUBE_LIST, "pods"}, {KUBE_WATCH, "pods"}, {KUBE_DELETE, "pods"},
    {.resource = NULL},
};

/* ---- passes ---- */

bool shell_units_fresh(const struct shell *s)
{
    return s->jobs.synced && s->pods.synced && kube_watch_healthy(s->jobs.watch) && kube_watch_healthy(s->pods.watch);
}

static struct wall server_now(const struct shell *s, struct mono now)
{
    return (struct wall){s->server_ms ? s->server_ms + mono_ms_between(s->server_at, now) : 0};
}

static void carry_out(struct shell *s)
{
    for (size_t i = 0; i < s->actions.n; i++) {
        const struct reaper_action *action = &s->actions.list[i];
        if (action->kind == REAPER_TROUBLE)
            peers_trouble(s, action);
        else
            ops_run(s->ops, action);
    }
}

static void arm(struct shell *s)
{
    struct mono soon = s->dirty ? mono_add_ms(s->pass_ended, s->gap_ms) : MONO_NEVER;
    struct mono limit = s->draining ? s->drain_until : MONO_NEVER;
    loop_timer_set(s->timer, mono_min(mono_min(soon, limit), reaper_deadline(s->reaper)));
}

static void set_gap(struct shell *s, int64_t took_ms)
{
    int64_t gap = took_ms * GAP_FACTOR;
    s->gap_ms = gap < GAP_MIN_MS ? GAP_MIN_MS : gap > GAP_MAX_MS ? GAP_MAX_MS : gap;
}

static void leave_if_drained(struct shell *s)
{
    if (!s->draining)
        return;
    bool late = mono_reached(s->drain_until, loop_now(s->loop));
    if (late && reaper_under_way(s->reaper))
        log_warn("leaving with operations under way: the next start takes them up", kv_i("operations", (int64_t)reaper_under_way(s->reaper)));
    if (late || !reaper_under_way(s->reaper))
        daemon_exit(EXIT_OK);
}

static void on_timer(void *data)
{
    struct shell *s = data;
    struct mono now = loop_now(s->loop);
    const struct reaper_world world = {
        .mirror = s->mirror,
        .units = s->units,
        .units_fresh = shell_units_fresh(s),
        .leading = !s->standby,
        .finishing = s->draining || once_finishing(s),
        .server_now = server_now(s, now),
    };
    s->dirty = false;
    reaper_pass(s->reaper, &world, now, &s->actions);
    s->passes++;
    carry_out(s);
    s->pass_ended = loop_now(s->loop);
    set_gap(s, mono_ms_between(now, s->pass_ended));
    once_passed(s);
    leave_if_drained(s);
    arm(s);
}

void shell_dirty(struct shell *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    arm(s);
}

/* ---- answers ---- */

static void on_result(void *data, const struct reaper_result *result)
{
    struct shell *s = data;
    reaper_result(s->reaper, s->units, loop_now(s->loop), clock_random(), result);
    shell_dirty(s);
}

static void on_deleted(void *data, const struct reaper_result *result, uint64_t request, const char *reason)
{
    struct shell *s = data;
    const struct unit *unit = units_get(s->units, result->name);
    log_info(result->kind == REAPER_DELETE_POD ? "orphan pod deleted" : "unit deleted", kv_s("unit", result->name), kv_s("pool", unit ? unit->pool : NULL),
             request ? kv_i("request", (int64_t)request) : kv_s("request", NULL), kv_s("reason", reason));
    if (result->kind == REAPER_DELETE_UNIT)
        peers_reaped(s, result->name, result->uid, reason);
}

static void on_server_time(void *data, int64_t server_ms)
{
    struct shell *s = data;
    s->server_ms = server_ms;
    s->server_at = loop_now(s->loop);
}

/* ---- life ---- */

char *shell_user_agent(void)
{
    return xasprintf("ado-orchestrator-reaper/%s", daemon_build());
}

struct kube *shell_open_kube(struct loop *loop, const struct config *config, const char *user_agent, struct err *err)
{
    const struct kube_options options = {
        .kubeconfig = config->kubeconfig, .proxy = config->https_proxy, .no_proxy = config->no_proxy, .user_agent = user_agent, .rights = RIGHTS,
    };
    return kube_open(loop, &options, err);
}

const char *shell_namespace(const struct config *config, const struct kube *kube)
{
    return config->job_namespace ? config->job_namespace : kube_namespace(kube);
}

static int open_clients(struct shell *s, struct err *err)
{
    const struct config *config = s->config;
    const struct ado_options ado = {
        .org_url = config->org_url, .pat = config->org_pat, .pat_file = config->org_pat_file, .proxy = config->https_proxy,
        .no_proxy = config->no_proxy, .ca_file = config->ca_file, .user_agent = s->user_agent, .may = ADO_MAY_ENABLE | ADO_MAY_DELETE,
    };
    s->kube = shell_open_kube(s->loop, config, s->user_agent, err);
    if (!s->kube)
        return -1;
    s->ns = shell_namespace(config, s->kube);
    s->ado = ado_open(s->loop, &ado, err);
    return s->ado ? 0 : -1;
}

void *shell_start(struct loop *loop, const struct config *config, struct err *err)
{
    struct shell *s = xcalloc(1, sizeof *s);
    *s = (struct shell){.loop = loop, .config = config, .user_agent = shell_user_agent(), .mirror = mirror_new(), .units = units_new(),
                        .reaper = reaper_new(config), .started = loop_now(loop)};
    s->timer = loop_timer_new(loop, on_timer, s);
    if (open_clients(s, err) || peers_open(s, err)) {
        shell_stop(s);
        return NULL;
    }
    const struct ops_options ops = {
        .loop = loop, .kube = s->kube, .ado = s->ado, .dry_run = config->reaper_dry_run,
        .on_result = on_result, .on_deleted = on_deleted, .on_server_time = on_server_time, .data = s,
    };
    s->ops = ops_new(&ops);
    if (config->reaper_dry_run)
        log_warn("dry run: nothing will be deleted, disabled or enabled", kv_s("setting", "REAPER_DRY_RUN"));
    follow_start(s);
    once_start(s);
    return s;
}

void shell_drain(void *shell)
{
    struct shell *s = shell;
    s->draining = true;
    s->drain_until = mono_add_ms(loop_now(s->loop), DRAIN_MAX_MS);
    s->dirty = true;
    arm(s);
}

static void free_units(struct shell *s)
{
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(s->units, &cursor));)
        reaper_unit_gone(s->reaper, unit);
    units_free(&s->units);
}

void shell_stop(void *shell)
{
    struct shell *s = shell;
    follow_stop(s);
    once_stop(s);
    if (s->bus)
        bus_close(&s->bus);
    if (s->kube)
        kube_close(&s->kube);
    if (s->ado)
        ado_close(&s->ado);
    ops_free(&s->ops);
    loop_timer_free(&s->timer);
    free_units(s);
    reaper_free(&s->reaper);
    reaper_actions_done(&s->actions);
    mirror_free(&s->mirror);
    free(s->user_agent);
    free(s);
}
