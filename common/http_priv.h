/* What the files of the HTTP client share; nobody else includes this.
 *   http.c         queue, window, deadlines, completion
 *   http_call.c    a call's texts and the list it is on
 *   http_easy.c    a call's options in libcurl's terms, and what libcurl hands back
 *   http_ev.c      curl multi <-> libev
 *   http_headers.c reply headers
 *   http_error.c   libcurl's failures as one sentence */
#ifndef COMMON_HTTP_PRIV_H
#define COMMON_HTTP_PRIV_H

#include "common/buf.h"
#include "common/http.h"
#include "common/window.h"

#include <curl/curl.h>
#include <ev.h>
#include <stdint.h>
#include <sys/queue.h>

/* A call is on exactly one list, told by its state; DONE (its callback runs) on none. */
enum http_state {
    HTTP_QUEUED,
    HTTP_RUNNING,
    HTTP_FINISHED,   /* off libcurl, its callback is due */
    HTTP_DOOMED,     /* cancelled inside a libcurl callback: taken off libcurl when that has returned */
    HTTP_DONE,
};

struct http_headers {
    struct buf lines;   /* "Name: value\0" each */
};

/* What a call needs only from its start to its end. */
struct http_run {
    CURL *easy;
    struct http_multi *multi;
    struct http_headers headers;
    struct buf body;
    struct mono began, ended, heard;   /* heard: last byte of the reply */
    struct mono deadline;              /* MONO_NEVER: none */
    int status;
    struct err err;
    char *host_line, *connect_to;      /* NULL unless the server's TLS name differs */
    /* Not copied by libcurl: these live until the handle is off the multi. */
    char curl_text[CURL_ERROR_SIZE];
    struct curl_slist connect_to_list;
    struct curl_slist lines[];         /* request headers; the texts are the call's */
};

struct http_call {
    struct http *http;
    TAILQ_ENTRY(http_call) link;
    struct http_run *run;      /* NULL while queued: a queued call is this struct and its texts */
    http_data_fn *on_data;
    http_done_fn *on_done;
    void *data;
    int64_t deadline_ms, idle_ms;
    struct mono start_by;
    size_t max_body, body_len, text_len;
    const char *method, *url, *body;   /* point into text */
    enum http_state state;
    unsigned n_headers;
    bool urgent, gzip, has_body;
    char text[];               /* headers first, each NUL-terminated, then method, URL, body; wiped with the call */
};
TAILQ_HEAD(http_list, http_call);

enum { HTTP_SPARE_MAX = 32 };

struct http {
    struct loop *loop;
    struct loop_timer *alarm;
    struct mono alarm_at;      /* never later than the nearest deadline; may be earlier */
    struct http_multi *multis; /* a list: the first takes new calls, the others finish theirs */
    struct http_list urgent, queue, running, finished, doomed;
    unsigned n_queued, n_running, n_windowed;
    struct window window;
    bool http1_only;           /* as far as known: then calls wait here, not for a connection inside libcurl */
    bool in_curl;              /* libcurl is on the stack and must not be entered */
    bool closed;               /* http_close came from a callback */
    bool posted;
    unsigned depth;            /* callbacks of ours on the stack */
    CURL *spare[HTTP_SPARE_MAX];
    unsigned n_spare;
    char *user_agent, *ca_file, *ca_pem, *cert_pem, *key_pem, *tls_server_name, *proxy, *no_proxy;
    bool insecure, long_lived;
    unsigned max_connections;
};

/* ---- http.c ---- */
void http_enter(struct http *http);
void http_leave(struct http *http);                              /* settles what callbacks left; may free http */
/* The call is over: off libcurl and on the list of those whose callback is due. */
void http_finish(struct http_call *call, CURLcode result);
void http_fail(struct http_call *call, const struct err *err);

/* ---- http_call.c ---- */
struct http_call *http_call_new(struct http *http, const struct http_request *request);   /* on no list yet */
void http_call_put(struct http_call *call, enum http_state state);
void http_call_move(struct http_call *call, enum http_state state);
void http_call_free(struct http_call *call);                     /* off its list and off libcurl already */
void http_call_drop(struct http_call *call);                     /* whatever its state: gone, without its callback */
void http_call_drop_all(struct http_list *list);

/* ---- http_easy.c ---- */
/* Makes the call's run with a handle ready to be added. -1 with err: the URL cannot be used. */
int http_run_new(struct http_call *call, struct mono now, struct err *err);
void http_run_detach(struct http_call *call);                    /* off libcurl; the reply stays */
void http_run_free(struct http_run **run);
void http_easy_free_spares(struct http *http, unsigned keep);

/* ---- http_ev.c ---- */
struct http_multi *http_multi_new(struct http *http);            /* put in front of http->multis */
struct http_multi *http_multi_current(const struct http *http);  /* the one that takes new calls */
int http_multi_add(struct http_call *call, struct err *err);     /* to the first multi */
bool http_multi_remove(struct http_call *call);                  /* false: the handle must not be used again */
void http_multi_heard(struct http_multi *multi, struct mono now);
struct mono http_multi_last_heard(const struct http_multi *multi);
void http_multi_sweep(struct http *http);                        /* frees those that take no new calls and have none left */
void http_multi_free_all(struct http *http);

/* ---- http_headers.c ---- */
void http_headers_init(struct http_headers *headers);
int http_headers_line(struct http_headers *headers, const char *bytes, size_t n);   /* as libcurl gives them; -1 = too many */
void http_headers_done(struct http_headers *headers);

/* ---- http_error.c ---- */
/* "scheme://host[:port]" of a URL for messages: no path, no user; returns out. */
enum { HTTP_ORIGIN_MAX = 160 };
const char *http_origin(const char *url, char out[HTTP_ORIGIN_MAX]);
void http_error(const struct http_call *call, CURLcode result, struct err *err);

#endif
