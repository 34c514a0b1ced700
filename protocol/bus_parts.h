/* The insides of a bus, shared by bus.c (what frames mean, the owner's calls), dial.c and accept.c (how connections come to be). Private to protocol/. */
#ifndef PROTOCOL_BUS_PARTS_H
#define PROTOCOL_BUS_PARTS_H

#include "protocol/peer.h"

struct dialer {
    struct bus *bus;
    enum role role;
    struct bus_peer *peer;        /* NULL: not connected */
    struct loop_timer *timer;
    unsigned failures;            /* in a row */
    bool complained;
};

struct bus {
    struct loop *loop;
    enum role role;
    char *run_dir, *build, *instance;
    struct bus_options ops;       /* callbacks; its strings are not used */
    struct peer_uids uids;
    int fd;                       /* -1: not listening */
    struct loop_io *accept_io;
    struct loop_timer *accept_timer;
    struct dialer *dialers[ROLE_COUNT];
    struct bus_peer *peers;       /* newest first; dead ones until the next post */
    bool reaping;
    struct err last_complaint;
    struct mono complained;       /* when */
    uint64_t unsaid;              /* complaints swallowed since */
};

/* A new connection of this dialer (NULL: the other end dialed): says hello. */
void bus_adopt(struct bus *bus, struct dialer *dialer, int fd, unsigned may_be);
void bus_drop(struct bus_peer *peer, enum err_code code, const char *why);
bool bus_live(const struct bus_peer *peer);
/* A warning about connections that others made to us: rare, however many there are. */
void bus_complain(struct bus *bus, const struct err *err);

int dial_check(const struct bus_options *options, struct err *err);      /* every path that will be used must fit, not only our own */
void dial_start(struct bus *bus, unsigned roles);
void dial_stop(struct bus *bus);
void dial_failed(struct dialer *dialer, const struct err *err);
struct dialer *dial_of(const struct bus_peer *peer);                     /* NULL: the other end dialed */

int accept_start(struct bus *bus, struct err *err);
void accept_stop(struct bus *bus);

#endif
