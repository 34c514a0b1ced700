/* The cluster's picture: our Jobs and pods, listed and watched. */
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/shell_priv.h"

#include <stdlib.h>

static void on_job(void *data, json_t *object)
{
    struct follow *f = data;
    units_job(f->shell->units, loop_now(f->shell->loop), object);
    shell_dirty(f->shell);
}

static void on_pod(void *data, json_t *object)
{
    struct follow *f = data;
    units_pod(f->shell->units, loop_now(f->shell->loop), object);
    shell_dirty(f->shell);
}

static void on_job_gone(void *data, const char *name, const char *uid)
{
    struct follow *f = data;
    struct unit *unit = units_job_gone(f->shell->units, name, uid);
    if (unit)
        unit_free(&unit);
    shell_dirty(f->shell);
}

static void on_pod_gone(void *data, const char *name, const char *uid)
{
    struct follow *f = data;
    units_pod_gone(f->shell->units, loop_now(f->shell->loop), name, uid);
    shell_dirty(f->shell);
}

static void on_synced(void *data)
{
    struct follow *f = data;
    f->synced = true;
    shell_dirty(f->shell);
}

static void on_health(void *data, const struct err *err, enum kube_refusal refusal)
{
    struct follow *f = data;
    const char *what = f == &f->shell->jobs ? "jobs" : "pods";
    if (err->code == ERR_NONE) {
        if (f->trouble)
            log_info("the cluster can be followed again", kv_s("resource", what));
        xstr_replace(&f->trouble, NULL);
    } else {
        log_warn("the cluster cannot be followed", kv_s("resource", what), kv_s("refusal", refusal ? kube_refusal_name(refusal) : NULL), kv_err(err));
        xstr_replace(&f->trouble, err->text);
    }
    shell_dirty(f->shell);
}

void follow_start(struct shell *s)
{
    char *selector = xasprintf("%s=%s,%s=%s", LABEL_MANAGED_BY, MANAGED_BY, LABEL_INSTANCE, s->config->instance);
    s->jobs.shell = s->pods.shell = s;
    struct kube_watch_spec jobs = {.api = "apis/batch/v1", .ns = s->ns, .resource = "jobs", .label_selector = selector, .on_object = on_job,
                                   .on_gone = on_job_gone, .on_synced = on_synced, .on_health = on_health, .data = &s->jobs};
    struct kube_watch_spec pods = {.api = "api/v1", .ns = s->ns, .resource = "pods", .label_selector = selector, .on_object = on_pod,
                                   .on_gone = on_pod_gone, .on_synced = on_synced, .on_health = on_health, .data = &s->pods};
    s->jobs.watch = kube_watch_start(s->kube, &jobs);
    s->pods.watch = kube_watch_start(s->kube, &pods);
    free(selector);
}

void follow_stop(struct shell *s)
{
    if (s->jobs.watch)
        kube_watch_stop(&s->jobs.watch);
    if (s->pods.watch)
        kube_watch_stop(&s->pods.watch);
    free(s->jobs.trouble);
    free(s->pods.trouble);
}
