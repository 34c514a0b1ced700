/* The reflector: carries out what kube_watch_state decides, and tells its user about objects and health. Any callback may stop it: `busy`
 * keeps it in memory until the stack is its own again. */
#include "common/kube.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/kube_known.h"
#include "common/kube_priv.h"
#include "common/kube_watch_state.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 500, LIST_MS = 60 * 1000, OBJECT_MAX = 4 << 20, LINE_MAX_BYTES = 8 << 20 };
/* Bookmarks come about every 60 s: longer silence than this is a connection that leads nowhere. */
enum { SILENCE_MS = 150 * 1000, OVERTIME_S = 30 };

struct kube_watch {
    struct kube *kube;
    struct kube_watch_spec spec;      /* its texts are copies */
    char *selector;                   /* escaped */
    struct kube_watch_state state;
    struct kube_known *known;
    struct json_rows *rows;           /* of the reply under way */
    struct kube_exchange *exchange;   /* NULL = waiting */
    struct loop_timer *timer;         /* waiting: the next request; watching: it stood for a while */
    enum kube_watch_do next;
    enum kube_watch_health health;    /* as last told; SAME = nothing told yet */
    enum err_code told_code;
    enum kube_refusal told_refusal;
    int64_t event_retry_ms;           /* of an ERROR event */
    unsigned events;
    unsigned busy;
    bool synced, stopped;
};

/* ---- memory ---- */

static void watch_free(struct kube_watch *w)
{
    json_rows_free(&w->rows);
    kube_known_free(&w->known);
    kube_watch_state_done(&w->state);
    char *texts[] = {(char *)(uintptr_t)w->spec.api, (char *)(uintptr_t)w->spec.ns, (char *)(uintptr_t)w->spec.resource, w->selector};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    free(w);
}

static void leave(struct kube_watch *w)
{
    if (--w->busy == 0 && w->stopped)
        watch_free(w);
}

void kube_watch_stop(struct kube_watch **watch)
{
    struct kube_watch *w = *watch;
    *watch = NULL;
    if (!w)
        return;
    w->stopped = true;
    w->kube->n_watches--;
    loop_timer_free(&w->timer);
    if (w->exchange)
        kube_exchange_cancel(w->exchange);
    w->exchange = NULL;
    if (!w->busy)
        watch_free(w);
}

/* ---- the user ---- */

static void tell_object(struct kube_watch *w, json_t *object)
{
    if (!w->stopped)
        w->spec.on_object(w->spec.data, object);
}

static void tell_gone(void *data, const char *name, const char *uid)
{
    struct kube_watch *w = data;
    if (!w->stopped)
        w->spec.on_gone(w->spec.data, name, uid);
}

static void tell_health(struct kube_watch *w, enum kube_watch_health health, const struct err *err, enum kube_refusal refusal)
{
    static const struct err fine = {.code = ERR_NONE};
    if (health == KUBE_HEALTH_SAME || w->stopped)
        return;
    const struct err *told = health == KUBE_HEALTH_WELL ? &fine : err;
    if (health == KUBE_HEALTH_WELL)
        refusal = KUBE_REFUSAL_NONE;
    bool news = w->health != health || w->told_code != told->code || w->told_refusal != refusal;
    w->health = health;
    w->told_code = told->code;
    w->told_refusal = refusal;
    if (news && w->spec.on_health)
        w->spec.on_health(w->spec.data, told, refusal);
}

static void show(struct kube_watch *w, json_t *object, const char *name, const char *ns, const char *uid)
{
    char *key = w->spec.ns ? NULL : xasprintf("%s/%s", ns, name);
    kube_known_seen(w->known, key ? key : name, uid);
    free(key);
    tell_object(w, object);
}

static void forget(struct kube_watch *w, const char *name, const char *ns, const char *uid)
{
    char *key = w->spec.ns ? NULL : xasprintf("%s/%s", ns, name);
    kube_known_deleted(w->known, key ? key : name, uid);
    free(key);
}

static int stop_rows(const struct kube_watch *w, struct err *err)
{
    return w->stopped ? err_set(err, ERR_CANCELLED, "stopped") : 0;
}

/* ---- what comes next ---- */

static void carry_out(struct kube_watch *w, const struct kube_watch_plan *plan)
{
    w->next = plan->what;
    if (!w->stopped)
        loop_timer_set(w->timer, mono_add_ms(loop_now(w->kube->loop), plan->delay_ms));
}

