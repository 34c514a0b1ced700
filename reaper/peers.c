/* What watcher, provisioner and azpctl tell us, and what we tell the provisioner. */
#include "reaper/shell_priv.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"

static void on_peer(void *data, struct bus_peer *peer, bool up)
{
    struct shell *s = data;
    if (bus_peer_role(peer) == ROLE_WATCHER && !up)
        mirror_disconnected(s->mirror, loop_now(s->loop));
    shell_dirty(s);
}

static void take_picture(struct shell *s, struct bus_peer *from, const struct msg *msg)
{
    struct err err;
    struct mono now = loop_now(s->loop);
    int result = msg->type == MSG_requests ? mirror_requests(s->mirror, now, &msg->u.requests, &err) : mirror_agents(s->mirror, now, &msg->u.agents, &err);
    if (result)
        bus_drop(from, err.code, err.text);
    shell_dirty(s);
}

static void take_order(struct shell *s, const struct msg_retire *order)
{
    log_debug("ordered to retire", kv_s("unit", order->unit), kv_s("reason", order->reason));
    reaper_order(s->reaper, loop_now(s->loop), order->unit, order->uid, order->reason);
    shell_dirty(s);
}

static void take_lead(struct shell *s, bool leading)
{
    if (s->standby == !leading)
        return;
    s->standby = !leading;
    log_info(leading ? "our provisioner leads: all rules apply" : "our provisioner stands by: only what has ended or is an orphan goes", KV_NONE);
    shell_dirty(s);
}

static void on_message(void *data, struct bus_peer *from, const struct msg *msg)
{
    struct shell *s = data;
    switch (msg->type) {
    case MSG_requests:
    case MSG_agents: take_picture(s, from, msg); return;
    case MSG_retire: take_order(s, &msg->u.retire); return;
    case MSG_leader: take_lead(s, msg->u.leader.leading); return;
    case MSG_done: once_heard(s, msg->u.done.complete); return;
    case MSG_status: status_answer(s, from, msg->u.status.request); return;
    case MSG_unsupported:
        log_warn("a peer does not know a message of ours", kv_i("number", (int64_t)msg->u.unsupported.number), kv_s("reason", msg->u.unsupported.reason));
        return;
    case MSG_hello:
    case MSG_trouble:
    case MSG_reaped:
    case MSG_poll:
    case MSG_pause:
    case MSG_drain:
    case MSG_status_reply: return;
    }
}

int peers_open(struct shell *s, struct err *err)
{
    const struct bus_options options = {
        .run_dir = s->config->run_dir, .role = ROLE_REAPER, .build = daemon_build(), .instance = s->config->instance, .peer_uids = s->config->peer_uids,
        .listen = true, .on_peer = on_peer, .on_message = on_message, .data = s,
    };
    s->bus = bus_open(s->loop, &options, err);
    return s->bus ? 0 : -1;
}

/* Once per unit: whoever is not there to hear it sees the unit go all the same. */
void peers_trouble(struct shell *s, const struct reaper_action *action)
{
    const struct unit *unit = action->unit;
    log_warn("unit does not work", kv_s("unit", unit->name), kv_s("pool", unit->pool), kv_i("request", (int64_t)unit->request_id),
             kv_s("reason", action->reason), kv_s("message", action->message));
    if (s->config->reaper_dry_run)
        return;
    s->troubles++;
    const struct msg msg = {.type = MSG_trouble, .u.trouble = {.unit = unit->name, .uid = unit->uid, .cause = action->reason, .message = action->message}};
    bus_send(s->bus, ROLE_PROVISIONER, &msg);
}

void peers_reaped(struct shell *s, const char *unit, const char *uid, const char *reason)
{
    const struct msg msg = {.type = MSG_reaped, .u.reaped = {.unit = unit, .uid = uid, .reason = reason, .when_ms = clock_wall().ms}};
    bus_send(s->bus, ROLE_PROVISIONER, &msg);
}
