#include "protocol/peer.h"

#include "protocol/frame.h"

#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 32 << 10, KEEP_BUFFER = 64 << 10 };

bool peer_flushed(const struct bus_peer *peer)
{
    return peer->dead || peer->sent == peer->out.len;
}

static void watch(struct bus_peer *peer)
{
    if (!peer->dead)
        loop_io_set(peer->io, (peer->parting ? 0 : LOOP_READ) | (peer_flushed(peer) ? 0 : LOOP_WRITE));
}

static void set_deadline(struct bus_peer *peer, struct mono deadline)
{
    peer->deadline = deadline;
    loop_timer_set(peer->timer, deadline);
}

void peer_drop(struct bus_peer *peer, const struct err *err)
{
    if (peer->dead)
        return;
    peer->dead = true;
    loop_io_set(peer->io, 0);
    loop_timer_set(peer->timer, MONO_NEVER);
    buf_done(&peer->out);
    peer->sent = 0;
    peer->ops->on_dead(peer, err);
}

static void drop(struct bus_peer *peer, enum err_code code, const char *why)
{
    struct err err;
    err_set(&err, code, "%s", why);
    peer_drop(peer, &err);
}

/* ---- out ---- */

/* Large buffers are given back: the queue is empty nearly always. */
static void compact(struct bus_peer *peer)
{
    if (peer->sent == peer->out.len) {
        if (peer->out.cap > KEEP_BUFFER)
            buf_done(&peer->out);
        buf_reset(&peer->out);
        peer->sent = 0;
    } else if (peer->sent > peer->out.len / 2) {
        buf_consume(&peer->out, peer->sent);
        peer->sent = 0;
    }
}

static void flush(struct bus_peer *peer)
{
    while (!peer_flushed(peer)) {
        ssize_t n = send(peer->fd, peer->out.data + peer->sent, peer->out.len - peer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {   /* it has gone, but what it said before may still be waiting to be read: its end comes as the end of that */
            peer->deaf = true;
            peer->sent = peer->out.len;
            break;
        }
        peer->sent += (size_t)n;
    }
    compact(peer);
    if (peer->parting && peer_flushed(peer))
        drop(peer, ERR_CANCELLED, "closed by us");
    watch(peer);
}

static void trace(enum role from, const char *to, const struct msg *msg, size_t size)
{
    if (!log_on(LOG_DEBUG))
        return;
    char line[96];
    snprintf(line, sizeof line, "%s -> %s %s %zuB", role_name(from), to, msg_name(msg->type), size);
    log_debug(line, KV_NONE);
}

int peer_send(struct bus_peer *peer, const struct msg *msg, struct err *err)
{
    if (peer->dead || peer->deaf || peer->parting)
        return err_set(err, ERR_UNAVAILABLE, "the connection is closed");
    compact(peer);
    size_t before = peer->out.len;
    if (msg_encode(msg, &peer->out, err)) {
        if (err->code == ERR_UNAVAILABLE)
            drop(peer, ERR_UNAVAILABLE, "it does not read: its queue is full");
        return -1;
    }
    trace(peer->session.self, peer->session.up ? role_name(peer->session.peer) : "peer", msg, peer->out.len - before);
    if (before == peer->sent)
        flush(peer);
    if (peer->dead || peer->deaf)
        return err_set(err, ERR_UNAVAILABLE, "the connection is closed");
    return 0;
}

void peer_part(struct bus_peer *peer)
{
    if (peer->dead)
        return;
    peer->parting = true;
    set_deadline(peer, mono_add_ms(loop_now(peer->loop), PEER_HELLO_MS));
    flush(peer);
}

/* ---- in ---- */

static void take_frames(struct bus_peer *peer)
{
    size_t used = 0, body = 0;
    struct err err;
    int whole = 0;
    while (!peer->dead && !peer->parting && (whole = frame_peek(peer->in.data + used, peer->in.len - used, &body, &err)) == 1) {
        peer->ops->on_frame(peer, peer->in.data + used + FRAME_HEAD, body);
        used += FRAME_HEAD + body;
    }
    if (peer->dead)
        return;
    if (whole < 0) {
        peer_drop(peer, &err);
        return;
    }
    buf_consume(&peer->in, used);
    if (!peer->in.len && peer->in.cap > KEEP_BUFFER)
        buf_done(&peer->in);
    if (!peer->session.up || peer->parting)
        return;
    if (!peer->in.len)
        set_deadline(peer, MONO_NEVER);
    else if (used || peer->deadline.ns == MONO_NEVER.ns)
        set_deadline(peer, mono_add_ms(loop_now(peer->loop), PEER_FRAME_MS));
}

/* false: nothing more to read now. */
static bool read_chunk(struct bus_peer *peer)
{
    char chunk[CHUNK];
    ssize_t n = recv(peer->fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        drop(peer, ERR_IO, strerror(errno));
        return false;
    }
    if (n == 0) {
        peer->clean = peer->in.len == 0;
        drop(peer, ERR_IO, peer->clean ? "it closed the connection" : "it closed the connection in the middle of a message");
        return false;
    }
    CHECK(buf_append(&peer->in, chunk, (size_t)n) == 0);
    take_frames(peer);
    return (size_t)n == sizeof chunk;
}

static void on_io(int fd, int events, void *data)
{
    (void)fd;
    struct bus_peer *peer = data;
    if (events & LOOP_WRITE && !peer->dead)
        flush(peer);
    if (!(events & LOOP_READ))
        return;
    for (size_t i = 0; i < PEER_READ_MAX / CHUNK && !peer->dead && !peer->parting; i++)
        if (!read_chunk(peer))
            return;
}

static void on_deadline(void *data)
{
    struct bus_peer *peer = data;
    if (peer->parting)
        drop(peer, ERR_TIMEOUT, "it did not read our refusal");
    else if (peer->session.up)
        drop(peer, ERR_TIMEOUT, "it stopped in the middle of a message");
    else
        drop(peer, ERR_TIMEOUT, "it said no hello");
}

/* ---- life ---- */

struct bus_peer *peer_new(struct bus *bus, struct loop *loop, const struct peer_ops *ops, int fd, const struct session *session)
{
    struct bus_peer *peer = xcalloc(1, sizeof *peer);
    *peer = (struct bus_peer){.bus = bus, .loop = loop, .ops = ops, .fd = fd, .session = *session, .opened = loop_now(loop)};
    buf_init(&peer->in, PROTOCOL_FRAME_MAX + FRAME_HEAD + CHUNK);
    buf_init(&peer->out, PEER_QUEUE_MAX);
    peer->io = loop_io_new(loop, fd, LOOP_READ, on_io, peer);
    peer->timer = loop_timer_new(loop, on_deadline, peer);
    set_deadline(peer, mono_add_ms(peer->opened, PEER_HELLO_MS));
    return peer;
}

void peer_hello_done(struct bus_peer *peer)
{
    set_deadline(peer, MONO_NEVER);
}

void peer_free(struct bus_peer **ppeer)
{
    struct bus_peer *peer = *ppeer;
    *ppeer = NULL;
    loop_io_free(&peer->io);
    loop_timer_free(&peer->timer);
    close(peer->fd);
    buf_done(&peer->in);
    buf_done(&peer->out);
    free(peer);
}
