/* What the files of the Kubernetes client share; nobody else includes this.
 *   kube.c               open, close, rights, calls
 *   kube_url.c           URLs
 *   kube_exchange.c      one authorised request: waits for the credential, is held back while HTTP has enough, replays after a 401
 *   kube_watch.c         the reflector's I/O;     kube_watch_state.c  its decisions;     kube_known.c  what it has shown
 *   kube_reply.c         reading a reply;         kube_status.c       what it means
 *   kube_config*.c       kubeconfig;              kube_identity.c     credentials over time;    kube_exec.c  plugins */
#ifndef COMMON_KUBE_PRIV_H
#define COMMON_KUBE_PRIV_H

#include "common/http.h"
#include "common/kube.h"
#include "common/kube_identity.h"

#include <sys/queue.h>

struct kube_exchange;
TAILQ_HEAD(kube_exchanges, kube_exchange);
LIST_HEAD(kube_calls, kube_call);

/* Connections under one client certificate; a new certificate makes a new pair, the old one ends with its last call. */
struct kube_link {
    struct http *calls, *watches;
    struct kube_link *older;
};

struct kube {
    struct loop *loop;
    struct kube_identity *identity;
    const struct kube_right *rights;
    char *user_agent, *proxy, *no_proxy;
    struct kube_link *link;               /* the newest first */
    uint64_t certificate_generation;      /* of the newest link */
    struct kube_exchanges urgent, held;   /* not yet handed to HTTP */
    struct kube_calls calls;
    unsigned n_held, n_watches;
    int64_t first_wait_ms;                /* of reflectors; 0 = theirs. Tests shorten it */
    bool closing;                         /* nothing is sent any more */
    uint64_t round;                       /* grows with each failure to get a credential */
};

/* ---- kube.c ---- */
void kube_check_right(const struct kube *kube, enum kube_verb verb, const char *resource);
int kube_link_open(struct kube *kube, struct err *err);

/* ---- kube_reply.c ---- */
/* Reads a reply: err (also of one that should be JSON and is not), refusal and all the rest. *ret_body is a new reference, ret->object borrows it. */
void kube_read_reply(const struct http_reply *reply, const char *method, const char *resource, char *warning, size_t warning_size,
                     struct kube_result *ret, json_t **ret_body);
/* "Sun, 06 Nov 1994 08:49:37 GMT" as Unix ms; 0 when it is anything else. */
int64_t kube_reply_date(const char *date);

/* ---- kube_url.c ---- */
struct kube_path {
    const char *api, *ns, *resource, *name;      /* as in kube_call_spec */
};
/* NULL when a part cannot be a path segment. The caller frees. */
char *kube_url(const char *server, const struct kube_path *path, const char *query);

/* ---- kube_exchange.c ---- */
struct kube_exchange_spec {
    const char *method, *url, *content_type, *body;     /* copied; content_type and body may be NULL */
    int64_t deadline_ms, idle_ms;
    struct mono start_by;
    bool urgent, gzip, watch;
    http_data_fn *on_data;
    http_done_fn *on_done;                              /* also with status 0 and no headers when no credential could be had */
    void *data;
};
struct kube_exchange *kube_exchange_start(struct kube *kube, const struct kube_exchange_spec *spec);
void kube_exchange_cancel(struct kube_exchange *exchange);
void kube_exchange_on_ready(void *kube, const struct err *err);     /* kube_ready_fn */

#endif
