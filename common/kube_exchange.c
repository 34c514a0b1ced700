#include "common/kube_priv.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* HTTP copies what it queues; beyond this, calls wait here with one copy of their body and no token. */
enum { HTTP_QUEUE_MAX = 32, BODY_MAX = 16 << 20 };

struct kube_exchange {
    struct kube *kube;
    TAILQ_ENTRY(kube_exchange) link;
    struct http_call *http;               /* NULL = on a list of kube */
    uint64_t generation;                  /* of the credential it was sent with */
    uint64_t round;
    int64_t deadline_ms, idle_ms;
    struct mono start_by;
    const char *method;
    http_data_fn *on_data;
    http_done_fn *on_done;
    void *data;
    char *url, *content_type, *body;
    bool urgent, gzip, watch, replayed;
};

static struct kube_exchanges *list_of(struct kube_exchange *x)
{
    return x->urgent || x->watch ? &x->kube->urgent : &x->kube->held;
}

static void hold(struct kube_exchange *x, bool first)
{
    x->http = NULL;
    x->round = x->kube->round;
    x->kube->n_held++;
    if (first)
        TAILQ_INSERT_HEAD(list_of(x), x, link);
    else
        TAILQ_INSERT_TAIL(list_of(x), x, link);
}

static void take(struct kube_exchange *x)
{
    x->kube->n_held--;
    TAILQ_REMOVE(list_of(x), x, link);
}

static void exchange_free(struct kube_exchange *x)
{
    if (x->body)
        explicit_bzero(x->body, strlen(x->body));    /* it may be a Secret */
    free(x->body);
    free(x->url);
    free(x->content_type);
    free(x);
}

/* ---- connections ---- */

static void close_old_links(struct kube *kube)
{
    for (struct kube_link **at = &kube->link->older; *at;) {
        struct kube_link *link = *at;
        if (http_in_flight(link->calls) || http_queued(link->calls) || http_in_flight(link->watches)) {
            at = &link->older;
            continue;
        }
        *at = link->older;
        http_close(&link->calls);
        http_close(&link->watches);
        free(link);
    }
}

/* A rotated client certificate needs fresh connections. One that cannot be used is found out by its calls. */
static void follow_certificate(struct kube *kube)
{
    if (kube->certificate_generation != kube_identity_certificate_generation(kube->identity))
        kube_link_open(kube, NULL);
}

/* ---- sending ---- */

static void pump(struct kube *kube, bool ready);

static void on_reply(void *data, const struct http_reply *reply)
{
    struct kube_exchange *x = data;
    struct kube *kube = x->kube;
    if (reply->status == 401 && !x->replayed) {
        enum kube_ready again = kube_identity_refused(kube->identity, x->generation);
        if (again != KUBE_READY_NEVER) {
            x->replayed = true;
            hold(x, true);
            pump(kube, false);
            return;
        }
    }
    x->on_done(x->data, reply);
    exchange_free(x);
    close_old_links(kube);
    pump(kube, false);
}

static int on_bytes(void *data, const char *bytes, size_t n, struct err *err)
{
    struct kube_exchange *x = data;
    return x->on_data(x->data, bytes, n, err);
}

enum { HEADERS_MAX = 40 };

static void fill_headers(const struct kube_exchange *x, char **ret_type, const char *headers[HEADERS_MAX + 1])
{
    const char *authorization = kube_identity_authorization(x->kube->identity);
    char *const *as = kube_identity_config(x->kube->identity)->impersonate;
    size_t n = 0;
    headers[n++] = "Accept: application/json";
    *ret_type = x->body ? xasprintf("Content-Type: %s", x->content_type ? x->content_type : "application/json") : NULL;
    if (*ret_type)
        headers[n++] = *ret_type;
    if (authorization)
        headers[n++] = authorization;
    for (; as && *as && n < HEADERS_MAX; as++)
        headers[n++] = *as;
    headers[n] = NULL;
}

static void send_now(struct kube_exchange *x)
{
    struct kube *kube = x->kube;
    const char *headers[HEADERS_MAX + 1];
    char *type;
    take(x);
    fill_headers(x, &type, headers);
    struct http_request request = {
        .method = x->method, .url = x->url, .headers = headers, .body = x->body, .body_len = x->body ? strlen(x->body) : 0,
        .deadline_ms = x->deadline_ms, .idle_ms = x->idle_ms, .start_by = x->start_by, .max_body = BODY_MAX, .urgent = x->urgent,
        .gzip = x->gzip && !kube_identity_config(kube->identity)->no_gzip,
        .on_data = x->on_data ? on_bytes : NULL, .on_done = on_reply, .data = x,
    };
    x->generation = kube_identity_generation(kube->identity);
    x->http = http_send(x->watch ? kube->link->watches : kube->link->calls, &request);
    free(type);
}

/* ready: the credential was just renewed, whatever it says about its own age. */
static void pump(struct kube *kube, bool ready)
{
    if (kube->closing || !kube->n_held || (!ready && kube_identity_prepare(kube->identity) != KUBE_READY_NOW))
        return;
    follow_certificate(kube);
    while (!TAILQ_EMPTY(&kube->urgent))
        send_now(TAILQ_FIRST(&kube->urgent));
    while (!TAILQ_EMPTY(&kube->held) && http_queued(kube->link->calls) < HTTP_QUEUE_MAX)
        send_now(TAILQ_FIRST(&kube->held));
}

static void fail_list(struct kube *kube, struct kube_exchanges *list, const struct err *err)
{
    struct http_reply reply = {.status = 0, .body = "", .err = *err};
    for (struct kube_exchange *x; (x = TAILQ_FIRST(list)) != NULL && x->round < kube->round;) {
        take(x);
        x->on_done(x->data, &reply);
        exchange_free(x);
    }
}

void kube_exchange_on_ready(void *data, const struct err *err)
{
    struct kube *kube = data;
    if (!err) {
        pump(kube, true);
        return;
    }
    kube->round++;
    fail_list(kube, &kube->urgent, err);
    fail_list(kube, &kube->held, err);
}

struct kube_exchange *kube_exchange_start(struct kube *kube, const struct kube_exchange_spec *s)
{
    struct kube_exchange *x = xcalloc(1, sizeof *x);
    *x = (struct kube_exchange){
        .kube = kube, .method = s->method, .url = xstrdup(s->url), .content_type = xstrdup(s->content_type), .body = xstrdup(s->body),
        .deadline_ms = s->deadline_ms, .idle_ms = s->idle_ms, .start_by = s->start_by, .urgent = s->urgent, .gzip = s->gzip, .watch = s->watch,
        .on_data = s->on_data, .on_done = s->on_done, .data = s->data,
    };
    hold(x, false);
    pump(kube, false);
    return x;
}

void kube_exchange_cancel(struct kube_exchange *x)
{
    struct kube *kube = x->kube;
    if (x->http)
        http_cancel(x->http);
    else
        take(x);
    exchange_free(x);
    pump(kube, false);
}
