/* The answers of all processes as one picture: the provisioner's rows first, what only another knows is added. Pure. */
#ifndef AZPCTL_VIEW_H
#define AZPCTL_VIEW_H

#include "protocol/azpctl/client.h"

struct pool_view {
    const struct pool_status *main;               /* of the provisioner, else of whoever knows the pool */
    const struct pool_status *of[PROCESSES];      /* NULL: not told */
};

struct view {                     /* borrows the rows of the answers */
    struct pool_view *pools;
    const struct request_status **requests;
    const struct unit_status **units;
    size_t n_pools, n_requests, n_units;
};

void view_make(const struct answers *answers, struct view *ret);
void view_done(struct view *view);
const struct request_status *view_request(const struct answer *answer, uint64_t id);   /* what this process says of it; NULL */
const struct unit_status *view_unit(const struct answer *answer, const char *name);

#endif
