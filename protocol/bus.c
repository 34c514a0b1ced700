#include "protocol/bus.h"

#include "protocol/bus_parts.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEADY_MS = 10000,            /* a connection that lived this long ends a row of failures */
    COMPLAINT_MS = 10000,         /* at most one warning about accepted connections in this time */
    SAME_COMPLAINT_MS = 600000,   /* and the same one not before this */
};

bool bus_live(const struct bus_peer *peer)
{
    return peer->session.up && !peer->dead && !peer->parting;
}

static struct bus_peer *find(const struct bus *bus, enum role role)
{
    for (struct bus_peer *p = bus->peers; p; p = p->next)
        if (bus_live(p) && p->session.peer == role)
            return p;
    return NULL;
}

/* ---- the end of a connection ---- */

static void announce_down(struct bus_peer *peer)
{
    if (!peer->announced)
        return;
    peer->announced = false;
    if (peer->session.peer != ROLE_AZPCTL)
        log_info("peer disconnected", kv_s("peer", role_name(peer->session.peer)));
    peer->bus->ops.on_peer(peer->bus->ops.data, peer, false);
}

static struct bus_peer **find_dead(struct bus *bus)
{
    for (struct bus_peer **p = &bus->peers; *p; p = &(*p)->next)
        if ((*p)->dead)
            return p;
    return NULL;
}

/* Runs from a post: nothing is freed while its own callback or the caller of bus_send still uses it. */
static void reap(void *data)
{
    struct bus *bus = data;
    bus->reaping = false;
    for (struct bus_peer **p; (p = find_dead(bus)) != NULL;) {
        struct bus_peer *peer = *p;
        if (peer->announced) {
            announce_down(peer);
            continue;             /* the list may have changed */
        }
        *p = peer->next;
        peer_free(&peer);
    }
}

void bus_complain(struct bus *bus, const struct err *err)
{
    struct mono now = loop_now(bus->loop);
    bool same = strcmp(err->text, bus->last_complaint.text) == 0;
    if (bus->complained.ns && mono_ms_between(bus->complained, now) < (same ? SAME_COMPLAINT_MS : COMPLAINT_MS)) {
        bus->unsaid++;
        return;
    }
    log_warn("connection dropped", kv_err(err), kv_i("more_like_it", (int64_t)bus->unsaid));
    bus->last_complaint = *err;
    bus->complained = now;
    bus->unsaid = 0;
}

static void on_dead(struct bus_peer *peer, const struct err *err)
{
    struct bus *bus = peer->bus;
    struct dialer *dialer = dial_of(peer);
    if (!bus->reaping)
        loop_post(bus->loop, reap, bus);
    bus->reaping = true;
    if (dialer) {
        dialer->peer = NULL;
        if (mono_reached(mono_add_ms(peer->opened, STEADY_MS), loop_now(bus->loop)))
            dialer->failures = 0;
        dial_failed(dialer, err);
    } else if (err->code != ERR_IO && err->code != ERR_CANCELLED) {
        bus_complain(bus, err);
    }
}

void bus_drop(struct bus_peer *peer, enum err_code code, const char *why)
{
    struct err err;
    err_set(&err, code, "%s", why);
    peer_drop(peer, &err);
}

/* ---- what a frame means ---- */

/* A process that was restarted is back before its old connection is known to be dead. azpctl may come in numbers. */
static void replace_older(struct bus_peer *peer)
{
    if (peer->session.peer == ROLE_AZPCTL)
        return;
    for (struct bus_peer *p = peer->bus->peers; p; p = p->next) {
        if (p == peer || !bus_live(p) || p->session.peer != peer->session.peer)
            continue;
        bus_drop(p, ERR_CANCELLED, "replaced by a newer connection");
        announce_down(p);
        return;
    }
}

static void peer_is_up(struct bus_peer *peer)
{
    struct dialer *dialer = dial_of(peer);
    peer_hello_done(peer);
    if (dialer)
        dialer->complained = false;
    replace_older(peer);
    if (peer->dead)
        return;
    if (peer->session.peer != ROLE_AZPCTL)
        log_info("peer connected", kv_s("peer", role_name(peer->session.peer)));
    peer->announced = true;
    peer->bus->ops.on_peer(peer->bus->ops.data, peer, true);
}

/* A refusal is logged here: the peer's death will only say that we closed. */
static void refuse(struct bus_peer *peer, const struct msg *reply, const struct err *why)
{
    struct dialer *dialer = dial_of(peer);
    struct err err;
    if (!dialer)
        bus_complain(peer->bus, why);
    else if (!dialer->complained)
        log_warn("peer refused", kv_s("peer", role_name(dialer->role)), kv_err(why));
    if (dialer)
        dialer->complained = true;
    peer_send(peer, reply, &err);
    peer_part(peer);
}

