/* What the other processes say and are told. */
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/shell_priv.h"

#include <string.h>

static void tell_leading(struct shell *s, enum role role)
{
    struct msg msg = {.type = MSG_leader, .u.leader = {.leading = leader_leads(s->leader)}};
    bus_send(s->bus, role, &msg);
}

void peers_tell_leading(struct shell *s)
{
    tell_leading(s, ROLE_WATCHER);
    tell_leading(s, ROLE_REAPER);
}

static void on_peer(void *data, struct bus_peer *peer, bool up)
{
    struct shell *s = data;
    enum role role = bus_peer_role(peer);
    switch (role) {
    case ROLE_WATCHER:
        if (up)
            tell_leading(s, role);
        else
            mirror_disconnected(s->mirror, loop_now(s->loop));
        break;
    case ROLE_REAPER:
        if (up) {
            tell_leading(s, role);
            ledger_reaper_connected(s->ledger);
        }
        break;
    case ROLE_PROVISIONER:
    case ROLE_AZPCTL:
    case ROLE_COUNT:
        return;
    }
    shell_dirty(s);
}

/* A picture that cannot be right is asked for anew: the connection ends, the next one begins with everything. */
static void on_requests(struct shell *s, struct bus_peer *from, const struct msg_requests *msg)
{
    struct err err = {0};
    if (mirror_requests(s->mirror, loop_now(s->loop), msg, &err))
        bus_drop(from, ERR_INVALID, err.text);
    shell_dirty(s);
}

static void on_agents(struct shell *s, struct bus_peer *from, const struct msg_agents *msg)
{
    struct err err = {0};
    if (mirror_agents(s->mirror, loop_now(s->loop), msg, &err))
        bus_drop(from, ERR_INVALID, err.text);
    shell_dirty(s);
}

static void on_trouble(struct shell *s, const struct msg_trouble *msg)
{
    s->troubles++;
    log_debug("the reaper tells of trouble", kv_s("unit", msg->unit), kv_s("cause", msg->cause), kv_s("message", msg->message));
    ledger_trouble(s->ledger, loop_now(s->loop), msg->unit, msg->uid, msg->cause, msg->message);
    events_warn(s->events, msg->unit, msg->uid, msg->cause, msg->message);
    if (strcmp(msg->cause, unit_trouble_name(UNIT_CONTAINER_CONFIG)) == 0)
        setup_look_again(s->setup);
    shell_dirty(s);
}

static void on_reaped(struct shell *s, const struct msg_reaped *msg)
{
    s->reaped++;
    log_debug("the reaper deleted a unit", kv_s("unit", msg->unit), kv_s("reason", msg->reason));
}

static void not_yet(struct bus_peer *from, enum msg_type type)
{
    struct msg msg = {.type = MSG_unsupported, .u.unsupported = {.number = type, .reason = "this version of the provisioner cannot do that"}};
    bus_reply(from, &msg);
}

static void on_message(void *data, struct bus_peer *from, const struct msg *msg)
{
    struct shell *s = data;
    switch (msg->type) {
    case MSG_requests: on_requests(s, from, &msg->u.requests); return;
    case MSG_agents: on_agents(s, from, &msg->u.agents); return;
    case MSG_trouble: on_trouble(s, &msg->u.trouble); return;
    case MSG_reaped: on_reaped(s, &msg->u.reaped); return;
    case MSG_done: once_heard(s, &msg->u.done); return;
    case MSG_status: status_answer(s, from, msg->u.status.request); return;
    case MSG_pause:
    case MSG_drain: not_yet(from, msg->type); return;
    case MSG_unsupported:
        log_warn("a peer does not understand us", kv_s("peer", role_name(bus_peer_role(from))), kv_i("message", (int64_t)msg->u.unsupported.number),
                 kv_s("reason", msg->u.unsupported.reason));
        return;
    case MSG_hello:
    case MSG_retire:
    case MSG_leader:
    case MSG_poll:
    case MSG_status_reply: return;   /* the bus lets none of them through to us */
    }
}

/* An order that does not reach the reaper is given again when it is connected. */
void peers_retire(struct shell *s, const struct ledger_action *action)
{
    struct msg msg = {.type = MSG_retire, .u.retire = {.unit = action->name, .uid = action->uid, .reason = action->reason}};
    if (bus_send(s->bus, ROLE_REAPER, &msg))
        return;
    s->retired++;
    log_info("unit to be retired", kv_s("unit", action->name), kv_s("pool", action->pool->name), kv_s("reason", action->reason));
}

int peers_open(struct shell *s, struct err *err)
{
    struct bus_options options = {
        .run_dir = s->config->run_dir,
        .role = ROLE_PROVISIONER,
        .build = daemon_build(),
        .instance = s->config->instance,
        .peer_uids = s->config->peer_uids,
        .listen = true,
        .dial = 1u << ROLE_REAPER,
        .on_peer = on_peer,
        .on_message = on_message,
        .data = s,
    };
    s->bus = bus_open(s->loop, &options, err);
    return s->bus ? 0 : -1;
}
