#include "protocol/azpctl/view.h"

#include "common/map.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Who is asked first what is so. */
static const enum role order[PROCESSES] = {ROLE_PROVISIONER, ROLE_WATCHER, ROLE_REAPER};

struct seen { struct map *requests, *units; };

static struct pool_view *pool_named(struct view *view, const char *name)
{
    for (size_t i = 0; i < view->n_pools; i++)
        if (strcmp(view->pools[i].main->name, name) == 0)
            return &view->pools[i];
    view->pools = xreallocarray(view->pools, view->n_pools + 1, sizeof *view->pools);
    view->pools[view->n_pools] = (struct pool_view){.main = NULL};
    return &view->pools[view->n_pools++];
}

static void add_pools(struct view *view, enum role role, const struct msg_status_reply *part)
{
    for (size_t i = 0; i < part->n_pools; i++) {
        struct pool_view *pool = pool_named(view, part->pools[i].name);
        pool->of[role] = &part->pools[i];
        if (!pool->main)
            pool->main = &part->pools[i];
    }
}

static void add_requests(struct view *view, struct seen *seen, const struct msg_status_reply *part)
{
    view->requests = xreallocarray(view->requests, view->n_requests + part->n_requests + 1, sizeof *view->requests);
    for (size_t i = 0; i < part->n_requests; i++) {
        const struct request_status *row = &part->requests[i];
        if (map_get_u64(seen->requests, row->id))
            continue;
        map_set_u64(seen->requests, row->id, view);
        view->requests[view->n_requests++] = row;
    }
}

static void add_units(struct view *view, struct seen *seen, const struct msg_status_reply *part)
{
    view->units = xreallocarray(view->units, view->n_units + part->n_units + 1, sizeof *view->units);
    for (size_t i = 0; i < part->n_units; i++) {
        const struct unit_status *row = &part->units[i];
        if (map_get(seen->units, row->name))
            continue;
        map_set(seen->units, row->name, view);
        view->units[view->n_units++] = row;
    }
}

static int by_queue_time(const void *a, const void *b)
{
    const struct request_status *x = *(const struct request_status *const *)a, *y = *(const struct request_status *const *)b;
    if (x->queued_ms != y->queued_ms)
        return x->queued_ms < y->queued_ms ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* What is in trouble first. */
static int by_trouble_and_name(const void *a, const void *b)
{
    const struct unit_status *x = *(const struct unit_status *const *)a, *y = *(const struct unit_status *const *)b;
    if (!*x->trouble != !*y->trouble)
        return *x->trouble ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void sort(struct view *view)
{
    if (view->n_requests)
        qsort(view->requests, view->n_requests, sizeof(view->requests[0]), by_queue_time);
    if (view->n_units)
        qsort(view->units, view->n_units, sizeof(view->units[0]), by_trouble_and_name);
}

void view_make(const struct answers *answers, struct view *ret)
{
    struct seen seen = {.requests = map_new(), .units = map_new()};
    *ret = (struct view){.n_pools = 0};
    for (size_t i = 0; i < PROCESSES; i++) {
        const struct answer *answer = &answers->of[order[i]];
        for (size_t k = 0; k < answer->n; k++) {
            add_pools(ret, order[i], &answer->parts[k]->u.status_reply);
            add_requests(ret, &seen, &answer->parts[k]->u.status_reply);
            add_units(ret, &seen, &answer->parts[k]->u.status_reply);
        }
    }
    map_free(seen.requests);
    map_free(seen.units);
    sort(ret);
}

void view_done(struct view *view)
{
    free(view->pools);
    free(view->requests);
    free(view->units);
}

const struct request_status *view_request(const struct answer *answer, uint64_t id)
{
    for (size_t k = 0; k < answer->n; k++) {
        const struct msg_status_reply *part = &answer->parts[k]->u.status_reply;
        for (size_t i = 0; i < part->n_requests; i++)
            if (part->requests[i].id == id)
                return &part->requests[i];
    }
    return NULL;
}

const struct unit_status *view_unit(const struct answer *answer, const char *name)
{
    for (size_t k = 0; k < answer->n; k++) {
        const struct msg_status_reply *part = &answer->parts[k]->u.status_reply;
        for (size_t i = 0; i < part->n_units; i++)
            if (strcmp(part->units[i].name, name) == 0)
                return &part->units[i];
    }
    return NULL;
}
