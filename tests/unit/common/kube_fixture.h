/* For test_kube*.c: an API server of scripted replies on the test's own loop, so that every byte and every end comes when the test says. */
#ifndef TESTS_KUBE_FIXTURE_H
#define TESTS_KUBE_FIXTURE_H

#include "common/buf.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/kube.h"
#include "common/loop.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STEPS_MAX = 64, CONNECTIONS_MAX = 32, PATIENCE_MS = 8000 };

/* The reply to the next request whose "METHOD /path?query" contains `to`. A stream has no length: the test pushes lines and closes it. */
struct step {
    const char *to;
    int status;
    const char *body;       /* NULL: no reply at all, the connection is closed */
    const char *headers;    /* more header lines, each with \r\n; NULL */
    bool stream;
    bool silent;            /* the request is taken and not answered, until release() */
};

struct connection {
    int fd;
    struct loop_io *io;
    struct buf in;
    bool streaming, waiting;
};

static struct world {
    struct loop *loop;
    struct kube *kube;
    struct loop_io *listener;
    struct loop_timer *patience;
    int listen_fd, port;
    struct connection connections[CONNECTIONS_MAX];
    struct step steps[STEPS_MAX];
    size_t n_steps, n_requests;
    bool used[STEPS_MAX], late;
    char *requests[STEPS_MAX];     /* whole, in order of arrival */
    const bool *until;
    char dir[64], *kubeconfig;
} world;

static inline void script(struct step step)
{
    CHECK(world.n_steps < STEPS_MAX);
    world.steps[world.n_steps++] = step;
}

static inline const struct step *find_step(const char *request)
{
    size_t line = strcspn(request, "\r");
    for (size_t i = 0; i < world.n_steps; i++) {
        char *first = xstrndup(request, line);
        bool fits = !world.used[i] && strstr(first, world.steps[i].to);
        free(first);
        if (!fits)
            continue;
        world.used[i] = true;
        return &world.steps[i];
    }
    return NULL;
}

static inline void hang_up(struct connection *c)
{
    loop_io_free(&c->io);
    close(c->fd);
    buf_done(&c->in);
    c->fd = -1;
    c->streaming = false;
}

static inline void put_text(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        CHECK(sent > 0);
        text += sent;
        n -= (size_t)sent;
    }
}

static inline void answer(struct connection *c, const struct step *step)
{
    c->waiting = step->silent;
    if (step->silent)
        return;
    if (!step->body && !step->stream) {
        hang_up(c);
        return;
    }
    const char *body = str_or_empty(step->body);
    char *length = step->stream ? xstrdup("Connection: close\r\n") : xasprintf("Content-Length: %zu\r\n", strlen(body));
    char *text = xasprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n%s%s\r\n%s", step->status,
                           body[0] == '{' || step->stream ? "application/json" : "text/plain", str_or_empty(step->headers), length, body);
    put_text(c->fd, text, strlen(text));
    c->streaming = step->stream;
    free(text);
    free(length);
}

/* Length of the first whole request, 0 while it is not complete. */
static inline size_t request_length(const struct buf *in)
{
    const char *end = in->data ? strstr(in->data, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(in->data, "\r\nContent-Length:") : NULL;
    size_t n = end ? (size_t)(end + 4 - in->data) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0) : 0;
    return n <= in->len ? n : 0;
}

static inline void on_readable(int fd, int events, void *data)
{
    (void)events;
    struct connection *c = data;
    char bytes[65536];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) {
        hang_up(c);
        return;
    }
    buf_append(&c->in, bytes, (size_t)n);
    for (size_t len; c->fd >= 0 && (len = request_length(&c->in)) > 0;) {
        CHECK(world.n_requests < STEPS_MAX);
        char *request = world.requests[world.n_requests++] = xstrndup(c->in.data, len);
        buf_consume(&c->in, len);
        const struct step *step = find_step(request);
        if (!step)
            fprintf(stderr, "not in the script: %.*s\n", (int)strcspn(request, "\r"), request);
        answer(c, step ? step : &(struct step){.status = 599, .body = "not in the script"});
    }
}

static inline void on_accept(int fd, int events, void *data)
{
    (void)events;
    (void)data;
    struct connection *c = world.connections;
    while (c->fd >= 0)
        CHECK(++c < world.connections + CONNECTIONS_MAX);
    *c = (struct connection){.fd = accept(fd, NULL, NULL)};
    CHECK(c->fd >= 0);
    buf_init(&c->in, 1 << 20);
    c->io = loop_io_new(world.loop, c->fd, LOOP_READ, on_readable, c);
}

