#include "common/kube.h"

#include "common/json.h"
#include "common/kube_priv.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { WARNING_SHOWN = 512 };

static const char field_manager[] = "fieldManager=ado-orchestrator";

/* ---- open and close ---- */

int kube_link_open(struct kube *kube, struct err *err)
{
    const struct kube_config *c = kube_identity_config(kube->identity);
    const char *proxy = c->proxy ? c->proxy : kube->proxy;
    struct http_options o = {
        .user_agent = kube->user_agent, .ca_file = c->ca_file, .ca_pem = c->ca_pem, .tls_server_name = c->tls_server_name,
        .insecure = c->insecure, .proxy = proxy, .no_proxy = c->proxy ? NULL : kube->no_proxy,
    };
    kube_identity_certificate(kube->identity, &o.cert_pem, &o.key_pem);
    kube->certificate_generation = kube_identity_certificate_generation(kube->identity);
    struct kube_link *link = xcalloc(1, sizeof *link);
    link->calls = http_open(kube->loop, &o, err);
    o.long_lived = true;
    link->watches = link->calls ? http_open(kube->loop, &o, err) : NULL;
    if (!link->watches) {
        http_close(&link->calls);
        free(link);
        return -1;
    }
    link->older = kube->link;
    kube->link = link;
    return 0;
}

static struct kube_environment environment(void)
{
    return (struct kube_environment){
        .kubeconfig_list = getenv("KUBECONFIG"), .home = getenv("HOME"), .service_host = getenv("KUBERNETES_SERVICE_HOST"),
        .service_port = getenv("KUBERNETES_SERVICE_PORT"), .pod_namespace = getenv("POD_NAMESPACE"),
    };
}

static int open_identity(struct kube *kube, const char *kubeconfig, struct err *err)
{
    struct kube_environment env = environment();
    struct kube_config config;
    if (kube_config_load(kubeconfig, &env, &config, err))
        return -1;
    char *origin = xstrdup(config.origin);
    kube->identity = kube_identity_new(kube->loop, &config, kube_exchange_on_ready, kube, err);
    int result = kube->identity ? kube_link_open(kube, err) : -1;
    if (result)
        err_prefix(err, "%s", origin);
    free(origin);
    return result;
}

struct kube *kube_open(struct loop *loop, const struct kube_options *options, struct err *err)
{
    struct kube *kube = xcalloc(1, sizeof *kube);
    *kube = (struct kube){
        .loop = loop, .rights = options->rights, .user_agent = xstrdup(options->user_agent ? options->user_agent : "ado-orchestrator"),
        .proxy = xstrdup(options->proxy), .no_proxy = xstrdup(options->no_proxy),
    };
    TAILQ_INIT(&kube->urgent);
    TAILQ_INIT(&kube->held);
    LIST_INIT(&kube->calls);
    if (open_identity(kube, options->kubeconfig, err) == 0)
        return kube;
    if (err)
        err->code = ERR_CONFIG;
    kube_close(&kube);
    return NULL;
}

void kube_close(struct kube **pkube)
{
    struct kube *kube = *pkube;
    *pkube = NULL;
    if (!kube)
        return;
    CHECK(kube->n_watches == 0);
    kube->closing = true;
    while (!LIST_EMPTY(&kube->calls))
        kube_cancel(LIST_FIRST(&kube->calls));
    for (struct kube_link *link; (link = kube->link) != NULL; free(link)) {
        kube->link = link->older;
        http_close(&link->calls);
        http_close(&link->watches);
    }
    kube_identity_free(&kube->identity);
    free(kube->user_agent);
    free(kube->proxy);
    free(kube->no_proxy);
    free(kube);
}

const char *kube_server(const struct kube *kube)
{
    return kube_identity_config(kube->identity)->server;
}

const char *kube_namespace(const struct kube *kube)
{
    return kube_identity_config(kube->identity)->ns;
}

unsigned kube_queued(const struct kube *kube)
{
    return kube->n_held + http_queued(kube->link->calls);
}

void kube_check_right(const struct kube *kube, enum kube_verb verb, const char *resource)
{
    bool granted = false;
    for (const struct kube_right *r = kube->rights; r && r->resource && !granted; r++)
        granted = r->verb == verb && !strcmp(r->resource, resource);
    CHECK(granted);
}

/* ---- calls ---- */

struct kube_call {
    struct kube *kube;
    LIST_ENTRY(kube_call) link;
    struct kube_exchange *exchange;     /* NULL: the call cannot be made, its end is posted */
    const char *method;
    kube_done_fn *on_done;
    void *data;
    char *resource;
    char what[];                        /* for messages: "create jobs agents/x" */
};

static const char *method_of(enum kube_verb verb)
{
    switch (verb) {
    case KUBE_GET: case KUBE_LIST: case KUBE_WATCH: return "GET";
    case KUBE_CREATE: return "POST";
    case KUBE_UPDATE: return "PUT";
    case KUBE_PATCH: return "PATCH";
    case KUBE_DELETE: return "DELETE";
    }
    return "GET";
}

