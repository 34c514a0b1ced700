/* The life of a call: queued -> running -> finished -> callback. Callbacks of the user run either inside libcurl (on_data: nothing of
 * libcurl may be touched, so cancelling and closing are noted and done afterwards) or from deliver(), where everything is allowed. */
#include "common/http.h"

#include "common/http_priv.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 8, SPARES_AT_REST = 4 };

static void deliver_posted(void *data);
static void on_alarm(void *data);

/* ---- deadlines: one timer, set to the nearest one known; a call that ended early just makes it look again ---- */

static void wake_at(struct http *http, struct mono when)
{
    if (mono_before(when, http->alarm_at))
        http->alarm_at = when;
    loop_timer_set(http->alarm, http->alarm_at);
}

static struct mono call_deadline(const struct http_call *call)
{
    struct mono idle = call->idle_ms > 0 ? mono_add_ms(call->run->heard, call->idle_ms) : MONO_NEVER;
    return mono_min(call->run->deadline, idle);
}

static void time_out(struct http_call *call, struct mono now)
{
    struct err err;
    char origin[HTTP_ORIGIN_MAX];
    http_origin(call->url, origin);
    if (mono_reached(call->run->deadline, now))
        err_set(&err, ERR_TIMEOUT, "%s: no complete reply to %s within %lld ms", origin, call->method, (long long)call->deadline_ms);
    else
        err_set(&err, ERR_TIMEOUT, "%s: nothing came for %lld ms", origin, (long long)call->idle_ms);
    /* Not a byte on any of our connections since: they may lead nowhere, and new calls would follow. */
    struct http_multi *multi = call->run->multi;
    if (!call->http->long_lived && multi == http_multi_current(call->http) && mono_before(http_multi_last_heard(multi), call->run->began))
        http_multi_new(call->http);
    http_fail(call, &err);
}

static void on_alarm(void *data)
{
    struct http *http = data;
    struct http_call *call, *next;
    struct mono now = loop_now(http->loop), nearest = MONO_NEVER;
    http_enter(http);
    for (call = TAILQ_FIRST(&http->running); call; call = next) {
        next = TAILQ_NEXT(call, link);
        struct mono at = call_deadline(call);
        if (mono_reached(at, now))
            time_out(call, now);
        else
            nearest = mono_min(nearest, at);
    }
    http->alarm_at = MONO_NEVER;
    wake_at(http, nearest);
    http_leave(http);
}

/* ---- starting ---- */

static void deliver_soon(struct http *http)
{
    if (!http->posted && !http->depth)
        loop_post(http->loop, deliver_posted, http);
    http->posted = true;
}

static int check_start(const struct http_call *call, struct mono now, struct err *err)
{
    if (call->start_by.ns == 0 || !mono_reached(call->start_by, now))
        return 0;
    return err_set(err, ERR_CANCELLED, "not sent: it waited for longer than it may");
}

static void start(struct http_call *call)
{
    struct http *http = call->http;
    struct err err = {.code = ERR_NONE};
    http_call_move(call, HTTP_RUNNING);
    struct mono now = loop_now(http->loop);
    if (http_run_new(call, now, &err) || check_start(call, now, &err) || http_multi_add(call, &err)) {
        http_fail(call, &err);
        deliver_soon(http);
        return;
    }
    if (!call->urgent)
        window_began(&http->window, http->n_windowed);
    wake_at(http, call_deadline(call));
}

static bool may_start(const struct http *http, struct mono now)
{
    if (http->http1_only && http->n_windowed >= http->max_connections)
        return false;
    return window_open(&http->window, http->n_windowed, now);
}

static void pump(struct http *http)
{
    if (http->in_curl || http->closed)
        return;
    while (!TAILQ_EMPTY(&http->urgent))
        start(TAILQ_FIRST(&http->urgent));
    if (TAILQ_EMPTY(&http->queue))
        return;
    struct mono now = loop_now(http->loop);
    while (!TAILQ_EMPTY(&http->queue) && may_start(http, now))
        start(TAILQ_FIRST(&http->queue));
    if (!TAILQ_EMPTY(&http->queue) && mono_before(now, http->window.closed_until))
        wake_at(http, http->window.closed_until);
}

