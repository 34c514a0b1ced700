/* A call as a thing: one allocation for all its texts, and the one list it is on. */
#include "common/http_priv.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { DEADLINE_MS = 30000, MAX_BODY = 4 * 1024 * 1024 };

/* ---- lists ---- */

static struct http_list *list_of(struct http_call *call)
{
    struct http *http = call->http;
    switch (call->state) {
    case HTTP_QUEUED: return call->urgent ? &http->urgent : &http->queue;
    case HTTP_RUNNING: return &http->running;
    case HTTP_FINISHED: return &http->finished;
    case HTTP_DOOMED: return &http->doomed;
    case HTTP_DONE: return NULL;
    }
    return NULL;
}

static void count(struct http_call *call, int by)
{
    struct http *http = call->http;
    if (call->state == HTTP_QUEUED)
        http->n_queued += (unsigned)by;
    if (call->state != HTTP_RUNNING)
        return;
    http->n_running += (unsigned)by;
    if (!call->urgent)
        http->n_windowed += (unsigned)by;
}

void http_call_put(struct http_call *call, enum http_state state)
{
    call->state = state;
    count(call, 1);
    if (list_of(call))
        TAILQ_INSERT_TAIL(list_of(call), call, link);
}

void http_call_move(struct http_call *call, enum http_state state)
{
    count(call, -1);
    if (list_of(call))
        TAILQ_REMOVE(list_of(call), call, link);
    http_call_put(call, state);
}

/* ---- calls ---- */

static size_t pack(char *at, const char *bytes, size_t n)
{
    if (n)
        memcpy(at, bytes, n);
    at[n] = '\0';
    return n + 1;
}

struct http_call *http_call_new(struct http *http, const struct http_request *r)
{
    size_t len = strlen(r->method) + strlen(r->url) + r->body_len + 3;
    unsigned n_headers = 0;
    for (; r->headers && r->headers[n_headers]; n_headers++)
        len += strlen(r->headers[n_headers]) + 1;
    struct http_call *call = xcalloc(1, sizeof *call + len);
    *call = (struct http_call){
        .http = http, .on_data = r->on_data, .on_done = r->on_done, .data = r->data, .body_len = r->body_len, .text_len = len,
        .deadline_ms = r->deadline_ms ? r->deadline_ms : DEADLINE_MS, .idle_ms = r->idle_ms,
        .start_by = r->start_by, .max_body = r->max_body ? r->max_body : MAX_BODY,
        .urgent = r->urgent || http->long_lived, .gzip = r->gzip, .has_body = r->body != NULL, .n_headers = n_headers,
    };
    char *at = call->text;
    for (unsigned i = 0; i < n_headers; i++)
        at += pack(at, r->headers[i], strlen(r->headers[i]));
    call->method = at;
    at += pack(at, r->method, strlen(r->method));
    call->url = at;
    at += pack(at, r->url, strlen(r->url));
    call->body = at;
    pack(at, r->body, r->body_len);
    return call;
}

void http_call_free(struct http_call *call)
{
    http_run_free(&call->run);
    explicit_bzero(call->text, call->text_len);
    free(call);
}

void http_call_drop(struct http_call *call)
{
    if (call->run && call->run->easy)
        http_run_detach(call);
    http_call_move(call, HTTP_DONE);
    http_call_free(call);
}

void http_call_drop_all(struct http_list *list)
{
    while (!TAILQ_EMPTY(list))
        http_call_drop(TAILQ_FIRST(list));
}