static int on_bytes(void *data, const char *bytes, size_t n, struct err *err)
{
    struct kube_watch *w = data;
    w->busy++;
    int result = json_rows_feed(w->rows, bytes, n, err);
    leave(w);
    return result;
}

static void request(struct kube_watch *w, const char *query, struct kube_exchange_spec *spec)
{
    struct kube_path path = {.api = w->spec.api, .ns = w->spec.ns, .resource = w->spec.resource};
    char *url = kube_url(kube_server(w->kube), &path, query);
    CHECK(url != NULL);
    spec->method = "GET";
    spec->url = url;
    spec->on_data = on_bytes;
    spec->data = w;
    w->exchange = kube_exchange_start(w->kube, spec);
    free(url);
}

/* ---- list ---- */

static int on_item(void *data, json_t *item, struct err *err)
{
    struct kube_watch *w = data;
    const char *name = json_text(item, "metadata.name");
    if (!*name)
        return err_set(err, ERR_INVALID, "an item of the list has no name");
    show(w, item, name, json_text(item, "metadata.namespace"), json_text(item, "metadata.uid"));
    return stop_rows(w, err);
}

static void list_failed(struct kube_watch *w, struct err *err, enum kube_refusal refusal, int64_t retry_after_ms)
{
    struct kube_watch_plan plan =
        kube_watch_state_list_failed(&w->state, err->code, retry_after_ms, loop_now(w->kube->loop), clock_random());
    err_prefix(err, "list %s", w->spec.resource);
    carry_out(w, &plan);
    tell_health(w, plan.health, err, refusal);
}

/* "items": null is an empty list in older servers. */
static int read_page(struct kube_watch *w, struct kube_watch_plan *ret, struct err *err)
{
    if (json_rows_end(w->rows, err))
        return -1;
    const json_t *envelope = json_rows_envelope(w->rows);
    const json_t *items = json_object_get(envelope, "items");
    if (!json_rows_saw_array(w->rows) && !json_is_null(items))
        return err_set(err, ERR_INVALID, "the reply is no list: it has no items");
    const char *rv = json_text(envelope, "metadata.resourceVersion"), *token = json_text(envelope, "metadata.continue");
    return kube_watch_state_page(&w->state, rv, token, ret, err);
}

static void list_ended(struct kube_watch *w, const struct http_reply *reply)
{
    struct kube_result result;
    struct kube_watch_plan plan;
    char warning[1];
    json_t *body;
    kube_read_reply(reply, "GET", w->spec.resource, warning, sizeof warning, &result, &body);
    if (result.err.code != ERR_NONE || read_page(w, &plan, &result.err)) {
        list_failed(w, &result.err, result.refusal, result.retry_after_ms);
    } else {
        carry_out(w, &plan);
        if (plan.synced) {
            kube_known_list_ends(w->known);
            w->synced = true;
        }
        if (plan.synced && !w->stopped && w->spec.on_synced)
            w->spec.on_synced(w->spec.data);
        tell_health(w, plan.health, NULL, KUBE_REFUSAL_NONE);
    }
    json_decref(body);
}

static void on_list_done(void *data, const struct http_reply *reply)
{
    struct kube_watch *w = data;
    w->exchange = NULL;
    w->busy++;
    list_ended(w, reply);
    leave(w);
}

static void list(struct kube_watch *w)
{
    char *token = w->state.continue_token ? http_escape(w->state.continue_token) : NULL;
    char *query = xasprintf("limit=%d%s%s%s%s", PAGE, w->selector ? "&labelSelector=" : "", str_or_empty(w->selector),
                            token ? "&continue=" : "", str_or_empty(token));
    if (!token)
        kube_known_list_begins(w->known);
    json_rows_free(&w->rows);
    w->rows = json_rows_new("items", OBJECT_MAX, on_item, w);
    request(w, query, &(struct kube_exchange_spec){.deadline_ms = LIST_MS, .gzip = true, .on_done = on_list_done});
    free(query);
    free(token);
}

/* ---- watch ---- */

static void is_open(struct kube_watch *w)
{
    kube_watch_state_open(&w->state);
    tell_health(w, KUBE_HEALTH_WELL, NULL, KUBE_REFUSAL_NONE);
}