static void judge(struct bus_peer *peer, const struct msg *msg, uint64_t number)
{
    struct msg reply;
    struct err err = {.code = ERR_NONE};
    switch (session_receive(&peer->session, msg, number, &reply, &err)) {
    case SESSION_UP: peer_is_up(peer); return;
    case SESSION_DELIVER: peer->bus->ops.on_message(peer->bus->ops.data, peer, msg); return;
    case SESSION_ANSWER: peer_send(peer, &reply, &err); return;
    case SESSION_REFUSE: refuse(peer, &reply, &err); return;
    case SESSION_CLOSE: peer_drop(peer, &err); return;
    }
}

static void trace(const struct bus_peer *peer, const struct msg *msg, size_t n)
{
    if (!log_on(LOG_DEBUG))
        return;
    const char *from = peer->session.up ? role_name(peer->session.peer) : msg->type == MSG_hello ? msg->u.hello.role : "peer";
    char *line = xasprintf("%s -> %s %s %zuB", from, role_name(peer->bus->role), msg_name(msg->type), n + 4);
    log_debug(line, KV_NONE);
    free(line);
}

static void on_frame(struct bus_peer *peer, const char *body, size_t n)
{
    struct msg *msg = NULL;
    struct err err;
    uint64_t number = 0;
    if (msg_decode(body, n, &msg, &number, &err) && err.code != ERR_NOT_FOUND) {
        peer_drop(peer, &err);
        return;
    }
    if (msg)
        trace(peer, msg, n);
    judge(peer, msg, number);
    msg_free(&msg);
}

static const struct peer_ops peer_ops = {.on_frame = on_frame, .on_dead = on_dead};

static void say_hello(struct bus_peer *peer)
{
    struct bus *bus = peer->bus;
    struct err err;
    struct msg hello = {
        .type = MSG_hello,
        .u.hello = {.version = PROTOCOL_VERSION, .role = role_name(bus->role), .build = bus->build, .instance = bus->instance},
    };
    peer_send(peer, &hello, &err);
}

void bus_adopt(struct bus *bus, struct dialer *dialer, int fd, unsigned may_be)
{
    struct session session = {.self = bus->role, .may_be = may_be};
    struct bus_peer *peer = peer_new(bus, bus->loop, &peer_ops, fd, &session);
    peer->next = bus->peers;
    bus->peers = peer;
    if (dialer)
        dialer->peer = peer;
    say_hello(peer);
}

/* ---- life ---- */

struct bus *bus_open(struct loop *loop, const struct bus_options *options, struct err *err)
{
    struct bus *bus = xcalloc(1, sizeof *bus);
    *bus = (struct bus){.loop = loop, .role = options->role, .ops = *options, .fd = -1, .run_dir = xstrdup(options->run_dir)};
    bus->build = xstrdup(str_or_empty(options->build));
    bus->instance = xstrdup(str_or_empty(options->instance));
    if (peer_uids_parse(options->peer_uids, &bus->uids, err) || dial_check(options, err) || (options->listen && accept_start(bus, err)))
        bus_close(&bus);
    else
        dial_start(bus, options->dial);
    return bus;
}

/* Silent: the owner knows that it is leaving. Not from within a callback of the bus. */
void bus_close(struct bus **pbus)
{
    struct bus *bus = *pbus;
    *pbus = NULL;
    if (!bus)
        return;
    loop_post_cancel(bus->loop, bus);
    accept_stop(bus);
    for (struct bus_peer *p = bus->peers, *next; p; p = next) {
        next = p->next;
        peer_free(&p);
    }
    dial_stop(bus);
    free(bus->run_dir);
    free(bus->build);
    free(bus->instance);
    free(bus);
}

/* ---- for the owner ---- */

bool bus_up(const struct bus *bus, enum role role)
{
    return find(bus, role) != NULL;
}

static int send_to(struct bus_peer *peer, const struct msg *msg)
{
    struct err err;
    if (peer_send(peer, msg, &err) == 0)
        return 0;
    if (!peer->dead && !peer->deaf)
        log_error("message not sent", kv_s("type", msg_name(msg->type)), kv_err(&err));
    return -1;
}

int bus_send(struct bus *bus, enum role role, const struct msg *msg)
{
    struct bus_peer *peer = find(bus, role);
    return peer ? send_to(peer, msg) : -1;
}

int bus_reply(struct bus_peer *peer, const struct msg *msg)
{
    return bus_live(peer) ? send_to(peer, msg) : -1;
}

enum role bus_peer_role(const struct bus_peer *peer)
{
    return peer->session.peer;
}

bool bus_flushed(const struct bus *bus)
{
    for (const struct bus_peer *p = bus->peers; p; p = p->next)
        if (!peer_flushed(p))
            return false;
    return true;
}

size_t bus_peers(const struct bus *bus, enum role role)
{
    size_t n = 0;
    for (const struct bus_peer *p = bus->peers; p; p = p->next)
        n += bus_live(p) && p->session.peer == role;
    return n;
}
