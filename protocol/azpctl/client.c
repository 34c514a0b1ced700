#include "protocol/azpctl/client.h"

#include "protocol/frame.h"
#include "protocol/session.h"
#include "protocol/socket.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 64 << 10, PARTS_MAX = 4096 };

struct call {
    struct answer *answer;
    int fd;                       /* -1: over */
    struct session session;
    struct buf in;
};

static void end(struct call *call)
{
    if (call->fd >= 0)
        close(call->fd);
    call->fd = -1;
}

static void fail(struct call *call, enum err_code code, const char *why)
{
    err_set(&call->answer->err, code, "%s", why);
    end(call);
}

/* A few hundred bytes into a fresh socket: they fit at once, or something is wrong. */
static void say(struct call *call, uint64_t request)
{
    const struct msg hello = {.type = MSG_hello, .u.hello = {.version = PROTOCOL_VERSION, .role = role_name(ROLE_AZPCTL), .build = daemon_build()}};
    const struct msg status = {.type = MSG_status, .u.status = {.request = request}};
    struct buf out;
    buf_init(&out, 4096);
    CHECK(msg_encode(&hello, &out, NULL) == 0 && msg_encode(&status, &out, NULL) == 0);
    if (send(call->fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
        fail(call, ERR_IO, strerror(errno));
    buf_done(&out);
}

static void start(struct call *call, const char *run_dir, enum role role, uint64_t request)
{
    call->session = (struct session){.self = ROLE_AZPCTL, .may_be = 1u << role};
    buf_init(&call->in, PROTOCOL_FRAME_MAX + FRAME_HEAD + CHUNK);
    call->answer->asked = true;
    call->fd = socket_dial(run_dir, role, &call->answer->err);
    if (call->fd >= 0)
        say(call, request);
}

static void keep(struct answer *answer, struct msg *msg)
{
    answer->parts = xreallocarray(answer->parts, answer->n + 1, sizeof(struct msg *));
    answer->parts[answer->n++] = msg;
}

/* Takes msg when it returns true. */
static bool deliver(struct call *call, struct msg *msg)
{
    if (msg->type == MSG_unsupported) {
        fail(call, ERR_INVALID, "it does not know our question: it is of another release");
        return false;
    }
    if (msg->type != MSG_status_reply)
        return false;
    keep(call->answer, msg);
    call->answer->whole = msg->u.status_reply.last;
    if (call->answer->whole)
        end(call);
    else if (call->answer->n == PARTS_MAX)
        fail(call, ERR_TOO_LARGE, "its answer has no end");
    return true;
}

static void take_frame(struct call *call, const char *body, size_t n)
{
    struct msg *msg = NULL, reply;
    uint64_t number = 0;
    struct err *err = &call->answer->err;
    bool taken = false;
    if (msg_decode(body, n, &msg, &number, err) && err->code != ERR_NOT_FOUND) {
        end(call);
        return;
    }
    switch (session_receive(&call->session, msg, number, &reply, err)) {
    case SESSION_UP:
    case SESSION_ANSWER: break;   /* of no interest in the second that we are here */
    case SESSION_DELIVER: taken = deliver(call, msg); break;
    case SESSION_REFUSE:
    case SESSION_CLOSE: end(call); break;
    }
    if (!taken)
        msg_free(&msg);
}

static void take_frames(struct call *call)
{
    size_t used = 0, body = 0;
    int whole = 0;
    while (call->fd >= 0 && (whole = frame_peek(call->in.data + used, call->in.len - used, &body, &call->answer->err)) == 1) {
        take_frame(call, call->in.data + used + FRAME_HEAD, body);
        used += FRAME_HEAD + body;
    }
    buf_consume(&call->in, used);
    if (whole < 0)
        end(call);
}

static void receive(struct call *call)
{
    char *chunk = xcalloc(1, CHUNK);
    ssize_t n = recv(call->fd, chunk, CHUNK, MSG_DONTWAIT);
    if (n == 0)
        fail(call, ERR_IO, "it closed the connection");
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        fail(call, ERR_IO, strerror(errno));
    else if (n > 0) {
        CHECK(buf_append(&call->in, chunk, (size_t)n) == 0);
        take_frames(call);
    }
    free(chunk);
}

/* false: nobody is left to wait for, or the time is up. */
static bool wait_once(struct call calls[PROCESSES], struct mono deadline)
{
    struct pollfd fds[PROCESSES];
    int open = 0;
    for (size_t i = 0; i < PROCESSES; i++) {
        fds[i] = (struct pollfd){.fd = calls[i].fd, .events = POLLIN};
        open += calls[i].fd >= 0;
    }
    int64_t left = mono_ms_between(clock_mono(), deadline);
    if (!open || left <= 0)
        return false;
    if (poll(fds, PROCESSES, (int)left) < 0)
        return errno == EINTR;
    for (size_t i = 0; i < PROCESSES; i++)
        if (calls[i].fd >= 0 && fds[i].revents)
            receive(&calls[i]);
    return true;
}

void client_ask(const char *run_dir, unsigned roles, uint64_t request, int64_t timeout_ms, struct answers *ret)
{
    struct call calls[PROCESSES];
    struct mono deadline = mono_add_ms(clock_mono(), timeout_ms);
    *ret = (struct answers){.of = {{.asked = false}}};
    for (size_t i = 0; i < PROCESSES; i++) {
        calls[i] = (struct call){.answer = &ret->of[i], .fd = -1};
        if (roles & 1u << i)
            start(&calls[i], run_dir, (enum role)i, request);
    }
    while (wait_once(calls, deadline))
        ;
    for (size_t i = 0; i < PROCESSES; i++) {
        if (calls[i].fd >= 0)
            fail(&calls[i], ERR_TIMEOUT, "it does not answer");
        buf_done(&calls[i].in);
    }
}

void client_free(struct answers *answers)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        for (size_t k = 0; k < answers->of[i].n; k++)
            msg_free(&answers->of[i].parts[k]);
        free(answers->of[i].parts);
    }
}

size_t client_whole(const struct answers *answers)
{
    size_t n = 0;
    for (size_t i = 0; i < PROCESSES; i++)
        n += answers->of[i].whole;
    return n;
}

size_t client_asked(const struct answers *answers)
{
    size_t n = 0;
    for (size_t i = 0; i < PROCESSES; i++)
        n += answers->of[i].asked;
    return n;
}

const struct msg_status_reply *client_first(const struct answer *answer)
{
    return answer->n ? &answer->parts[0]->u.status_reply : NULL;
}
