/* The sockets between the processes: each role listens in RUN_DIR/<role>/socket; the watcher dials provisioner and reaper, the provisioner dials the reaper,
 * azpctl dials any. Reconnects with backoff, says hello, checks who may send what, bounds every queue. No process ever blocks on another. */
#ifndef PROTOCOL_BUS_H
#define PROTOCOL_BUS_H

#include "common/loop.h"
#include "protocol/msg.h"

struct bus;
struct bus_peer;                  /* one connection, after its hello */

struct bus_options {
    const char *run_dir;
    enum role role;
    const char *build, *instance;
    const char *peer_uids;        /* see config.h; NULL = own uid and root may claim any role */
    bool listen;                  /* false for azpctl */
    unsigned dial;                /* 1u << ROLE_REAPER | ...: roles to keep connected to */
    /* A peer said hello, or is gone (everything known through it may be old now; after the next hello resend what it needs). */
    void (*on_peer)(void *data, struct bus_peer *peer, bool up);
    void (*on_message)(void *data, struct bus_peer *from, const struct msg *msg);   /* msg dies after the call */
    void *data;
};

/* ERR_CONFIG with one sentence for a path that is too long, taken by a live process, or not writable. */
struct bus *bus_open(struct loop *loop, const struct bus_options *options, struct err *err);
void bus_close(struct bus **bus);
bool bus_up(const struct bus *bus, enum role role);
/* Queues for the connected peer of that role (the newest connection). -1 when it is not connected or its queue is full: then the connection is
 * dropped, and the resync after the next hello brings the newest state. */
int bus_send(struct bus *bus, enum role role, const struct msg *msg);
int bus_reply(struct bus_peer *peer, const struct msg *msg);
/* What it sent makes no sense: the connection ends, it connects anew and sends everything. Logged once by the bus. */
void bus_drop(struct bus_peer *peer, enum err_code code, const char *why);
enum role bus_peer_role(const struct bus_peer *peer);
bool bus_flushed(const struct bus *bus);                 /* nothing queued: for a clean end */
size_t bus_peers(const struct bus *bus, enum role role);

/* `msg` (requests, agents or status_reply) holds all rows, however many: calls send once per part, with .last set on the final one; at least once.
 * Lists of strings go with the first part. Stops with -1 when send does. */
typedef int bus_part_fn(void *data, const struct msg *part);
int bus_in_parts(const struct msg *msg, bus_part_fn *send, void *data);

#endif