/* ---- ending ---- */

static struct http_reply reply_of(const struct http_call *call)
{
    const struct http_run *run = call->run;
    return (struct http_reply){
        .status = run->status, .body = run->body.data ? run->body.data : "", .body_len = run->body.len, .err = run->err,
        .began = run->began, .ended = run->ended, .headers = &run->headers,
    };
}

/* Failures to connect say nothing about the load of the server: they leave the window alone. */
static void tell_window(struct http_call *call)
{
    const struct http_run *run = call->run;
    bool busy = run->status == 429 || run->status == 503;
    if (call->urgent || (run->err.code != ERR_NONE && run->err.code != ERR_TIMEOUT))
        return;
    struct http_reply reply = reply_of(call);
    bool trouble = run->err.code == ERR_TIMEOUT || run->status == 429 || run->status >= 500;
    window_ended(&call->http->window, run->began, run->ended, trouble, busy ? http_retry_after_ms(&reply) : -1);
}

static void note_transfer(struct http_call *call)
{
    struct http_run *run = call->run;
    curl_off_t before_us = 0;
    long status = 0, version = 0;
    curl_easy_getinfo(run->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(run->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(run->easy, CURLINFO_PRETRANSFER_TIME_T, &before_us);
    run->status = (int)status;
    if (!status)
        return;
    call->http->http1_only = version == CURL_HTTP_VERSION_1_1 || version == CURL_HTTP_VERSION_1_0;
    if (before_us > 0)
        run->began = mono_min((struct mono){run->began.ns + before_us * 1000}, run->ended);   /* a connection had to be found first */
}

static void finish(struct http_call *call)
{
    tell_window(call);
    http_run_detach(call);
    http_call_move(call, HTTP_FINISHED);
}

void http_finish(struct http_call *call, CURLcode result)
{
    if (call->state != HTTP_RUNNING)
        return;
    call->run->ended = loop_now(call->http->loop);
    note_transfer(call);
    if (result != CURLE_OK && call->run->err.code == ERR_NONE)
        http_error(call, result, &call->run->err);
    finish(call);
}

void http_fail(struct http_call *call, const struct err *err)
{
    call->run->ended = loop_now(call->http->loop);
    call->run->err = *err;
    finish(call);
}

static void deliver(struct http *http)
{
    while (!http->closed && !TAILQ_EMPTY(&http->finished)) {
        struct http_call *call = TAILQ_FIRST(&http->finished);
        http_call_move(call, HTTP_DONE);
        struct http_reply reply = reply_of(call);
        call->on_done(call->data, &reply);
        http_call_free(call);
    }
}

static void destroy(struct http *http)
{
    loop_post_cancel(http->loop, http);
    http_call_drop_all(&http->doomed);
    http_call_drop_all(&http->running);
    http_call_drop_all(&http->finished);
    http_call_drop_all(&http->urgent);
    http_call_drop_all(&http->queue);
    http_easy_free_spares(http, 0);
    http_multi_free_all(http);
    loop_timer_free(&http->alarm);
    free(http->user_agent);
    free(http->ca_file);
    free(http->tls_server_name);
    free(http->no_proxy);
    secret_free(&http->ca_pem);
    secret_free(&http->cert_pem);
    secret_free(&http->key_pem);
    secret_free(&http->proxy);
    free(http);
    curl_global_cleanup();
}

/* Nothing under way: no timer, and the memory of a burst goes back. */
static void rest(struct http *http)
{
    http->alarm_at = MONO_NEVER;
    loop_timer_set(http->alarm, MONO_NEVER);
    http_easy_free_spares(http, SPARES_AT_REST);
}

void http_enter(struct http *http)
{
    http->depth++;
}

void http_leave(struct http *http)
{
    if (http->depth > 1) {
        http->depth--;
        return;
    }
    http_call_drop_all(&http->doomed);
    do {
        http->posted = false;
        pump(http);   /* before the callbacks: the server works while they run */
        deliver(http);
    } while (http->posted && !http->closed);
    http->depth--;
    if (http->closed) {
        destroy(http);
        return;
    }
    http_multi_sweep(http);
    if (!http->n_running && !http->n_queued)
        rest(http);
}

static void deliver_posted(void *data)
{
    struct http *http = data;
    http_enter(http);
    http_leave(http);
}

/* ---- the interface ---- */

/* libcurl would name a wrong proxy, with its password, when it is first used. */
static bool proxy_is_usable(const char *proxy)
{
    static const char *const schemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
    bool known = false;
    char *scheme = NULL;
    CURLU *url = curl_url();
    CHECK(url != NULL);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
    if (!code && !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0))
        for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
            known = known || strcmp(scheme, schemes[i]) == 0;
    curl_free(scheme);
    curl_url_cleanup(url);
    return known;
}

static int check_options(const struct http_options *o, struct err *err)
{
    if (o->proxy && *o->proxy && !proxy_is_usable(o->proxy))
        return err_set(err, ERR_CONFIG, "the proxy is not a URL such as http://proxy.example:3128 (http, https, socks4, socks5)");
    if (o->ca_file && access(o->ca_file, R_OK))
        return err_set(err, ERR_CONFIG, "CA_FILE: cannot read %s: %s", o->ca_file, strerror(errno));
    if (!o->cert_pem != !o->key_pem)
        return err_set(err, ERR_CONFIG, "a client certificate needs its key, and a key its certificate");
    return 0;
}

struct http *http_open(struct loop *loop, const struct http_options *o, struct err *err)
{
    if (check_options(o, err))
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        err_set(err, ERR_CONFIG, "libcurl does not start");
        return NULL;
    }
    struct http *http = xcalloc(1, sizeof *http);
    *http = (struct http){
        .loop = loop, .alarm_at = MONO_NEVER, .insecure = o->insecure, .long_lived = o->long_lived,
        .max_connections = o->max_connections ? o->max_connections : MAX_CONNECTIONS,
        .user_agent = xstrdup(o->user_agent), .ca_file = xstrdup(o->ca_file), .ca_pem = xstrdup(o->ca_pem),
        .cert_pem = xstrdup(o->cert_pem), .key_pem = xstrdup(o->key_pem), .tls_server_name = xstrdup(o->tls_server_name),
        .proxy = xstrdup(o->proxy), .no_proxy = xstrdup(o->no_proxy),
    };
    http->alarm = loop_timer_new(loop, on_alarm, http);
    TAILQ_INIT(&http->urgent);
    TAILQ_INIT(&http->queue);
    TAILQ_INIT(&http->running);
    TAILQ_INIT(&http->finished);
    TAILQ_INIT(&http->doomed);
    window_init(&http->window);
    http_multi_new(http);
    return http;
}

void http_close(struct http **phttp)
{
    struct http *http = *phttp;
    *phttp = NULL;
    if (!http)
        return;
    http->closed = true;
    if (!http->depth)
        destroy(http);
}

struct http_call *http_send(struct http *http, const struct http_request *request)
{
    CHECK(!http->closed && request->on_done);
    struct http_call *call = http_call_new(http, request);
    http_call_put(call, HTTP_QUEUED);
    if (strncasecmp(call->url, "http:", 5) == 0)
        http->http1_only = true;
    pump(http);
    return call;
}

void http_cancel(struct http_call *call)
{
    struct http *http = call->http;
    if (call->state == HTTP_DONE || call->state == HTTP_DOOMED)
        return;   /* its own callback is running */
    if (http->in_curl && call->state == HTTP_RUNNING) {
        http_call_move(call, HTTP_DOOMED);
        return;
    }
    http_call_drop(call);
    deliver_soon(http);   /* the place is free for the next */
}

void http_drop_connections(struct http *http)
{
    http_multi_new(http);
    if (!http->depth)
        http_multi_sweep(http);
}

unsigned http_in_flight(const struct http *http)
{
    return http->n_running;
}

unsigned http_queued(const struct http *http)
{
    return http->n_queued;
}
