#include "provisioner/shell_priv.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    PASS_GAP_MS = 10,             /* when much happens; the first pass after a rest comes at once */
    PASS_SHARE = 3,               /* at most one part in so many of the time is spent in passes */
    DRAIN_MS = 5000,
};

/* Never delete. */
static const struct kube_right rights[] = {
    {KUBE_GET, "jobs"}, {KUBE_LIST, "jobs"}, {KUBE_WATCH, "jobs"}, {KUBE_CREATE, "jobs"},
    {KUBE_GET, "pods"}, {KUBE_LIST, "pods"}, {KUBE_WATCH, "pods"},
    {KUBE_GET, "namespaces"}, {KUBE_CREATE, "namespaces"},
    {KUBE_GET, "secrets"}, {KUBE_CREATE, "secrets"}, {KUBE_UPDATE, "secrets"},
    {KUBE_GET, "persistentvolumes"}, {KUBE_CREATE, "persistentvolumes"},
    {KUBE_GET, "persistentvolumeclaims"}, {KUBE_CREATE, "persistentvolumeclaims"},
    {KUBE_CREATE, "events"},
    {KUBE_GET, "leases"}, {KUBE_CREATE, "leases"}, {KUBE_UPDATE, "leases"},
    {.resource = NULL},
};

struct kube *shell_open_kube(struct loop *loop, const struct config *config, struct err *err)
{
    char *agent = xasprintf("ado-orchestrator-provisioner/%s", daemon_build());
    struct kube_options options = {
        .kubeconfig = config->kubeconfig, .proxy = config->https_proxy, .no_proxy = config->no_proxy, .user_agent = agent, .rights = rights};
    struct kube *kube = kube_open(loop, &options, err);
    free(agent);
    return kube;
}

const char *shell_namespace(const struct config *config, const struct kube *kube)
{
    return config->job_namespace ? config->job_namespace : kube_namespace(kube);
}

static void warn_of_file(void *data, const char *text)
{
    (void)data;
    log_warn("job definition file", kv_s("warning", text));
}

/* Told by the downward API. In another namespace the same name is another account. */
static const char *own_account(const char *ns)
{
    const char *account = getenv("POD_SERVICE_ACCOUNT"), *home = getenv("POD_NAMESPACE");
    return account && *account && (!home || !*home || strcmp(home, ns) == 0) ? account : NULL;
}

struct templates *shell_load_templates(const struct config *config, const char *ns, struct err *err)
{
    struct jobfile_rules rules = {.ns = ns, .own_account = own_account(ns), .warn = warn_of_file};
    return templates_load(config, &rules, err);
}

/* ---- passes ---- */

bool shell_units_fresh(const struct shell *s)
{
    return setup_ready(s->setup) && s->jobs.synced && s->pods.synced && kube_watch_healthy(s->jobs.watch) && kube_watch_healthy(s->pods.watch);
}

static void carry_out(struct shell *s)
{
    for (size_t i = 0; i < s->actions.n; i++) {
        const struct ledger_action *action = &s->actions.list[i];
        switch (action->kind) {
        case LEDGER_CREATE: creator_add(s->creator, action); break;
        case LEDGER_RETIRE: peers_retire(s, action); break;
        }
    }
}

static void release_actions(struct shell *s)
{
    if (s->actions.cap > 256)     /* a burst's list need not stay */
        ledger_actions_done(&s->actions);
}

static void run_pass(void *data)
{
    struct shell *s = data;
    struct mono began = loop_now(s->loop);
    s->dirty = false;
    if (s->draining)
        return;
    struct ledger_world world = {
        .mirror = s->mirror, .units = s->units, .units_fresh = shell_units_fresh(s), .writes_allowed = leader_leads(s->leader), .final_round = s->config->run_once};
    ledger_pass(s->ledger, &world, began, clock_random(), &s->actions);
    carry_out(s);
    release_actions(s);
    keeper_look(s);
    s->passes++;
    s->pass_ended = loop_now(s->loop);
    int64_t share = mono_ms_between(began, s->pass_ended) * PASS_SHARE;
    s->gap_ms = share > PASS_GAP_MS ? share : PASS_GAP_MS;
    if (!s->dirty)
        loop_timer_set(s->timer, ledger_deadline(s->ledger));
    once_look(s);
}

/* Everything that happens in one turn of the loop is seen by one pass. */
void shell_dirty(struct shell *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    struct mono next = mono_add_ms(s->pass_ended, s->gap_ms);
    if (s->passes == 0 || mono_reached(next, loop_now(s->loop)))
        loop_post(s->loop, run_pass, s);
    else
        loop_timer_set(s->timer, next);
}

