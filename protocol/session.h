/* The rules of one connection, without the connection: who may be at the other end, hello first, versions, who may say what. Pure. */
#ifndef PROTOCOL_SESSION_H
#define PROTOCOL_SESSION_H

#include "protocol/msg.h"

#include <sys/types.h>

enum { SESSION_VERSION_OLDEST = PROTOCOL_VERSION > 1 ? PROTOCOL_VERSION - 1 : 1, PEER_UIDS_MAX = 32 };

/* "watcher=10001,provisioner=10002,reaper=10003": which user a role runs as; a role may be listed more than once. */
struct peer_uids {
    struct { enum role role; uid_t uid; } list[PEER_UIDS_MAX];
    size_t n;
};
/* NULL or "" leaves the list empty: our own user and root may claim any role. ERR_CONFIG otherwise. */
int peer_uids_parse(const char *text, struct peer_uids *ret, struct err *err);
/* Bits (1u << role) of the roles that this user may claim towards a process that runs as self. */
unsigned peer_uids_roles(const struct peer_uids *uids, uid_t self, uid_t uid);

struct session {
    enum role self;
    unsigned may_be;              /* bits: roles that the peer may claim */
    bool up;                      /* its hello was accepted: peer is valid */
    enum role peer;
};

enum session_verdict {
    SESSION_UP,                   /* that was its hello: start */
    SESSION_DELIVER,
    SESSION_ANSWER,               /* send *reply, go on */
    SESSION_REFUSE,               /* send *reply, then close; err says why */
    SESSION_CLOSE,                /* err says why */
};

/* What a decoded message means for the session; msg NULL = a message number that is not in the table. The reply's strings are static. */
enum session_verdict session_receive(struct session *session, const struct msg *msg, uint64_t number, struct msg *reply, struct err *err);

#endif