static int on_line(void *data, json_t *line, struct err *err)
{
    struct kube_watch *w = data;
    struct kube_event event;
    int result = kube_watch_state_line(&w->state, line, &event, err);
    w->event_retry_ms = event.retry_after_ms;
    if (result)
        return -1;
    w->events++;
    if (w->health != KUBE_HEALTH_WELL)
        is_open(w);
    if (event.kind == KUBE_EVENT_CHANGED)
        show(w, event.object, event.name, event.ns, event.uid);
    else if (event.kind == KUBE_EVENT_DELETED)
        forget(w, event.name, event.ns, event.uid);
    return stop_rows(w, err);
}

/* A watch that our own timer ended has no status, but its headers tell that it was open. */
static int status_of(const struct http_reply *reply)
{
    bool had_headers = reply->headers && http_header(reply, "Content-Type");
    return reply->status == 0 && reply->err.code == ERR_TIMEOUT && had_headers ? 200 : reply->status;
}

static void watch_ended(struct kube_watch *w, const struct http_reply *reply)
{
    struct kube_result result;
    char warning[1];
    json_t *body;
    kube_read_reply(reply, "GET", w->spec.resource, warning, sizeof warning, &result, &body);
    struct kube_watch_end end = {
        .status = status_of(reply), .code = result.err.code, .events = w->events, .opened = reply->began,
        .retry_after_ms = w->event_retry_ms > result.retry_after_ms ? w->event_retry_ms : result.retry_after_ms,
    };
    struct kube_watch_plan plan = kube_watch_state_ended(&w->state, &end, loop_now(w->kube->loop), clock_random());
    if (result.err.code == ERR_NONE)
        err_set(&result.err, ERR_UNAVAILABLE, "the server ends it at once, again and again");
    err_prefix(&result.err, "watch %s", w->spec.resource);
    carry_out(w, &plan);
    tell_health(w, plan.health, &result.err, result.refusal);
    json_decref(body);
}

static void on_watch_done(void *data, const struct http_reply *reply)
{
    struct kube_watch *w = data;
    w->exchange = NULL;
    w->busy++;
    watch_ended(w, reply);
    leave(w);
}

static void watch(struct kube_watch *w)
{
    int timeout_s = kube_watch_timeout_s(clock_random());
    char *rv = http_escape(w->state.rv);
    char *query = xasprintf("watch=1&resourceVersion=%s&allowWatchBookmarks=true&timeoutSeconds=%d%s%s", rv, timeout_s,
                            w->selector ? "&labelSelector=" : "", str_or_empty(w->selector));
    w->events = 0;
    w->event_retry_ms = -1;
    json_rows_free(&w->rows);
    w->rows = json_rows_new(NULL, LINE_MAX_BYTES, on_line, w);
    request(w, query, &(struct kube_exchange_spec){.watch = true, .deadline_ms = (timeout_s + OVERTIME_S) * 1000, .idle_ms = SILENCE_MS,
                                                   .on_done = on_watch_done});
    if (w->health != KUBE_HEALTH_WELL)
        loop_timer_set(w->timer, mono_add_ms(loop_now(w->kube->loop), KUBE_WATCH_OPEN_MS));
    free(query);
    free(rv);
}

static void on_timer(void *data)
{
    struct kube_watch *w = data;
    w->busy++;
    if (w->exchange && w->next == KUBE_DO_WATCH)
        is_open(w);
    else if (!w->exchange && w->next == KUBE_DO_WATCH)
        watch(w);
    else if (!w->exchange)
        list(w);
    leave(w);
}

/* ---- the interface ---- */

struct kube_watch *kube_watch_start(struct kube *kube, const struct kube_watch_spec *spec)
{
    kube_check_right(kube, KUBE_LIST, spec->resource);
    kube_check_right(kube, KUBE_WATCH, spec->resource);
    struct kube_watch *w = xcalloc(1, sizeof *w);
    *w = (struct kube_watch){.kube = kube, .spec = *spec, .next = KUBE_DO_LIST};
    w->selector = spec->label_selector ? http_escape(spec->label_selector) : NULL;
    w->spec.api = xstrdup(spec->api);
    w->spec.ns = xstrdup(spec->ns);
    w->spec.resource = xstrdup(spec->resource);
    w->spec.label_selector = NULL;
    w->state.first_wait_ms = kube->first_wait_ms;
    w->known = kube_known_new(tell_gone, w);
    w->timer = loop_timer_new(kube->loop, on_timer, w);
    loop_timer_set(w->timer, loop_now(kube->loop));
    kube->n_watches++;
    return w;
}

bool kube_watch_healthy(const struct kube_watch *w)
{
    return w->synced && w->health == KUBE_HEALTH_WELL;
}
