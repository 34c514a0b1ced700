/* Keeps the connections that we dial: backs off, and says so once when it takes long. */
#include "protocol/bus_parts.h"
#include "protocol/socket.h"

#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE = 6 /* failed dials before it is worth a line: peers start in any order */ };

static const struct backoff redial = {.first_ms = 100, .max_ms = 5000};

void dial_failed(struct dialer *dialer, const struct err *err)
{
    dialer->failures++;
    bool telling = (err->code != ERR_UNAVAILABLE && err->code != ERR_IO) || dialer->failures >= PATIENCE;
    if (telling && !dialer->complained) {
        log_warn("peer not connected, trying on", kv_s("peer", role_name(dialer->role)), kv_err(err));
        dialer->complained = true;
    }
    int64_t wait = backoff_delay(&redial, dialer->failures, clock_random());
    loop_timer_set(dialer->timer, mono_add_ms(loop_now(dialer->bus->loop), wait));
}

struct dialer *dial_of(const struct bus_peer *peer)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (peer->bus->dialers[i] && peer->bus->dialers[i]->peer == peer)
            return peer->bus->dialers[i];
    return NULL;
}

static void dial(void *data)
{
    struct dialer *dialer = data;
    struct bus *bus = dialer->bus;
    struct err err;
    uid_t uid;
    int fd = socket_dial(bus->run_dir, dialer->role, &err);
    if (fd < 0) {
        dial_failed(dialer, &err);
        return;
    }
    unsigned may_be = socket_peer(fd, &uid) ? 0 : peer_uids_roles(&bus->uids, geteuid(), uid) & 1u << dialer->role;
    bus_adopt(bus, dialer, fd, may_be);
}

void dial_start(struct bus *bus, unsigned roles)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (!(roles & 1u << i))
            continue;
        struct dialer *d = xcalloc(1, sizeof *d);
        *d = (struct dialer){.bus = bus, .role = (enum role)i, .timer = loop_timer_new(bus->loop, dial, d)};
        bus->dialers[i] = d;
        loop_timer_set(d->timer, loop_now(bus->loop));
    }
}

void dial_stop(struct bus *bus)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (bus->dialers[i])
            loop_timer_free(&bus->dialers[i]->timer);
        free(bus->dialers[i]);
    }
}

int dial_check(const struct bus_options *options, struct err *err)
{
    struct sockaddr_un unused;
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (options->dial & 1u << i && socket_address(options->run_dir, (enum role)i, &unused, err))
            return -1;
    return 0;
}
