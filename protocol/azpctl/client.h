/* Asks the processes for their state and waits until each has answered, refused, or the time is up. */
#ifndef AZPCTL_CLIENT_H
#define AZPCTL_CLIENT_H

#include "protocol/msg.h"

enum { PROCESSES = ROLE_AZPCTL };   /* the roles before it are the processes */

struct answer {                   /* of one process */
    bool asked;
    bool whole;                   /* everything came */
    struct err err;               /* why not */
    struct msg **parts;           /* status_reply messages, in order */
    size_t n;
};

struct answers { struct answer of[PROCESSES]; };

/* roles: bits (1u << role). request: 0 = everything. */
void client_ask(const char *run_dir, unsigned roles, uint64_t request, int64_t timeout_ms, struct answers *ret);
void client_free(struct answers *answers);
size_t client_whole(const struct answers *answers);
size_t client_asked(const struct answers *answers);
/* The first part, which says who answers; NULL when nothing came. */
const struct msg_status_reply *client_first(const struct answer *answer);

#endif