/* ---- what creator, setup and leader tell ---- */

static void leave(void *data)
{
    (void)data;
    daemon_exit(EXIT_OK);
}

/* The lease is given back when nothing is under way any more that was sent under it. */
static void leave_when_idle(struct shell *s)
{
    if (s->draining && creator_pending(s->creator) == 0)
        leader_release(s->leader, leave, s);
}

static void on_created(void *data)
{
    struct shell *s = data;
    leave_when_idle(s);
    shell_dirty(s);
}

static void on_setup(void *data)
{
    struct shell *s = data;
    if (!s->setup)
        return;   /* it is just starting */
    creator_allow(s->creator, setup_ready(s->setup) && !s->draining);
    shell_dirty(s);
}

static void on_leader(void *data)
{
    struct shell *s = data;
    peers_tell_leading(s);
    on_setup(s);
}

static struct mono may_send_until(void *data)
{
    struct shell *s = data;
    return leader_until(s->leader);
}

static void on_namespace_lost(void *data)
{
    struct shell *s = data;
    setup_namespace_lost(s->setup);
    on_setup(s);
}

static void on_fatal(void *data, const struct err *err)
{
    (void)data;
    log_error("cannot create units", kv_err(err));
    daemon_exit(EXIT_CONFIG);
}

/* ---- life ---- */

static void start_parts(struct shell *s)
{
    s->mirror = mirror_new();
    s->units = units_new();
    s->ledger = ledger_new(s->config);
    s->backend = backend_job_open(s->kube, s->ns, s->config->instance, s->units);
    struct creator_options creator = {.loop = s->loop, .backend = s->backend, .ledger = s->ledger, .mirror = s->mirror, .templates = s->templates,
                                      .on_change = on_created, .on_namespace_lost = on_namespace_lost, .may_send_until = may_send_until, .data = s};
    s->creator = creator_new(&creator);
    s->events = events_new(s->loop, s->kube, s->ns, s->config->instance);
    struct setup_options setup = {.loop = s->loop, .kube = s->kube, .config = s->config, .templates = s->templates, .ns = s->ns,
                                  .on_change = on_setup, .on_fatal = on_fatal, .data = s};
    s->setup = setup_start(&setup);
    struct leader_options leader = {.loop = s->loop, .kube = s->kube, .config = s->config, .on_change = on_leader, .data = s};
    s->leader = leader_start(&leader);
    s->timer = loop_timer_new(s->loop, run_pass, s);
    keeper_start(s);
    follow_start(s);
    once_start(s);
}

struct shell *shell_start(struct loop *loop, const struct config *config, struct err *err)
{
    struct shell *s = xcalloc(1, sizeof *s);
    *s = (struct shell){.loop = loop, .config = config, .started = loop_now(loop), .gap_ms = PASS_GAP_MS};
    s->kube = shell_open_kube(loop, config, err);
    if (s->kube) {
        s->ns = shell_namespace(config, s->kube);
        s->templates = shell_load_templates(config, s->ns, err);
    }
    if (!s->templates) {
        shell_stop(s);
        return NULL;
    }
    start_parts(s);
    if (peers_open(s, err)) {
        shell_stop(s);
        return NULL;
    }
    log_info("units are made here", kv_s("server", kube_server(s->kube)), kv_s("namespace", s->ns), kv_i("templates", (int64_t)s->templates->n));
    return s;
}

void shell_drain(struct shell *s)
{
    s->draining = true;
    creator_allow(s->creator, false);
    loop_timer_free(&s->timer);
    s->timer = loop_timer_new(s->loop, leave, s);
    loop_timer_set(s->timer, mono_add_ms(loop_now(s->loop), DRAIN_MS));
    leave_when_idle(s);
}

void shell_stop(struct shell *s)
{
    loop_post_cancel(s->loop, s);
    bus_close(&s->bus);
    once_stop(s);
    follow_stop(s);
    setup_stop(&s->setup);
    leader_stop(&s->leader);
    keeper_stop(s);
    events_free(&s->events);
    if (s->backend)
        s->backend->close(s->backend);
    creator_free(&s->creator);
    loop_timer_free(&s->timer);
    ledger_actions_done(&s->actions);
    ledger_free(&s->ledger);
    units_free(&s->units);
    mirror_free(&s->mirror);
    templates_free(&s->templates);
    kube_close(&s->kube);
    free(s);
}