static const char *name_of(enum kube_verb verb)
{
    switch (verb) {
    case KUBE_GET: return "get";
    case KUBE_LIST: return "list";
    case KUBE_WATCH: return "watch";
    case KUBE_CREATE: return "create";
    case KUBE_UPDATE: return "update";
    case KUBE_PATCH: return "patch";
    case KUBE_DELETE: return "delete";
    }
    return "";
}

static void call_free(struct kube_call *call)
{
    LIST_REMOVE(call, link);
    free(call->resource);
    free(call);
}

static void finish(struct kube_call *call, const struct http_reply *reply)
{
    char warning[WARNING_SHOWN];
    struct kube_result result;
    json_t *body;
    kube_read_reply(reply, call->method, call->resource, warning, sizeof warning, &result, &body);
    if (result.err.code != ERR_NONE)
        err_prefix(&result.err, "%s", call->what);
    kube_done_fn *on_done = call->on_done;
    void *data = call->data;
    call_free(call);
    on_done(data, &result);
    json_decref(body);
}

static void on_reply(void *data, const struct http_reply *reply)
{
    finish(data, reply);
}

static void on_impossible(void *data)
{
    struct http_reply reply = {.status = 0, .body = ""};
    err_set(&reply.err, ERR_INVALID, "a name that cannot be part of a URL");
    finish(data, &reply);
}

static char *query_of(const struct kube_call_spec *spec)
{
    bool writes = spec->verb == KUBE_CREATE || spec->verb == KUBE_UPDATE || spec->verb == KUBE_PATCH;
    const char *query = str_or_empty(spec->query);
    return writes ? xasprintf("%s%s%s", query, *query ? "&" : "", field_manager) : xstrdup(query);
}

static struct kube_call *call_new(struct kube *kube, const struct kube_call_spec *spec)
{
    const char *own_name = json_text(spec->body, "metadata.name"), *name = spec->name ? spec->name : own_name;
    char *what = xasprintf("%s %s%s%s%s%s", name_of(spec->verb), spec->resource, spec->ns || *name ? " " : "", str_or_empty(spec->ns),
                           spec->ns && *name ? "/" : "", name);
    struct kube_call *call = xcalloc(1, sizeof *call + strlen(what) + 1);
    *call = (struct kube_call){.kube = kube, .method = method_of(spec->verb), .on_done = spec->on_done, .data = spec->data};
    call->resource = xstrdup(spec->resource);
    memcpy(call->what, what, strlen(what) + 1);
    free(what);
    LIST_INSERT_HEAD(&kube->calls, call, link);
    return call;
}

struct kube_call *kube_send(struct kube *kube, const struct kube_call_spec *spec)
{
    kube_check_right(kube, spec->verb, spec->resource);
    struct kube_call *call = call_new(kube, spec);
    struct kube_path path = {.api = spec->api, .ns = spec->ns, .resource = spec->resource, .name = spec->name};
    char *query = query_of(spec), *url = kube_url(kube_server(kube), &path, query), *body = spec->body ? json_dump(spec->body) : NULL;
    if (url)
        call->exchange = kube_exchange_start(kube, &(struct kube_exchange_spec){
            .method = call->method, .url = url, .content_type = spec->content_type, .body = body, .deadline_ms = spec->deadline_ms,
            .start_by = spec->start_by,
            .urgent = spec->urgent, .gzip = spec->verb == KUBE_LIST, .on_done = on_reply, .data = call,
        });
    else
        loop_post(kube->loop, on_impossible, call);
    free(query);
    free(url);
    secret_free(&body);
    return call;
}

void kube_cancel(struct kube_call *call)
{
    if (call->exchange)
        kube_exchange_cancel(call->exchange);
    else
        loop_post_cancel(call->kube->loop, call);
    call_free(call);
}

struct kube_call *kube_delete(struct kube *kube, const char *api, const char *ns, const char *resource, const char *name, const char *uid,
                              const char *resource_version, int grace_seconds, kube_done_fn *on_done, void *data)
{
    json_t *conditions = json_pack("{s:s}", "uid", uid);
    CHECK(conditions != NULL);
    if (resource_version)
        json_object_set_new(conditions, "resourceVersion", json_string(resource_version));
    json_t *body = json_pack("{s:s, s:s, s:s, s:o}", "apiVersion", "v1", "kind", "DeleteOptions", "propagationPolicy", "Background",
                             "preconditions", conditions);
    if (grace_seconds >= 0)
        json_object_set_new(body, "gracePeriodSeconds", json_integer(grace_seconds));
    struct kube_call_spec spec = {
        .verb = KUBE_DELETE, .api = api, .ns = ns, .resource = resource, .name = name, .body = body, .on_done = on_done, .data = data,
    };
    struct kube_call *call = kube_send(kube, &spec);
    json_decref(body);
    return call;
}
