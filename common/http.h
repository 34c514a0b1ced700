/* HTTP client: one libcurl multi on the loop. Calls are queued and sent through a window that adapts (common/window.h); HTTP/2 is multiplexed
 * where the server speaks it. Every deadline is our own timer. Redirects are never followed, environment proxies never used by themselves. */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include "common/err.h"
#include "common/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct http;
struct http_call;

/* All strings are copied. NULL = not set. PEM texts are secrets: wiped at http_close. */
struct http_options {
    const char *user_agent;
    const char *ca_file;          /* instead of the system's store; re-read by libcurl at most 5 min after it changed */
    const char *ca_pem;
    const char *cert_pem, *key_pem;
    const char *tls_server_name;  /* name to verify instead of the URL's host (sent as SNI; Host stays the URL's); no_proxy is matched against it */
    bool insecure;                /* do not verify */
    const char *proxy;            /* http://, https://, socks5:// */
    const char *no_proxy;         /* curl's CURLOPT_NOPROXY list */
    bool long_lived;              /* for watches: HTTP/1.1, one connection per call, no window */
    unsigned max_connections;     /* to one host, where only HTTP/1.1 is spoken; 0 = 8 */
};

struct http_reply {
    int status;                   /* 0 when no reply came: see err */
    const char *body;             /* NUL-terminated; what was streamed to on_data is not in it */
    size_t body_len;
    struct err err;               /* ERR_IO, ERR_TIMEOUT, ERR_TOO_LARGE, ERR_CANCELLED, or what on_data returned; ERR_NONE with any status */
    struct mono began;            /* when the request was handed to the connection (not when it was queued) */
    struct mono ended;
    const struct http_headers *headers;
};

/* Value of a reply header, case-insensitive, first occurrence; NULL when absent. Lives as long as the reply. */
const char *http_header(const struct http_reply *reply, const char *name);
/* Retry-After in ms (seconds or HTTP date); -1 when absent or nonsense. */
long http_retry_after_ms(const struct http_reply *reply);
/* True when the reply's Content-Type is application/json (or +json), whatever its parameters. */
bool http_is_json(const struct http_reply *reply);

/* Bytes of a 2xx body as they come. Return -1 with err filled to end the call with that error. */
typedef int http_data_fn(void *data, const char *bytes, size_t n, struct err *err);
/* Once per call, never from within http_send. The reply dies when it returns. May send and cancel other calls. */
typedef void http_done_fn(void *data, const struct http_reply *reply);

/* Everything is copied, except data. Header values that are secrets are wiped with the call. */
struct http_request {
    const char *method;           /* "GET"... */
    const char *url;
    const char *const *headers;   /* "Name: value", NULL-terminated; may be NULL */
    const char *body;             /* NULL = none */
    size_t body_len;
    int64_t deadline_ms;          /* from when it is sent; 0 = 30 s; -1 = none (watches) */
    struct mono start_by;         /* a call still queued then is never sent: ERR_CANCELLED; zero = no limit */
    int64_t idle_ms;              /* fail with ERR_TIMEOUT when no byte came for so long; 0 = off */
    size_t max_body;              /* 0 = 4 MiB; counts what is kept, not what is streamed */
    bool urgent;                  /* before all queued calls and outside the window (leases) */
    bool gzip;                    /* ask for compression */
    http_data_fn *on_data;        /* NULL = keep the body */
    http_done_fn *on_done;
    void *data;
};

struct http *http_open(struct loop *loop, const struct http_options *options, struct err *err);
void http_close(struct http **http);                             /* cancels what runs: no callback comes any more */
struct http_call *http_send(struct http *http, const struct http_request *request);
void http_cancel(struct http_call *call);                        /* no callback comes; the call is gone */
void http_drop_connections(struct http *http);                   /* new calls use fresh connections (rotated certificate) */
unsigned http_in_flight(const struct http *http);
unsigned http_queued(const struct http *http);

/* Percent-encodes one path segment or query value; the caller frees. */
char *http_escape(const char *text);

#endif
