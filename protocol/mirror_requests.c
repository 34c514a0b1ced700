#include "protocol/mirror_parts.h"

#include "common/mem.h"

#include <stdlib.h>

struct pool *pool_of(struct mirror_pool *view)
{
    return (struct pool *)(void *)view;
}

void requests_init(struct pool *pool)
{
    pool->view.requests = map_new();
    pool->gone_index = map_new();
    pool->demand_sets = map_new();
}

static void forget_parts(struct pool *pool)
{
    for (size_t i = 0; i < pool->requests.n; i++)
        request_free(pool, pool->new_requests[i]);
    free(pool->new_requests);
    free(pool->new_gone);
    pool->new_requests = NULL;
    pool->new_gone = NULL;
    pool->requests.n = pool->requests.cap = pool->n_new_gone = pool->cap_new_gone = 0;
}

void requests_disconnected(struct pool *pool)
{
    forget_parts(pool);
    set_disconnected(&pool->requests);
}

static void free_all(struct pool *pool, struct map *requests)
{
    size_t cursor = 0;
    for (struct mirror_request *r; (r = map_next(requests, &cursor, NULL)) != NULL;)
        request_free(pool, r);
    map_free(requests);
}

void requests_free(struct pool *pool)
{
    forget_parts(pool);
    free_all(pool, pool->view.requests);
    gone_free(pool);
    map_free(pool->demand_sets);
}

/* ---- parts ---- */

static void gather_row(struct pool *pool, const struct request_row *row)
{
    struct set *set = &pool->requests;
    if (set->n == set->cap) {
        set->cap = set->cap ? set->cap * 2 : 16;
        pool->new_requests = xreallocarray(pool->new_requests, set->cap, sizeof *pool->new_requests);
    }
    pool->new_requests[set->n++] = request_new(pool, row);
}

static void gather_gone(struct pool *pool, const struct gone_row *row)
{
    if (pool->n_new_gone == pool->cap_new_gone) {
        pool->cap_new_gone = pool->cap_new_gone ? pool->cap_new_gone * 2 : 16;
        pool->new_gone = xreallocarray(pool->new_gone, pool->cap_new_gone, sizeof *pool->new_gone);
    }
    pool->new_gone[pool->n_new_gone++] = gone_make(row->id, row->result, row->agent, row->received_ms);
}

/* ---- the whole set ---- */

/* The request leaves; what it was fills in what the row (NULL: nobody told) does not say. */
static void leave(struct pool *pool, struct mono now, struct mirror_request *request, const struct mirror_gone *row)
{
    const char *agent = row && *row->agent ? row->agent : request->agent;
    int64_t received = row && row->received_ms ? row->received_ms : request->received_ms;
    gone_add(pool, now, request->id, row ? row->result : "", agent, received);
    pool->view.done++;
    request_free(pool, request);
}

static void apply_gone(struct pool *pool, struct mono now)
{
    for (size_t i = 0; i < pool->n_new_gone; i++) {
        struct mirror_gone *row = &pool->new_gone[i];
        struct mirror_request *request = map_remove_u64(pool->view.requests, row->id);
        if (request)
            leave(pool, now, request, row);
        else
            gone_add(pool, now, row->id, row->result, row->agent, row->received_ms);
    }
}

/* `from` and `to` are the same map for a delta. */
static void apply_row(struct pool *pool, struct map *from, struct map *to, struct mono now, struct mirror_request *request)
{
    struct mirror_request *old = map_remove_u64(from, request->id);
    struct mirror_request *twice = from == to ? NULL : map_remove_u64(to, request->id);
    request->first_seen = old ? old->first_seen : twice ? twice->first_seen : now;
    request_free(pool, old);
    request_free(pool, twice);
    map_set_u64(to, request->id, request);
}

static void apply_rows(struct pool *pool, struct map *from, struct map *to, struct mono now)
{
    for (size_t i = 0; i < pool->requests.n; i++)
        apply_row(pool, from, to, now, pool->new_requests[i]);
    pool->requests.n = 0;
}

static void apply_full(struct pool *pool, struct mono now)
{
    struct map *old = pool->view.requests, *fresh = map_new();
    apply_rows(pool, old, fresh, now);
    size_t cursor = 0;
    for (struct mirror_request *r; (r = map_next(old, &cursor, NULL)) != NULL;)
        leave(pool, now, r, NULL);
    map_free(old);
    pool->view.requests = fresh;
}

static void heard(struct pool *pool, struct mono now, const struct msg_requests *msg)
{
    pool->view.heard = now;
    pool->view.delay_ms = set_delay(msg->delay_ms);
    pool->view.reported_stale = msg->stale;
    xstr_replace(&pool->view.stale_reason, msg->stale ? msg->reason : "");
    gone_expire(pool, now);
}

static void commit(struct pool *pool, struct mono now, const struct msg_requests *msg)
{
    apply_gone(pool, now);
    if (msg->full)
        apply_full(pool, now);
    else
        apply_rows(pool, pool->view.requests, pool->view.requests, now);
    forget_parts(pool);
    pool->view.have_requests = true;
    pool->view.began = set_began(msg->began_ns, now);
    heard(pool, now, msg);
}

int requests_take(struct pool *pool, struct mono now, const struct msg_requests *msg, struct err *err)
{
    if (msg->stale) {
        if (set_stale(&pool->requests, msg->set, msg->n_rows + msg->n_gone, err))
            return -1;
        heard(pool, now, msg);
        return 0;
    }
    if (set_part(&pool->requests, msg->set, msg->full, msg->last, msg->n_rows + msg->n_gone + pool->n_new_gone, err))
        return -1;
    for (size_t i = 0; i < msg->n_rows; i++)
        gather_row(pool, &msg->rows[i]);
    for (size_t i = 0; i < msg->n_gone; i++)
        gather_gone(pool, &msg->gone[i]);
    if (msg->last)
        commit(pool, now, msg);
    return 0;
}
