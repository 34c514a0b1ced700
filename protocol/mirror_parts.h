/* The insides of a mirrored pool: the picture that others see, and the parts of sets that are still coming in. Private to protocol/. */
#ifndef PROTOCOL_MIRROR_PARTS_H
#define PROTOCOL_MIRROR_PARTS_H

#include "protocol/mirror.h"

enum {
    ROWS_MAX = 200000,            /* of one set: more is no pool, but a peer gone wild */
    GONE_MAX = 20000,
    GONE_MS = 15 * 60 * 1000,
    DELAY_MS_MAX = 3600 * 1000,
};

/* One set at a time, per pool and kind. */
struct set {
    bool open;                    /* some parts are in, the last is not */
    bool full;
    bool synced;                  /* a full set came over this connection: deltas may follow */
    bool any;                     /* number is valid */
    uint64_t number;              /* of the open set, or of the last one */
    size_t n, cap;                /* rows gathered */
};

struct pool {
    struct mirror_pool view;      /* first: pool_of() */
    struct set requests, agents;
    struct mirror_request **new_requests;        /* requests.n */
    struct mirror_gone *new_gone;
    size_t n_new_gone, cap_new_gone;
    size_t cap_gone;
    uint64_t gone_base;                          /* sequence number of gone[0] */
    struct map *gone_index;                      /* id -> its sequence number + 1, as a pointer */
    struct mirror_agent *new_agents;             /* agents.n */
    uint32_t *by_host;                           /* indexes into view.agents of those that have a host, sorted by it */
    size_t n_by_host;
    struct map *demand_sets;                     /* text of all demands -> struct demand_set */
};

struct pool *pool_of(struct mirror_pool *view);

/* The next part of a set: -1 with err when it cannot follow what came before. */
int set_part(struct set *set, uint64_t number, bool full, bool last, size_t rows, struct err *err);
/* The message that says that the picture is old: alone, between sets. */
int set_stale(struct set *set, uint64_t number, size_t rows, struct err *err);
void set_disconnected(struct set *set);
int64_t set_delay(uint64_t delay_ms);
struct mono set_began(uint64_t began_ns, struct mono now);

void requests_init(struct pool *pool);
void requests_free(struct pool *pool);
int requests_take(struct pool *pool, struct mono now, const struct msg_requests *msg, struct err *err);
void requests_disconnected(struct pool *pool);

struct mirror_request *request_new(struct pool *pool, const struct request_row *row);
void request_free(struct pool *pool, struct mirror_request *request);

void gone_add(struct pool *pool, struct mono now, uint64_t id, const char *result, const char *agent, int64_t received_ms);
void gone_expire(struct pool *pool, struct mono now);
void gone_free(struct pool *pool);
struct mirror_gone gone_make(uint64_t id, const char *result, const char *agent, int64_t received_ms);   /* copies */

int agents_take(struct pool *pool, struct mono now, const struct msg_agents *msg, struct err *err);
void agents_disconnected(struct pool *pool);
void agents_free(struct pool *pool);

#endif
