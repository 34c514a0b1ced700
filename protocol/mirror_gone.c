/* Requests that have left, newest last, found by id through a map of sequence numbers. */
#include "protocol/mirror_parts.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* What is too long is no name that we gave. */
static void copy(char *to, size_t size, const char *from)
{
    size_t n = strlen(from) + 1;
    if (n <= size)
        memcpy(to, from, n);
}

struct mirror_gone gone_make(uint64_t id, const char *result, const char *agent, int64_t received_ms)
{
    struct mirror_gone gone = {.id = id, .received_ms = received_ms};
    copy(gone.result, sizeof gone.result, result);
    copy(gone.agent, sizeof gone.agent, agent);
    return gone;
}

static struct mirror_gone *find(const struct pool *pool, uint64_t id)
{
    uintptr_t sequence = (uintptr_t)map_get_u64(pool->gone_index, id);
    return sequence ? &pool->view.gone[sequence - 1 - pool->gone_base] : NULL;
}

const struct mirror_gone *mirror_gone_find(const struct mirror_pool *view, uint64_t id)
{
    return find((const struct pool *)(const void *)view, id);
}

static void drop_oldest(struct pool *pool, size_t n)
{
    struct mirror_pool *view = &pool->view;
    if (!n)
        return;
    for (size_t i = 0; i < n; i++)
        map_remove_u64(pool->gone_index, view->gone[i].id);
    view->n_gone -= n;
    pool->gone_base += n;
    if (view->n_gone) {
        memmove(view->gone, view->gone + n, view->n_gone * sizeof *view->gone);
        return;
    }
    free(view->gone);
    view->gone = NULL;
    pool->cap_gone = 0;
}

void gone_expire(struct pool *pool, struct mono now)
{
    size_t n = 0;
    while (n < pool->view.n_gone && mono_reached(mono_add_ms(pool->view.gone[n].seen, GONE_MS), now))
        n++;
    drop_oldest(pool, n);
}

/* What is known only later completes what was noted first. */
static void complete(struct mirror_gone *old, const char *result, const char *agent, int64_t received_ms)
{
    struct mirror_gone whole =
        gone_make(old->id, *result ? result : old->result, *agent ? agent : old->agent, received_ms ? received_ms : old->received_ms);
    whole.seen = old->seen;
    *old = whole;
}

static void make_room(struct pool *pool)
{
    struct mirror_pool *view = &pool->view;
    if (view->n_gone == GONE_MAX)
        drop_oldest(pool, GONE_MAX / 16);
    if (view->n_gone < pool->cap_gone)
        return;
    pool->cap_gone = pool->cap_gone ? pool->cap_gone * 2 : 16;
    view->gone = xreallocarray(view->gone, pool->cap_gone, sizeof *view->gone);
}

void gone_add(struct pool *pool, struct mono now, uint64_t id, const char *result, const char *agent, int64_t received_ms)
{
    struct mirror_gone *old = find(pool, id);
    if (old) {
        complete(old, result, agent, received_ms);
        return;
    }
    make_room(pool);
    struct mirror_pool *view = &pool->view;
    struct mirror_gone *gone = &view->gone[view->n_gone++];
    *gone = gone_make(id, result, agent, received_ms);
    gone->seen = now;
    map_set_u64(pool->gone_index, id, (void *)(uintptr_t)(pool->gone_base + view->n_gone));
}

void gone_free(struct pool *pool)
{
    drop_oldest(pool, pool->view.n_gone);
    map_free(pool->gone_index);
}
