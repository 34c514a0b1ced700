/* One connection of the bus: bytes in and out, frames, deadlines. What the frames mean is bus.c's. Private to protocol/. */
#ifndef PROTOCOL_PEER_H
#define PROTOCOL_PEER_H

#include "protocol/bus.h"
#include "protocol/session.h"

enum {
    PEER_QUEUE_MAX = 8 << 20,     /* unsent bytes: beyond, the connection is dropped */
    PEER_READ_MAX = 256 << 10,    /* bytes read in one callback */
    PEER_HELLO_MS = 5000,         /* from connect to hello; also: from a refusal to its being read */
    PEER_FRAME_MS = 30000,        /* from a frame's first byte to its last */
};

struct peer_ops {
    /* One frame's body; the peer may be dropped by it. */
    void (*on_frame)(struct bus_peer *peer, const char *body, size_t n);
    /* The connection is of no more use. The peer is marked dead and must be freed from a post. */
    void (*on_dead)(struct bus_peer *peer, const struct err *err);
};

struct bus_peer {
    struct bus *bus;
    const struct peer_ops *ops;
    struct loop *loop;
    int fd;
    struct loop_io *io;
    struct loop_timer *timer;
    struct buf in, out;
    size_t sent;                  /* bytes of out that the kernel has */
    struct mono opened;
    struct mono deadline;         /* hello, half a frame or the last flush */
    struct session session;
    bool announced;               /* on_peer(up) was told and on_peer(down) was not */
    bool parting;                 /* closes when out is flushed */
    bool deaf;                    /* takes nothing any more; what it sent before is still read */
    bool dead;
    bool clean;                   /* the other end closed between frames */
    struct bus_peer *next;
};

/* Takes fd over. */
struct bus_peer *peer_new(struct bus *bus, struct loop *loop, const struct peer_ops *ops, int fd, const struct session *session);
void peer_free(struct bus_peer **peer);
/* -1 with err: the connection was dropped (ERR_UNAVAILABLE: queue full, or dead already), or the message cannot be sent at all (connection stays). */
int peer_send(struct bus_peer *peer, const struct msg *msg, struct err *err);
void peer_drop(struct bus_peer *peer, const struct err *err);
void peer_part(struct bus_peer *peer);           /* no more reading; drop when everything queued is sent, or at the deadline */
void peer_hello_done(struct bus_peer *peer);
bool peer_flushed(const struct bus_peer *peer);

#endif
