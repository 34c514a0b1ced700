/* Jobs and pods of ours, followed. Pods are asked for when the Jobs are known, so that hardly any has to wait for its Job. */
#include "reaper/shell_priv.h"

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>

static void start_watch(struct follow *follow, const struct kube_watch_spec *spec)
{
    struct shell *s = follow->shell;
    struct kube_watch_spec full = *spec;
    char *selector = xasprintf("%s=%s,%s=%s", LABEL_MANAGED_BY, MANAGED_BY, LABEL_INSTANCE, s->config->instance);
    full.ns = s->ns;
    full.resource = follow->resource;
    full.label_selector = selector;
    full.data = follow;
    follow->watch = kube_watch_start(s->kube, &full);
    free(selector);
}

static void on_health(void *data, const struct err *err, enum kube_refusal refusal)
{
    struct follow *follow = data;
    if (err->code == ERR_NONE && follow->trouble)
        log_info("the cluster's picture is whole again", kv_s("of", follow->resource));
    else if (err->code != ERR_NONE)
        log_warn("the cluster's picture may be old: nothing is deleted", kv_s("of", follow->resource), kv_s("refusal", kube_refusal_name(refusal)), kv_err(err));
    xstr_replace(&follow->trouble, err->code == ERR_NONE ? NULL : err->text);
    shell_dirty(follow->shell);
}

static void on_pod(void *data, json_t *object)
{
    struct follow *follow = data;
    units_pod(follow->shell->units, loop_now(follow->shell->loop), object);
    shell_dirty(follow->shell);
}

static void on_pod_gone(void *data, const char *name, const char *uid)
{
    struct follow *follow = data;
    units_pod_gone(follow->shell->units, loop_now(follow->shell->loop), name, uid);
    shell_dirty(follow->shell);
}

static void on_pods_synced(void *data)
{
    struct follow *follow = data;
    if (!follow->synced)
        log_info("following units", kv_i("units", (int64_t)units_count(follow->shell->units)), kv_s("namespace", follow->shell->ns));
    follow->synced = true;
    shell_dirty(follow->shell);
}

static void on_job(void *data, json_t *object)
{
    struct follow *follow = data;
    units_job(follow->shell->units, loop_now(follow->shell->loop), object);
    shell_dirty(follow->shell);
}

static void on_job_gone(void *data, const char *name, const char *uid)
{
    struct follow *follow = data;
    struct shell *s = follow->shell;
    units_tick(s->units, loop_now(s->loop));
    struct unit *unit = units_job_gone(s->units, name, uid);
    if (!unit)
        return;
    reaper_unit_gone(s->reaper, unit);
    unit_free(&unit);
    shell_dirty(s);
}

/* One row, for the reply's Date: the age of what ended before we came is taken against the server's own clock. */
static void on_clock(void *data, const struct kube_result *result)
{
    struct shell *s = data;
    if (!result->server_ms)
        return;
    s->server_ms = result->server_ms;
    s->server_at = loop_now(s->loop);
    shell_dirty(s);
}

static void ask_server_time(struct shell *s)
{
    const struct kube_call_spec spec = {.verb = KUBE_LIST, .api = "apis/batch/v1", .ns = s->ns, .resource = "jobs", .query = "limit=1", .on_done = on_clock,
                                        .data = s};
    kube_send(s->kube, &spec);
}

static void on_jobs_synced(void *data)
{
    static const struct kube_watch_spec pods = {
        .api = "api/v1", .on_object = on_pod, .on_gone = on_pod_gone, .on_synced = on_pods_synced, .on_health = on_health};
    struct follow *follow = data;
    struct shell *s = follow->shell;
    if (!follow->synced) {
        start_watch(&s->pods, &pods);
        ask_server_time(s);
    }
    follow->synced = true;
    shell_dirty(s);
}

void follow_start(struct shell *s)
{
    static const struct kube_watch_spec jobs = {
        .api = "apis/batch/v1", .on_object = on_job, .on_gone = on_job_gone, .on_synced = on_jobs_synced, .on_health = on_health};
    s->jobs = (struct follow){.shell = s, .resource = "jobs"};
    s->pods = (struct follow){.shell = s, .resource = "pods"};
    start_watch(&s->jobs, &jobs);
}

static void stop(struct follow *follow)
{
    if (follow->watch)
        kube_watch_stop(&follow->watch);
    free(follow->trouble);
    follow->trouble = NULL;
}

void follow_stop(struct shell *s)
{
    stop(&s->jobs);
    stop(&s->pods);
}
