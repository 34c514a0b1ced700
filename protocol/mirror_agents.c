/* The agents of a pool: always a whole set, sorted by name, with an index sorted by host name. */
#include "protocol/mirror_parts.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct mirror_agent agent_copy(const struct agent_row *row)
{
    size_t name = strlen(row->name) + 1, host = strlen(row->host) + 1, instance = strlen(row->instance) + 1;
    char *block = xcalloc(1, name + host + instance);
    return (struct mirror_agent){
        .id = row->id, .online = row->online, .enabled = row->enabled, .ours = row->ours, .placeholder = row->placeholder, .assigned = row->assigned, .last = row->last,
        .offline_since = MONO_NEVER,
        .name = memcpy(block, row->name, name),
        .host = memcpy(block + name, row->host, host),
        .instance = memcpy(block + name + host, row->instance, instance),
    };
}

static void free_list(struct mirror_agent *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].name);
    free(list);
}

static void forget_parts(struct pool *pool)
{
    free_list(pool->new_agents, pool->agents.n);
    pool->new_agents = NULL;
    pool->agents.n = pool->agents.cap = 0;
}

void agents_disconnected(struct pool *pool)
{
    forget_parts(pool);
    set_disconnected(&pool->agents);
}

void agents_free(struct pool *pool)
{
    forget_parts(pool);
    free_list(pool->view.agents, pool->view.n_agents);
    free(pool->by_host);
}

static void gather(struct pool *pool, const struct agent_row *row)
{
    struct set *set = &pool->agents;
    if (set->n == set->cap) {
        set->cap = set->cap ? set->cap * 2 : 16;
        pool->new_agents = xreallocarray(pool->new_agents, set->cap, sizeof *pool->new_agents);
    }
    pool->new_agents[set->n++] = agent_copy(row);
}

/* ---- the whole set ---- */

/* Of several with one name or host: the online one first, then the newest. */
static int better_first(const struct mirror_agent *a, const struct mirror_agent *b)
{
    if (a->online != b->online)
        return a->online ? -1 : 1;
    return a->id > b->id ? -1 : a->id < b->id;
}

static int by_name(const void *a, const void *b)
{
    const struct mirror_agent *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);
    return order ? order : better_first(x, y);
}

static int by_host(const void *a, const void *b, void *agents)
{
    const struct mirror_agent *list = agents, *x = &list[*(const uint32_t *)a], *y = &list[*(const uint32_t *)b];
    int order = strcasecmp(x->host, y->host);
    return order ? order : better_first(x, y);
}

static void index_hosts(struct pool *pool)
{
    struct mirror_pool *view = &pool->view;
    pool->by_host = xreallocarray(pool->by_host, view->n_agents + 1, sizeof *pool->by_host);
    pool->n_by_host = 0;
    for (size_t i = 0; i < view->n_agents; i++)
        if (*view->agents[i].host)
            pool->by_host[pool->n_by_host++] = (uint32_t)i;
    qsort_r(pool->by_host, pool->n_by_host, sizeof *pool->by_host, by_host, view->agents);
}

static const struct mirror_agent *same_before(const struct mirror_pool *view, const struct mirror_agent *agent)
{
    const struct mirror_agent *old = mirror_agent_by_name(view, agent->name);
    return old && old->id == agent->id ? old : NULL;
}

static void note_offline(const struct mirror_pool *view, struct mirror_agent *agent, struct mono now)
{
    if (agent->online)
        return;
    const struct mirror_agent *old = same_before(view, agent);
    agent->offline_since = old && !old->online ? old->offline_since : now;
}

static void commit(struct pool *pool, struct mono now, const struct msg_agents *msg)
{
    struct mirror_pool *view = &pool->view;
    for (size_t i = 0; i < pool->agents.n; i++)
        note_offline(view, &pool->new_agents[i], now);
    free_list(view->agents, view->n_agents);
    view->agents = pool->new_agents;
    view->n_agents = pool->agents.n;
    pool->new_agents = NULL;
    pool->agents.n = pool->agents.cap = 0;
    if (view->n_agents)
        qsort(view->agents, view->n_agents, sizeof *view->agents, by_name);
    index_hosts(pool);
    view->have_agents = true;
    view->agents_began = set_began(msg->began_ns, now);
}

static void heard(struct mirror_pool *view, struct mono now, const struct msg_agents *msg)
{
    view->agents_heard = now;
    view->agents_delay_ms = set_delay(msg->delay_ms);
    view->agents_reported_stale = msg->stale;
}

int agents_take(struct pool *pool, struct mono now, const struct msg_agents *msg, struct err *err)
{
    if (msg->stale) {
        if (set_stale(&pool->agents, msg->set, msg->n_rows, err))
            return -1;
        heard(&pool->view, now, msg);
        return 0;
    }
    if (set_part(&pool->agents, msg->set, true, msg->last, msg->n_rows, err))
        return -1;
    for (size_t i = 0; i < msg->n_rows; i++)
        gather(pool, &msg->rows[i]);
    if (!msg->last)
        return 0;
    commit(pool, now, msg);
    heard(&pool->view, now, msg);
    return 0;
}

/* ---- look-ups ---- */

const struct mirror_agent *mirror_agent_by_name(const struct mirror_pool *view, const char *name)
{
    size_t low = 0, high = view->n_agents;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcasecmp(view->agents[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->n_agents && strcasecmp(view->agents[low].name, name) == 0 ? &view->agents[low] : NULL;
}

const struct mirror_agent *mirror_agent_by_host(const struct mirror_pool *view, const char *host)
{
    const struct pool *pool = (const struct pool *)(const void *)view;
    size_t low = 0, high = pool->n_by_host;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcasecmp(view->agents[pool->by_host[middle]].host, host) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == pool->n_by_host)
        return NULL;
    const struct mirror_agent *agent = &view->agents[pool->by_host[low]];
    return strcasecmp(agent->host, host) == 0 ? agent : NULL;
}
