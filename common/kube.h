/* Kubernetes API client: identity (in-cluster or kubeconfig), calls, list+watch. Facts: reference section 1 of the Kubernetes client contract
 * (client-go's rules for kubeconfig merging, token re-reading, the three shapes of 410). */
#ifndef COMMON_KUBE_H
#define COMMON_KUBE_H

#include "common/err.h"
#include "common/loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct kube;

enum kube_verb { KUBE_GET, KUBE_LIST, KUBE_WATCH, KUBE_CREATE, KUBE_UPDATE, KUBE_PATCH, KUBE_DELETE };

/* What this process may do: a call outside the list is our bug and aborts. Ends with resource NULL. */
struct kube_right {
    enum kube_verb verb;
    const char *resource;         /* "jobs", "pods", "pods/log"... */
};

struct kube_options {
    const char *kubeconfig;       /* explicit path; NULL = $KUBECONFIG, ~/.kube/config, then in-cluster */
    const char *proxy, *no_proxy; /* used where the kubeconfig names no proxy-url */
    const char *user_agent;
    const struct kube_right *rights;
};

/* Reads the identity and opens connections lazily. ERR_CONFIG with one sentence (what is missing, what to set) on failure. */
struct kube *kube_open(struct loop *loop, const struct kube_options *options, struct err *err);
void kube_close(struct kube **kube);
const char *kube_server(const struct kube *kube);
const char *kube_namespace(const struct kube *kube);   /* of the identity: POD_NAMESPACE, token directory, kubeconfig context, "default" */

/* What a call came to. err.code by HTTP code + reason:
 * 400/422/413 ERR_INVALID, 401 ERR_AUTH, 403 ERR_DENIED, 404 ERR_NOT_FOUND, 409 ERR_EXISTS or ERR_CONFLICT, 410 ERR_GONE, 429 ERR_THROTTLED, 5xx ERR_UNAVAILABLE,
 * no reply ERR_IO or ERR_TIMEOUT (the outcome of a write is unknown). */
enum kube_refusal {               /* finer than err.code, where the difference decides what to do */
    KUBE_REFUSAL_NONE,
    KUBE_QUOTA,                   /* 403 "exceeded quota:" */
    KUBE_RBAC,                    /* 403 User "x" cannot verb */
    KUBE_ADMISSION,               /* 403/400 of a webhook, PodSecurity or policy */
    KUBE_NAMESPACE_TERMINATING,
    KUBE_NAMESPACE_MISSING,       /* 404 details.kind namespaces */
    KUBE_API_MISSING,             /* 404 without details: group or path not served */
    KUBE_MANIFEST,                /* 400/422: the object itself is wrong */
};

struct kube_result {
    struct err err;               /* ERR_NONE = 2xx */
    enum kube_refusal refusal;
    int status;                   /* HTTP, 0 = no reply */
    const char *reason;           /* Status.reason, "" when unknown */
    const char *field;            /* first causes[].field, "" */
    int64_t retry_after_ms;       /* -1 = not said */
    int64_t server_ms;            /* the reply's Date as Unix ms; 0 = unknown: ages of server stamps are taken against this */
    const json_t *object;         /* parsed body (object or Status), borrowed; NULL when none */
    const char *warning;          /* text of a Warning header, "" */
};
typedef void kube_done_fn(void *data, const struct kube_result *result);

struct kube_call_spec {
    enum kube_verb verb;
    const char *api;              /* "api/v1", "apis/batch/v1" */
    const char *ns;               /* NULL = cluster scope */
    const char *resource;         /* "jobs"; with a subresource "pods/log" */
    const char *name;             /* NULL for create/list */
    const char *query;            /* "dryRun=All&fieldValidation=Strict", already encoded; NULL */
    const json_t *body;           /* serialised at once; NULL */
    const char *content_type;     /* NULL = application/json; merge patch names its own */
    int64_t deadline_ms;          /* 0 = 30 s */
    struct mono start_by;         /* a call still waiting for the window then is never sent: ERR_CANCELLED; zero = no limit */
    bool urgent;                  /* leases: outside the window */
    kube_done_fn *on_done;
    void *data;
};
struct kube_call;
/* 401: the token is read again and the call replayed once. Nothing else is retried here. */
struct kube_call *kube_send(struct kube *kube, const struct kube_call_spec *spec);
void kube_cancel(struct kube_call *call);
unsigned kube_queued(const struct kube *kube);        /* calls waiting for the window */

/* Background delete with preconditions. resource_version may be NULL. grace_seconds -1 = default. */
struct kube_call *kube_delete(struct kube *kube, const char *api, const char *ns, const char *resource, const char *name, const char *uid,
                              const char *resource_version, int grace_seconds, kube_done_fn *on_done, void *data);

/* ---- list + watch: one reflector keeps the caller in step with a collection, for ever ---- */
struct kube_watch;
struct kube_watch_spec {
    const char *api, *ns, *resource;
    const char *label_selector;
    void (*on_object)(void *data, json_t *object);                          /* added or changed; borrowed */
    void (*on_gone)(void *data, const char *name, const char *uid);         /* deleted, or missing in a later list, or replaced under another uid */
    void (*on_synced)(void *data);                                          /* after each complete list: the picture is whole */
    /* ERR_NONE: the picture follows the server again; otherwise it may be old. Called on change only. */
    void (*on_health)(void *data, const struct err *err, enum kube_refusal refusal);
    void *data;
};
struct kube_watch *kube_watch_start(struct kube *kube, const struct kube_watch_spec *spec);
void kube_watch_stop(struct kube_watch **watch);
bool kube_watch_healthy(const struct kube_watch *watch);    /* listed once, and a watch is open or was until a moment ago */

const char *kube_refusal_name(enum kube_refusal refusal);

#endif
