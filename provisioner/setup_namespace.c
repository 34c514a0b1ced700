/* Step 1: the namespace is there. Who may only work inside one namespace can neither read nor make it: that is fine when its Jobs can be listed. */
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/setup_priv.h"

#include <stdlib.h>
#include <string.h>

static void on_listed(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    if (result->err.code == ERR_NONE) {
        setup_done(s);
        return;
    }
    setup_failed(s, result, "cannot list Jobs", "give the ServiceAccount the Role of manifests/pod.yaml in JOB_NAMESPACE");
}

static void list_jobs(struct setup *s)
{
    struct kube_call_spec spec = {.verb = KUBE_LIST, .api = "apis/batch/v1", .ns = s->ns, .resource = "jobs", .query = "limit=1"};
    setup_send(s, &spec, on_listed);
}

static void on_made(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    if (result->err.code == ERR_NONE)
        log_info("namespace created", kv_s("namespace", s->ns));
    if (result->err.code == ERR_NONE || result->err.code == ERR_EXISTS) {
        setup_done(s);
        return;
    }
    char *what = xasprintf("namespace %s is missing and cannot be created", s->ns);
    setup_failed(s, result, what, "create it, or let the ServiceAccount create namespaces");
    free(what);
}

static void make(struct setup *s)
{
    json_t *body = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}}", "apiVersion", "v1", "kind", "Namespace", "metadata", "name", s->ns, "labels",
                             "app.kubernetes.io/managed-by", "ado-orchestrator");
    struct kube_call_spec spec = {.verb = KUBE_CREATE, .api = "api/v1", .resource = "namespaces", .body = body};
    setup_send(s, &spec, on_made);
    json_decref(body);
}

static void missing(struct setup *s)
{
    if (s->o.check_only) {
        log_warn("the namespace does not exist yet: the API server cannot check the templates", kv_s("namespace", s->ns));
        s->todo = 1u << STEP_NAMESPACE;
        setup_done(s);
        return;
    }
    if (s->o.config->initialize_namespace) {
        make(s);
        return;
    }
    char *text = xasprintf("namespace %s does not exist: create it, or set INITIALIZE_NAMESPACE=true", s->ns);
    setup_again(s, "namespace", text);
    free(text);
}

static void on_got(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    if (result->err.code == ERR_DENIED) {
        list_jobs(s);
    } else if (result->err.code == ERR_NOT_FOUND) {
        missing(s);
    } else if (result->err.code != ERR_NONE) {
        setup_failed(s, result, "cannot read the namespace", NULL);
    } else if (strcmp(json_text(result->object, "status.phase"), "Terminating") == 0) {
        char *text = xasprintf("namespace %s is being deleted: no unit can be made until it is gone and made anew", s->ns);
        setup_again(s, "namespace", text);
        free(text);
    } else {
        setup_done(s);
    }
}

void setup_namespace(struct setup *s)
{
    struct kube_call_spec spec = {.verb = KUBE_GET, .api = "api/v1", .resource = "namespaces", .name = s->ns};
    setup_send(s, &spec, on_got);
}
