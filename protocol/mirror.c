#include "protocol/mirror_parts.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { POOLS_MAX = 1024 };

struct mirror {
    struct pool **pools;
    size_t n;
};

struct mirror *mirror_new(void)
{
    return xcalloc(1, sizeof(struct mirror));
}

static void pool_free(struct pool *pool)
{
    requests_free(pool);
    agents_free(pool);
    free(pool->view.name);
    free(pool->view.stale_reason);
    free(pool);
}

void mirror_free(struct mirror **pmirror)
{
    struct mirror *mirror = *pmirror;
    *pmirror = NULL;
    if (!mirror)
        return;
    for (size_t i = 0; i < mirror->n; i++)
        pool_free(mirror->pools[i]);
    free(mirror->pools);
    free(mirror);
}

size_t mirror_count(const struct mirror *mirror)
{
    return mirror->n;
}

struct mirror_pool *mirror_pool_at(const struct mirror *mirror, size_t i)
{
    CHECK(i < mirror->n);
    return &mirror->pools[i]->view;
}

struct mirror_pool *mirror_find(const struct mirror *mirror, const char *name)
{
    for (size_t i = 0; i < mirror->n; i++)
        if (strcmp(mirror->pools[i]->view.name, name) == 0)
            return &mirror->pools[i]->view;
    return NULL;
}

struct mirror_pool *mirror_find_id(const struct mirror *mirror, uint32_t id)
{
    for (size_t i = 0; i < mirror->n; i++)
        if (mirror->pools[i]->view.id == id)
            return &mirror->pools[i]->view;
    return NULL;
}

static struct pool *add_pool(struct mirror *mirror, const char *name)
{
    struct pool *pool = xcalloc(1, sizeof *pool);
    pool->view.name = xstrdup(name);
    pool->view.stale_reason = xstrdup("");
    requests_init(pool);
    mirror->pools = xreallocarray(mirror->pools, mirror->n + 1, sizeof(struct pool *));
    mirror->pools[mirror->n++] = pool;
    return pool;
}

/* A pool is known by its name: after a 404 the watcher may find it under another id. 0 = could not be resolved yet. */
static struct pool *find_or_add(struct mirror *mirror, uint64_t id, const char *name, struct err *err)
{
    struct mirror_pool *view = mirror_find(mirror, name);
    if (id > UINT32_MAX || !*name || (!view && mirror->n == POOLS_MAX)) {
        err_set(err, ERR_INVALID, "pool %llu \"%s\": no such pool can be", (unsigned long long)id, name);
        return NULL;
    }
    struct pool *pool = view ? pool_of(view) : add_pool(mirror, name);
    if (id && id != pool->view.id) {
        pool->requests.synced = false;   /* the old picture is of another pool: no delta on it */
        pool->view.id = (uint32_t)id;
    }
    return pool;
}

int mirror_requests(struct mirror *mirror, struct mono now, const struct msg_requests *msg, struct err *err)
{
    struct pool *pool = find_or_add(mirror, msg->pool_id, msg->pool, err);
    if (!pool)
        return -1;
    int result = requests_take(pool, now, msg, err);
    return result ? err_prefix(err, "requests of pool %s", msg->pool) : 0;
}

int mirror_agents(struct mirror *mirror, struct mono now, const struct msg_agents *msg, struct err *err)
{
    struct pool *pool = find_or_add(mirror, msg->pool_id, msg->pool, err);
    if (!pool)
        return -1;
    int result = agents_take(pool, now, msg, err);
    return result ? err_prefix(err, "agents of pool %s", msg->pool) : 0;
}

void mirror_disconnected(struct mirror *mirror, struct mono now)
{
    (void)now;   /* ages run from the last message on */
    for (size_t i = 0; i < mirror->n; i++) {
        requests_disconnected(mirror->pools[i]);
        agents_disconnected(mirror->pools[i]);
    }
}

/* ---- age ---- */

static struct mono silence_limit(struct mono heard, int64_t delay_ms)
{
    enum { AT_LEAST_MS = 30000 };
    return mono_add_ms(heard, delay_ms * 3 > AT_LEAST_MS ? delay_ms * 3 : AT_LEAST_MS);
}

struct mono mirror_stale_at(const struct mirror_pool *pool)
{
    return pool->have_requests ? silence_limit(pool->heard, pool->delay_ms) : MONO_NEVER;
}

struct mono mirror_agents_stale_at(const struct mirror_pool *pool)
{
    return pool->have_agents ? silence_limit(pool->agents_heard, pool->agents_delay_ms) : MONO_NEVER;
}

bool mirror_requests_fresh(const struct mirror_pool *pool, struct mono now)
{
    return pool->have_requests && !pool->reported_stale && !mono_reached(mirror_stale_at(pool), now);
}

bool mirror_agents_fresh(const struct mirror_pool *pool, struct mono now)
{
    return pool->have_agents && !pool->agents_reported_stale && !mono_reached(mirror_agents_stale_at(pool), now);
}
