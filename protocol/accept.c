/* Takes the connections that others make to us. */
#include "protocol/bus_parts.h"
#include "protocol/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PEERS_MAX = 32,               /* accepted connections; beyond, the oldest that is no process of ours makes room */
    ACCEPTS_MAX = 16,             /* in one callback */
    ACCEPT_PAUSE_MS = 1000,       /* no descriptors left */
};

static void make_room(struct bus *bus)
{
    struct bus_peer *oldest = NULL;
    size_t n = 0;
    for (struct bus_peer *p = bus->peers; p; p = p->next) {
        if (p->dead || dial_of(p))
            continue;
        n++;
        if (!bus_live(p) || p->session.peer == ROLE_AZPCTL)
            oldest = p;
    }
    if (n >= PEERS_MAX && oldest)
        bus_drop(oldest, ERR_UNAVAILABLE, "too many connections: the oldest makes room");
}

static void accepted(struct bus *bus, int fd)
{
    uid_t uid;
    if (socket_peer(fd, &uid)) {
        close(fd);
        return;
    }
    unsigned dialed = 1u << bus->role;
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (bus->dialers[i])
            dialed |= 1u << i;
    make_room(bus);
    bus_adopt(bus, NULL, fd, peer_uids_roles(&bus->uids, geteuid(), uid) & ~dialed);
}

/* Without descriptors left the listener would stay readable and spin. */
static void pause_accepting(struct bus *bus, int error)
{
    struct err err;
    err_set(&err, ERR_IO, "accept: %s", strerror(error));
    bus_complain(bus, &err);
    loop_io_set(bus->accept_io, 0);
    loop_timer_set(bus->accept_timer, mono_add_ms(loop_now(bus->loop), ACCEPT_PAUSE_MS));
}

static void on_accept(int listener, int events, void *data)
{
    (void)events;
    struct bus *bus = data;
    for (size_t i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accepted(bus, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN)
            pause_accepting(bus, errno);
        return;
    }
}

static void on_accept_again(void *data)
{
    struct bus *bus = data;
    loop_io_set(bus->accept_io, LOOP_READ);
}

int accept_start(struct bus *bus, struct err *err)
{
    bus->fd = socket_listen(bus->run_dir, bus->role, err);
    if (bus->fd < 0)
        return -1;
    bus->accept_io = loop_io_new(bus->loop, bus->fd, LOOP_READ, on_accept, bus);
    bus->accept_timer = loop_timer_new(bus->loop, on_accept_again, bus);
    return 0;
}

void accept_stop(struct bus *bus)
{
    struct sockaddr_un address;
    struct err err;
    if (bus->fd < 0)
        return;
    loop_io_free(&bus->accept_io);
    loop_timer_free(&bus->accept_timer);
    close(bus->fd);
    if (socket_address(bus->run_dir, bus->role, &address, &err) == 0)
        unlink(address.sun_path);
}
