/* curl multi <-> libev. State hangs on sockets, never on easy handles: a socket may be libcurl's own business (resolver, happy eyeballs, a
 * connection that waits in the pool). A watcher may be freed by libcurl while its callback runs: it is not touched after socket_action. */
#include "common/http_priv.h"
#include "common/mem.h"

#include <stddef.h>
#include <stdlib.h>

struct http_socket {
    ev_io watcher;   /* first: the callback's pointer is ours */
    struct http_multi *multi;
    LIST_ENTRY(http_socket) link;
};

struct http_multi {
    ev_timer timer;
    struct http *http;
    CURLM *curl;
    LIST_HEAD(, http_socket) sockets;
    unsigned calls;
    bool broken;
    struct mono heard;
    struct http_multi *next;
};

/* ---- libcurl -> libev ---- */

static void on_socket(struct ev_loop *ev, ev_io *w, int events);
static void on_timer(struct ev_loop *ev, ev_timer *w, int events);

static struct http_socket *socket_new(struct http_multi *m, curl_socket_t fd)
{
    struct http_socket *s = xcalloc(1, sizeof *s);
    s->multi = m;
    ev_io_init(&s->watcher, on_socket, fd, 0);
    LIST_INSERT_HEAD(&m->sockets, s, link);
    curl_multi_assign(m->curl, fd, s);
    return s;
}

static void socket_free(struct http_socket *s)
{
    ev_io_stop(loop_ev(s->multi->http->loop), &s->watcher);   /* also drops an event that is due */
    LIST_REMOVE(s, link);
    free(s);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    (void)easy;
    struct http_multi *m = data;
    struct http_socket *s = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            socket_free(s);
        curl_multi_assign(m->curl, fd, NULL);
        return 0;
    }
    if (!s)
        s = socket_new(m, fd);
    struct ev_loop *ev = loop_ev(m->http->loop);
    ev_io_stop(ev, &s->watcher);
    ev_io_set(&s->watcher, fd, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (what & CURL_POLL_INOUT)
        ev_io_start(ev, &s->watcher);
    return 0;
}

/* Only arms: libcurl must not be called from here, not even for 0 ms. */
static int on_curl_timer(CURLM *curl, long timeout_ms, void *data)
{
    (void)curl;
    struct http_multi *m = data;
    struct ev_loop *ev = loop_ev(m->http->loop);
    ev_timer_stop(ev, &m->timer);
    if (timeout_ms < 0)
        return 0;
    ev_timer_set(&m->timer, (double)timeout_ms / 1000.0, 0.);
    ev_timer_start(ev, &m->timer);
    return 0;
}

/* ---- libev -> libcurl ---- */

static void collect(struct http_multi *m)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(m->curl, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURL *easy = msg->easy_handle;   /* msg dies with the removal */
        CURLcode result = msg->data.result;
        char *call = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
        http_finish((struct http_call *)(void *)call, result);
    }
}

/* The state of every transfer is uncertain: all fail, and new calls get a new multi. */
static void give_up(struct http_multi *m, CURLMcode code)
{
    struct http *http = m->http;
    struct http_call *call, *next;
    m->broken = true;
    for (call = TAILQ_FIRST(&http->running); call; call = next) {
        next = TAILQ_NEXT(call, link);
        if (call->run->multi != m)
            continue;
        struct err err;
        char origin[HTTP_ORIGIN_MAX];
        err_set(&err, ERR_IO, "%s: connections lost: %s", http_origin(call->url, origin), curl_multi_strerror(code));
        http_fail(call, &err);
    }
    if (http->multis == m)
        http_multi_new(http);
}

static void act(struct http_multi *m, curl_socket_t fd, int events)
{
    struct http *http = m->http;
    int running;
    http_enter(http);
    http->in_curl = true;
    CURLMcode code = curl_multi_socket_action(m->curl, fd, events, &running);
    http->in_curl = false;
    if (code == CURLM_OK)
        collect(m);
    else
        give_up(m, code);
    http_leave(http);   /* m and http may be gone now */
}

static void on_socket(struct ev_loop *ev, ev_io *w, int events)
{
    (void)ev;
    struct http_multi *m = ((struct http_socket *)(void *)w)->multi;
    int ready = events & EV_READ ? CURL_CSELECT_IN : 0;
    ready |= events & EV_WRITE ? CURL_CSELECT_OUT : 0;
    ready |= events & EV_ERROR ? CURL_CSELECT_ERR : 0;
    act(m, w->fd, ready);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev;
    (void)events;
    act((struct http_multi *)(void *)((char *)w - offsetof(struct http_multi, timer)), CURL_SOCKET_TIMEOUT, 0);
}

/* ---- for http.c ---- */

struct http_multi *http_multi_new(struct http *http)
{
    struct http_multi *m = xcalloc(1, sizeof *m);
    m->http = http;
    m->heard = loop_now(http->loop);
    LIST_INIT(&m->sockets);
    ev_timer_init(&m->timer, on_timer, 0., 0.);
    m->curl = curl_multi_init();
    CHECK(m->curl != NULL);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    if (!http->long_lived) {
        /* Room beyond our own limit, so that an urgent call does not wait behind others inside libcurl. */
        curl_multi_setopt(m->curl, CURLMOPT_MAX_HOST_CONNECTIONS, (long)http->max_connections + 2);
        curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)http->max_connections + 2);
    }
    m->next = http->multis;
    http->multis = m;
    return m;
}

struct http_multi *http_multi_current(const struct http *http)
{
    return http->multis;
}

int http_multi_add(struct http_call *call, struct err *err)
{
    struct http_multi *m = call->http->multis;
    CURLMcode code = curl_multi_add_handle(m->curl, call->run->easy);
    if (code != CURLM_OK)
        return err_set(err, ERR_IO, "cannot start the call: %s", curl_multi_strerror(code));
    call->run->multi = m;
    m->calls++;
    return 0;
}

bool http_multi_remove(struct http_call *call)
{
    struct http_multi *m = call->run->multi;
    if (!m)
        return true;
    m->calls--;
    call->run->multi = NULL;
    return curl_multi_remove_handle(m->curl, call->run->easy) == CURLM_OK && !m->broken;
}

void http_multi_heard(struct http_multi *multi, struct mono now)
{
    multi->heard = now;
}

struct mono http_multi_last_heard(const struct http_multi *multi)
{
    return multi->heard;
}

static void multi_free(struct http_multi *m)
{
    curl_multi_cleanup(m->curl);   /* may still call both callbacks */
    while (!LIST_EMPTY(&m->sockets))
        socket_free(LIST_FIRST(&m->sockets));
    ev_timer_stop(loop_ev(m->http->loop), &m->timer);
    free(m);
}

void http_multi_sweep(struct http *http)
{
    struct http_multi **p = &http->multis->next;
    while (*p) {
        struct http_multi *m = *p;
        if (m->calls) {
            p = &m->next;
            continue;
        }
        *p = m->next;
        multi_free(m);
    }
}

void http_multi_free_all(struct http *http)
{
    while (http->multis) {
        struct http_multi *m = http->multis;
        http->multis = m->next;
        multi_free(m);
    }
}