/* Lines for the one stream that is open. */
static inline void push(const char *text)
{
    for (struct connection *c = world.connections; c < world.connections + CONNECTIONS_MAX; c++)
        if (c->fd >= 0 && c->streaming)
            put_text(c->fd, text, strlen(text));
}

/* Answers all requests that were met with silence. */
static inline void release(struct step step)
{
    for (struct connection *c = world.connections; c < world.connections + CONNECTIONS_MAX; c++)
        if (c->fd >= 0 && c->waiting)
            answer(c, &step);
}

static inline void end_streams(void)
{
    for (struct connection *c = world.connections; c < world.connections + CONNECTIONS_MAX; c++)
        if (c->fd >= 0 && c->streaming)
            hang_up(c);
}

static inline void on_late(void *data)
{
    (void)data;
    world.late = true;
    loop_stop(world.loop);
}

static inline void look(void *data)
{
    (void)data;
    loop_stop(world.loop);
}

/* Runs the loop until condition() holds; false when that takes too long. */
static inline bool wait_until(bool (*condition)(void))
{
    world.late = false;
    loop_timer_set(world.patience, mono_add_ms(loop_now(world.loop), PATIENCE_MS));
    struct loop_timer *tick = loop_timer_new(world.loop, look, NULL);
    while (!condition() && !world.late) {
        loop_timer_set(tick, mono_add_ms(loop_now(world.loop), 5));
        loop_run(world.loop);
    }
    loop_timer_free(&tick);
    loop_timer_set(world.patience, MONO_NEVER);
    return !world.late;
}

static bool time_is_over;
static inline void end_time(void *data)
{
    (void)data;
    time_is_over = true;
}
static inline bool is_time_over(void) { return time_is_over; }

/* For "and nothing more happens": lets the loop run for so long. */
static inline void run_for(int64_t ms)
{
    time_is_over = false;
    struct loop_timer *timer = loop_timer_new(world.loop, end_time, NULL);
    loop_timer_set(timer, mono_add_ms(loop_now(world.loop), ms));
    CHECK(wait_until(is_time_over));
    loop_timer_free(&timer);
}

static inline char *path_in_dir(const char *name)
{
    return xasprintf("%s/%s", world.dir, name);
}

static inline void write_file(const char *name, const char *text)
{
    char *path = path_in_dir(name);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    fclose(f);
    free(path);
}

/* user: the inside of the user stanza, in flow style. */
static inline void world_open_as(const char *user, const struct kube_right *rights)
{
    struct err err = {.text = ""};
    char *text = xasprintf("clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d/base/'}}]\nusers: [{name: u, user: {%s}}]\n"
                           "contexts: [{name: x, context: {cluster: c, user: u, namespace: ns1}}]\ncurrent-context: x\n", world.port, user);
    write_file("config", text);
    free(text);
    world.kubeconfig = path_in_dir("config");
    struct kube_options options = {.kubeconfig = world.kubeconfig, .user_agent = "test/1", .rights = rights};
    world.kube = kube_open(world.loop, &options, &err);
    if (!world.kube)
        fail_msg("%s", err.text);
}

static inline int world_begin(void **state)
{
    (void)state;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    memset(&world, 0, sizeof world);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        world.connections[i].fd = -1;
    snprintf(world.dir, sizeof world.dir, "/tmp/test-kube-XXXXXX");
    CHECK(mkdtemp(world.dir) != NULL);
    world.loop = loop_new();
    world.patience = loop_timer_new(world.loop, on_late, NULL);
    world.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(world.listen_fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(world.listen_fd, 16) == 0);
    CHECK(getsockname(world.listen_fd, (struct sockaddr *)&addr, &len) == 0);
    world.port = ntohs(addr.sin_port);
    world.listener = loop_io_new(world.loop, world.listen_fd, LOOP_READ, on_accept, NULL);
    return 0;
}

static inline int world_end(void **state)
{
    (void)state;
    kube_close(&world.kube);
    for (struct connection *c = world.connections; c < world.connections + CONNECTIONS_MAX; c++)
        if (c->fd >= 0)
            hang_up(c);
    loop_io_free(&world.listener);
    close(world.listen_fd);
    loop_timer_free(&world.patience);
    loop_free(&world.loop);
    for (size_t i = 0; i < world.n_requests; i++)
        free(world.requests[i]);
    char *command = xasprintf("rm -rf %s", world.dir);
    int result = system(command);
    free(command);
    free(world.kubeconfig);
    return result;
}

#endif
