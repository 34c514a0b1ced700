#include "protocol/session.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_uid(const char *text, uid_t *ret)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value >= UINT32_MAX)
        return -1;
    *ret = (uid_t)value;
    return 0;
}

static int parse_entry(char *entry, struct peer_uids *ret)
{
    char *value = strchr(entry, '=');
    if (!value || ret->n == PEER_UIDS_MAX)
        return -1;
    *value++ = '\0';
    if (role_parse(entry, &ret->list[ret->n].role) || parse_uid(value, &ret->list[ret->n].uid))
        return -1;
    ret->n++;
    return 0;
}

int peer_uids_parse(const char *text, struct peer_uids *ret, struct err *err)
{
    *ret = (struct peer_uids){.n = 0};
    char *copy = xstrdup(str_or_empty(text)), *rest = copy;
    int result = 0;
    for (char *entry; !result && (entry = strsep(&rest, ",")) != NULL;) {
        entry += strspn(entry, " ");
        for (size_t n = strlen(entry); n && entry[n - 1] == ' ';)
            entry[--n] = '\0';
        if (*entry && parse_entry(entry, ret))
            result = err_set(err, ERR_CONFIG, "PEER_UIDS: \"%s\" is not a list like watcher=10001,provisioner=10002,reaper=10003", text);
    }
    free(copy);
    return result;
}

unsigned peer_uids_roles(const struct peer_uids *uids, uid_t self, uid_t uid)
{
    const unsigned all = (1u << ROLE_COUNT) - 1;
    if (uid == 0 || (!uids->n && uid == self))
        return all;
    unsigned roles = uid == self ? 1u << ROLE_AZPCTL : 0;
    for (size_t i = 0; i < uids->n; i++)
        if (uids->list[i].uid == uid)
            roles |= 1u << uids->list[i].role | 1u << ROLE_AZPCTL;
    return roles;
}

static struct msg unsupported(uint64_t number, const char *reason)
{
    return (struct msg){.type = MSG_unsupported, .u.unsupported = {.number = number, .reason = reason}};
}

static enum session_verdict refuse(uint64_t number, const char *reason, struct msg *reply, struct err *err)
{
    *reply = unsupported(number, reason);
    err_set(err, ERR_DENIED, "refused: %s", reason);
    return SESSION_REFUSE;
}

static enum session_verdict hello(struct session *session, const struct msg_hello *msg, struct msg *reply, struct err *err)
{
    if (msg->version < SESSION_VERSION_OLDEST || msg->version > PROTOCOL_VERSION + 1) {   /* one newer knows how to speak with us */
        refuse(msg->version, "this protocol version is not spoken here", reply, err);
        err_set(err, ERR_DENIED, "%s speaks protocol version %llu, we speak %d: run the same release of all processes", msg->role,
                (unsigned long long)msg->version, PROTOCOL_VERSION);
        return SESSION_REFUSE;
    }
    enum role role;
    if (role_parse(msg->role, &role))
        return refuse(PROTOCOL_VERSION, "unknown role", reply, err);
    if (!(session->may_be & 1u << role)) {
        refuse(PROTOCOL_VERSION, "this user may not claim that role, or another role is expected here", reply, err);
        err_set(err, ERR_DENIED, "a peer claims to be %s, which its user may not (PEER_UIDS), or which is not expected on this socket", role_name(role));
        return SESSION_REFUSE;
    }
    session->up = true;
    session->peer = role;
    return SESSION_UP;
}

static enum session_verdict before_hello(struct session *session, const struct msg *msg, uint64_t number, struct msg *reply, struct err *err)
{
    if (msg && msg->type == MSG_hello)
        return hello(session, &msg->u.hello, reply, err);
    if (msg && msg->type == MSG_unsupported) {
        err_set(err, ERR_DENIED, "the peer refuses us: %s (%llu)", msg->u.unsupported.reason, (unsigned long long)msg->u.unsupported.number);
        return SESSION_CLOSE;
    }
    return refuse(number, "hello must come first", reply, err);
}

enum session_verdict session_receive(struct session *session, const struct msg *msg, uint64_t number, struct msg *reply, struct err *err)
{
    if (!session->up)
        return before_hello(session, msg, number, reply, err);
    if (!msg) {
        *reply = unsupported(number, "unknown message number");
        return SESSION_ANSWER;
    }
    if (msg->type == MSG_hello || !msg_allowed(msg->type, session->peer, session->self)) {
        err_set(err, ERR_INVALID, "%s may not send %s to %s%s", role_name(session->peer), msg_name(msg->type), role_name(session->self),
                msg->type == MSG_hello ? " twice" : "");
        return SESSION_CLOSE;
    }
    return SESSION_DELIVER;
}
